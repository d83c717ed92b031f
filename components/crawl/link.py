"""Link the images that pages show by address to the bytes that were found under that address.

Two steps, so that no worker ever holds more than one bucket of addresses: `link_images` joins the
addresses pages show with the addresses images were fetched from, bucket by bucket; `assemble` puts
what it found into the documents, shard by shard.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from components.core import schemas
from components.core.stage import Output, Stage, Unit


class LinkReason(StrEnum):
    """Linking refuses nothing."""


class NoParams(BaseModel):
    """A step without parameters."""

    model_config = ConfigDict(extra="forbid")


class LinkImagesStage(Stage[NoParams]):
    """Join addresses with images. Derives a table: an address without an image is no loss.

    An address that was captured more than once with different bytes gets the smallest image id, so
    that the result does not depend on the order of the captures.
    """

    name = "link_images"
    consumes = {"image_refs": "image_refs/1", "image_index": "image_index/1"}
    produces = {"image_links": "image_links/1"}
    reasons = LinkReason
    grouping = "partition"
    conserves = False
    partitioned = {"image_links": "shard"}

    def run(self, unit: Unit, out: Output) -> None:
        index = unit.tables["image_index"].sort_by([("url", "ascending"), ("image_id", "ascending")])
        found: dict[str, tuple[str, int, int]] = {}
        for row in index.to_pylist():
            found.setdefault(row["url"], (row["image_id"], row["width"], row["height"]))
        refs = unit.tables["image_refs"]
        if found:
            refs = refs.filter(pc.is_in(refs.column("url"), value_set=pa.array(found, pa.string())))
        else:
            refs = refs.slice(0, 0)
        links = [
            {"shard": shard, "url": url, "image_id": image, "width": width, "height": height}
            for shard, url in sorted(
                set(zip(refs.column("shard").to_pylist(), refs.column("url").to_pylist(), strict=True))
            )
            for image, width, height in [found[url]]
        ]
        out.count("addresses_shown", unit.tables["image_refs"].num_rows)
        out.count("addresses_found", len(links))
        out.keep("image_links", pa.Table.from_pylist(links, schema=schemas.get("image_links/1")))


class AssembleStage(Stage[NoParams]):
    """Give every image item whose bytes were found its `image_id`, width and height."""

    name = "assemble"
    consumes = {"documents": "documents/1", "image_links": "image_links/1"}
    produces = {"documents": "documents/1"}
    reasons = LinkReason
    sides = {"image_links": "by_shard"}

    def run(self, unit: Unit, out: Output) -> None:
        documents = unit.tables["documents"]
        links = {row["url"]: row for row in unit.tables["image_links"].to_pylist()}
        if not links:
            out.keep("documents", documents)
            return
        column: list[list[dict[str, Any]]] = documents.column("items").to_pylist()
        linked = 0
        for items in column:
            for item in items:
                link = links.get(item["url"]) if item["kind"] == "image" and not item["image_id"] else None
                if link:
                    item.update({name: link[name] for name in ("image_id", "width", "height")})
                    linked += 1
        out.count("images_linked", linked)
        place = documents.column_names.index("items")
        field = schemas.get("documents/1").field("items")
        out.keep("documents", documents.set_column(place, field, pa.array(column, field.type)))
