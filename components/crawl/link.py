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
from components.crawl.addresses import is_local


class LinkReason(StrEnum):
    """What linking changes. It refuses nothing."""

    LOCAL_IMAGE_MISSING = "local_image_missing"


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
    """Give every image item whose bytes were found its `image_id`, width and height.

    An image that a saved page shows by a path loses that path: it means nothing to anybody else. If
    the file was not among the inputs, the item is taken out and the ledger says so.
    """

    name = "assemble"
    consumes = {"documents": "documents/1", "image_links": "image_links/1"}
    produces = {"documents": "documents/1"}
    reasons = LinkReason
    sides = {"image_links": "by_shard"}

    def run(self, unit: Unit, out: Output) -> None:
        documents = unit.tables["documents"]
        links = {row["url"]: row for row in unit.tables["image_links"].to_pylist()}
        column: list[list[dict[str, Any]]] = []
        ids = documents.column("id").to_pylist()
        for record_id, items in zip(ids, documents.column("items").to_pylist(), strict=True):
            column.append([item for item in items if self._link(record_id, item, links, out)])
        place = documents.column_names.index("items")
        field = schemas.get("documents/1").field("items")
        out.keep("documents", documents.set_column(place, field, pa.array(column, field.type)))

    @staticmethod
    def _link(record_id: str, item: dict[str, Any], links: dict[str, dict[str, Any]], out: Output) -> bool:
        """Complete an item; False for one that shows nothing."""
        url = item["url"]
        if item["kind"] != "image" or item["image_id"] or not url:
            return True
        if link := links.get(url):
            item.update({name: link[name] for name in ("image_id", "width", "height")})
            out.count("images_linked")
        if not is_local(url):
            return True
        item["url"] = None
        if item["image_id"]:
            return True
        detail = f"{url} is not among the inputs, or is no image"
        out.change(record_id, LinkReason.LOCAL_IMAGE_MISSING, detail=detail)
        return False
