"""Last step of text deduplication: drop what the clusters call duplicates."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa

from components.core.stage import Output, Stage, Unit
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason


class DropDuplicatesStage(Stage[DedupParams]):
    """Drops every document of a cluster but its earliest; the ledger line names the one that is kept."""

    name = "dedup"
    consumes = {"documents": "documents/1", "duplicates": "duplicates/1"}
    produces = {"documents": "documents/1"}
    reasons = DedupReason
    sides = {"duplicates": "by_shard"}

    def run(self, unit: Unit, out: Output) -> None:
        """Drop the duplicates of one shard of documents."""
        documents = unit.tables["documents"]
        duplicates: dict[str, list[tuple[str, bool]]] = defaultdict(list)
        names = ["id", "duplicate_of", "exact"]
        for line in unit.tables["duplicates"].select(names).to_pylist():
            duplicates[line["id"]].append((line["duplicate_of"], line["exact"]))
        wanted = np.ones(documents.num_rows, np.bool_)
        ids = documents.column("id").to_pylist()
        # From the end: where one id is there twice (a file crawled twice) and once a duplicate, it is
        # the earlier one that is kept.
        for row in range(len(ids) - 1, -1, -1):
            wanted[row] = not duplicates.get(ids[row])
            if wanted[row]:
                continue
            kept, exact = duplicates[ids[row]].pop()
            out.drop(
                ids[row],
                DedupReason.EXACT_TEXT if exact else DedupReason.NEAR_TEXT,
                detail=f"duplicate of {kept}"
                + (" (an earlier document has the same text)" if exact else " (or of a duplicate of it)"),
                locator=_locator(documents, row),
            )
        out.ledger.reverse()
        out.keep("documents", documents.filter(pa.array(wanted)))


def _locator(documents: pa.Table, row: int) -> str:
    """Where a document was found: its URL, else its file and offset."""
    url, uri, offset = (documents.column(c)[row].as_py() for c in ("url", "source_uri", "source_offset"))
    return url or f"{uri}@{offset or 0}"
