"""Link the images that pages show by address to the bytes that were found under that address.

Two steps, so that no worker ever holds more than one bucket of addresses: `link_images` joins the
addresses pages show with the addresses images were fetched from, bucket by bucket, and lists the
addresses that are still to be fetched; `assemble` puts what was found into the documents, shard by
shard.
"""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.crawl.addresses import host_of, is_local
from components.crawl.web.file_params import FetchImagesParams


class LinkReason(StrEnum):
    """What linking changes. It refuses nothing."""

    LOCAL_IMAGE_MISSING = "local_image_missing"


class NoParams(BaseModel):
    """A step without parameters."""

    model_config = ConfigDict(extra="forbid")


class LinkImagesStage(Stage[FetchImagesParams]):
    """Join addresses with images. Derives tables: an address without an image is no loss.

    An address that was captured more than once with different bytes gets the smallest image id, so
    that the result does not depend on the order of the captures.

    Addresses of the web without an image become `targets`, each with the shards that show it, if the
    parameters ask for it; else the counter `images_not_fetched` says how many there are.
    """

    name = "link_images"
    version = "2"
    consumes = {"image_refs": "image_refs/1", "image_index": "image_index/1"}
    produces = {"image_links": "image_links/1", "targets": "fetch_targets/1"}
    reasons = LinkReason
    grouping = "partition"
    conserves = False
    partitioned = {"image_links": "shard", "targets": "host"}

    def run(self, unit: Unit, out: Output) -> None:
        index = unit.tables["image_index"].sort_by([("url", "ascending"), ("image_id", "ascending")])
        found: dict[str, tuple[str, int, int]] = {}
        for row in index.to_pylist():
            found.setdefault(row["url"], (row["image_id"], row["width"], row["height"]))
        refs = unit.tables["image_refs"].group_by(["shard", "url"], use_threads=False).aggregate([])
        refs = refs.sort_by([("shard", "ascending"), ("url", "ascending")])
        known = pc.is_in(refs.column("url"), value_set=pa.array(found, pa.string()))
        links = [
            {"shard": row["shard"], "url": row["url"], "image_id": image, "width": width, "height": height}
            for row in refs.filter(known).to_pylist()
            for image, width, height in [found[row["url"]]]
        ]
        out.count("addresses_shown", unit.tables["image_refs"].num_rows)
        out.count("addresses_found", len(links))
        out.keep("image_links", pa.Table.from_pylist(links, schema=schemas.get("image_links/1")))
        missing = refs.filter(
            pc.and_(pc.invert(known), pc.match_substring_regex(refs.column("url"), "^https?://"))
        )
        if self.params.fetch:
            out.keep("targets", _targets(missing))
        else:
            out.count("images_not_fetched", pc.count_distinct(missing.column("url")).as_py())


def _targets(missing: pa.Table) -> pa.Table:
    """Rows of `fetch_targets/1` out of the (shard, url) pairs that have no image, by address."""
    shown: dict[str, list[int]] = {}
    for row in missing.sort_by([("url", "ascending"), ("shard", "ascending")]).to_pylist():
        shown.setdefault(row["url"], []).append(row["shard"])
    rows = [
        {"url": url, "host": host_of(url), "kind": "image", "referrer": None, "shards": shards}
        for url, shards in shown.items()
    ]
    return pa.Table.from_pylist(rows, schema=schemas.get("fetch_targets/1"))


class AssembleStage(Stage[NoParams]):
    """Give every image item whose bytes were found its `image_id`, width and height.

    `uses` says how many documents of the shard show each image, those of PDF and LaTeX included.

    An image that a saved page shows by a path loses that path: it means nothing to anybody else. If
    the file was not among the inputs, the item is taken out and the ledger says so.
    """

    name = "assemble"
    version = "2"
    consumes = {"documents": "documents/1", "image_links": "image_links/1"}
    produces = {"documents": "documents/1", "uses": "image_uses/1"}
    reasons = LinkReason
    sides = {"image_links": "by_shard"}
    partitioned = {"uses": "image_id"}

    def run(self, unit: Unit, out: Output) -> None:
        documents = unit.tables["documents"]
        # captured and fetched bytes of one address may differ: the smallest id, whatever came first
        order = [("url", "ascending"), ("image_id", "descending")]
        links = {row["url"]: row for row in unit.tables["image_links"].sort_by(order).to_pylist()}
        uses: Counter[str] = Counter()
        column: list[list[dict[str, Any]]] = []
        ids = documents.column("id").to_pylist()
        for record_id, items in zip(ids, documents.column("items").to_pylist(), strict=True):
            linked = [item for item in items if self._link(record_id, item, links, out)]
            column.append(linked)
            uses.update({item["image_id"] for item in linked if item["image_id"]})
        place = documents.column_names.index("items")
        field = schemas.get("documents/1").field("items")
        out.keep("documents", documents.set_column(place, field, pa.array(column, field.type)))
        rows = [
            {"image_id": image, "shard": unit.index, "documents": number}
            for image, number in sorted(uses.items())
        ]
        out.keep("uses", pa.Table.from_pylist(rows, schema=schemas.get("image_uses/1")))

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
