"""Export: documents and their images as they are released, Parquet and WebDataset."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.core.images import ImageReason
from components.core.records import record_id
from components.core.stage import Output, Side, Stage, Unit
from components.publish import mint_layout, webdataset
from components.publish.item_rows import SUFFIX, item_rows, items_parquet
from components.publish.mint_layout import MINT_SCHEMA, Entry, ImageFacts
from components.publish.params import PublishParams
from components.publish.tokens import TokenCounter

_KEY: Final = re.compile(r"[0-9a-f]{32}")


class ExportReason(StrEnum):
    """Ledger reasons of the export."""

    BAD_KEY = "bad_key"
    DUPLICATE_KEY = "duplicate_key"
    IMAGE_BYTES_MISSING = "image_bytes_missing"
    IMAGE_TOO_LARGE = ImageReason.IMAGE_TOO_LARGE.value
    IMAGE_UNDECODABLE = ImageReason.IMAGE_UNDECODABLE.value


class ExportStage(Stage[PublishParams]):
    """Write each shard of documents as one released Parquet shard, one WebDataset tar and, where asked
    for, one Parquet file of a row an item.

    `unit.tables["images"]` holds the images that the unit's documents show. A document that names an
    image which is not among them is kept with that image's URL and without its hash, and is recorded
    as changed. Every document is released (rows in = kept + failed); only one whose id can't be a
    WebDataset key, or repeats within the shard, fails.
    """

    name: ClassVar[str] = "export"
    consumes: ClassVar[dict[str, str]] = {"documents": "documents/1", "images": "images/1"}
    produces: ClassVar[dict[str, str]] = {"release": MINT_SCHEMA}
    reasons: ClassVar[type[StrEnum]] = ExportReason
    sides: ClassVar[dict[str, Side]] = {"images": "by_id"}
    exclusive: ClassVar[bool] = True

    def lookup(self, port: str, table: pa.Table) -> set[str]:
        """Ids of the images that the documents of `table` show."""
        items = pc.list_flatten(table.column("items"))
        return set(pc.unique(pc.struct_field(items, "image_id").drop_null()).to_pylist())

    def run(self, unit: Unit, out: Output) -> None:
        """Write the unit's rows, and `<unit index>.tar` if any of its documents goes into a tar."""
        documents = unit.tables["documents"]
        facts, data = _by_id(unit.tables["images"])
        tar = webdataset.TarBuilder()
        counter = TokenCounter(self.params.tokenizer, unit.stores) if self.params.tokenizer else None
        rows: list[dict[str, Any]] = []
        items: list[dict[str, Any]] = []
        seen: set[str] = set()
        for batch in documents.to_batches(max_chunksize=512):
            for document in batch.to_pylist():
                with out.record(document["id"], locator=document["url"] or document["source_uri"]):
                    placed = mint_layout.entries(
                        document, facts, captions=self.params.captions, join_texts=self.params.join_texts
                    )
                    if not self._may_be_key(document["id"], seen, out):
                        continue
                    if document["source"] in self.params.tar_sources:
                        webdataset.add_sample(tar, document, placed, data, self.params.images_as)
                        out.count("webdataset_samples")
                    row = mint_layout.parquet_row(document, placed)
                    if counter is not None:
                        row["metadata"]["tokens"] = counter.count([t for t in row["texts"] if t])
                        out.count("tokens", row["metadata"]["tokens"])
                    rows.append(row)
                    if self.params.item_rows:
                        items += item_rows(document, placed, data)
                    self._account(document, placed, out)
        out.keep("release", mint_layout.parquet_table(rows))
        if tar:
            out.attach(f"{_file_stem(unit)}.tar", tar.build())
        if items:
            out.attach(f"{_file_stem(unit)}{SUFFIX}", items_parquet(items))
            out.count("item_rows", len(items))

    def _may_be_key(self, key: str, seen: set[str], out: Output) -> bool:
        if not _KEY.fullmatch(key):
            out.fail(key, ExportReason.BAD_KEY, detail="A WebDataset key must be 32 hex digits.")
            return False
        if key in seen:
            out.fail(
                key, ExportReason.DUPLICATE_KEY, detail="Another document of this shard has the same id."
            )
            return False
        seen.add(key)
        return True

    def _account(self, document: dict[str, Any], placed: list[Entry], out: Output) -> None:
        """Count the images by what became of them and record a document that lost bytes it should have."""
        shown = mint_layout.shown_in(placed)
        stored = sum(image.image_id is not None for image in shown)
        missing = [i.item["image_id"] for i in shown if i.image_id is None and i.item["image_id"]]
        out.count("texts", len(placed) - len(shown))
        out.count("words", mint_layout.count_words(mint_layout.texts_of(placed)))
        out.count("images", len(shown))
        out.count("images_with_bytes", stored)
        out.count("images_not_fetched", len(shown) - stored - len(missing))
        out.count("images_bytes_missing", len(missing))
        if missing:
            out.change(
                document["id"],
                ExportReason.IMAGE_BYTES_MISSING,
                detail=f"{len(missing)} of {len(shown)} images have no bytes; the first is {missing[0]}.",
                score=len(missing),
                locator=document["url"] or document["source_uri"],
            )


def _file_stem(unit: Unit) -> str:
    """A retry's documents go into files of their own, beside the unit's first."""
    retried = "" if unit.only is None else f"-{record_id(*sorted(unit.only))[:12]}"
    return f"{unit.index:05d}{retried}"


def _by_id(images: pa.Table) -> tuple[dict[str, ImageFacts], dict[str, bytes]]:
    facts: dict[str, ImageFacts] = {}
    data: dict[str, bytes] = {}
    for batch in images.select(["id", "format", "size", "width", "height", "bytes"]).to_batches():
        for row in batch.to_pylist():
            facts[row["id"]] = ImageFacts(row["format"], row["size"], row["width"], row["height"])
            data[row["id"]] = row["bytes"]
    return facts, data
