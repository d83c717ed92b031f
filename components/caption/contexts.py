"""The `contexts` step: what the documents that were kept say about each image they show."""

from __future__ import annotations

import pyarrow as pa

from components.caption.pairs_params import ContextsParams
from components.caption.reasons import CaptionReason
from components.core import schemas
from components.core.nearby_text import nearby
from components.core.stage import Output, Stage, Unit


class ContextsStage(Stage[ContextsParams]):
    """One row for every time a document shows an image whose bytes are stored.

    A row has the author's texts as they stand: alternative text, figure caption, the page's title, and
    the nearest text before and after the image, cut between words.

    It derives a table, of an image item a row, and decides about nothing: nothing to conserve. Items
    whose image was never fetched have no id and no row; they are counted.
    """

    name = "contexts"
    consumes = {"documents": "documents/1"}
    produces = {"contexts": "image_contexts/1"}
    reasons = CaptionReason
    conserves = False
    columns = {"documents": ("id", "url", "title", "items")}
    partitioned = {"contexts": "image_id"}

    def run(self, unit: Unit, out: Output) -> None:
        """Look through one shard of documents; rows are in reading order."""
        rows: list[dict[str, str | None]] = []
        for batch in unit.tables["documents"].to_batches(max_chunksize=256):
            for document in batch.to_pylist():
                items = document["items"]
                for position, item in enumerate(items):
                    if item["kind"] != "image":
                        continue
                    if item["image_id"] is None:
                        out.count("images_not_stored")
                        continue
                    before, after = nearby(items, position, self.params.context_characters)
                    rows.append(
                        {
                            "image_id": item["image_id"],
                            "document_id": document["id"],
                            "alt": item["alt"] or None,
                            "caption": item["caption"] or None,
                            "title": document["title"] or None,
                            "before": before or None,
                            "after": after or None,
                            "url": item["url"] or None,
                            "page_url": document["url"] or None,
                        }
                    )
        out.keep("contexts", pa.Table.from_pylist(rows, schema=schemas.get("image_contexts/1")))
