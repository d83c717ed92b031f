"""Third step of text deduplication: clusters, and the one document of each that is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason

if TYPE_CHECKING:
    from components.dedup.document_clusters import Clusters

I64 = npt.NDArray[np.int64]

_REASONS: Final = (DedupReason.SAME_URL, DedupReason.EXACT_TEXT, DedupReason.NEAR_TEXT)


class ClusterStage(Stage[DedupParams]):
    """Joins edges into clusters and lists what is dropped of each, shard by shard.

    1. Of captures of one address, only the one to keep stays; the others are `same_url`.
    2. Documents joined by text are a cluster. The first that step 1 left is kept; the others are
       duplicates of it. If any of the cluster was released by an earlier run, none is kept.
    3. A duplicate is `exact_text` where an earlier document has the same text (so that their number is
       what exact deduplication alone would have removed), otherwise `near_text`.

    All of it is one exact pass over the edges with a union-find in a scratch file, which the system can
    page out: 13 bytes a document (25 in a run of more than 2^31 documents). Neither edges nor ids are
    held. A unit lists the duplicates of one run of shards of documents and reads all edges; so its
    memory is that of the run's duplicates. `kept` is the same dataset as
    `documents`: the document that is kept may be in any shard. The table is derived, and the documents
    are dropped by the next step: nothing to conserve.
    """

    name = "dedup_cluster"
    version = "2"
    consumes = {
        "documents": "documents/1",
        "edges": "dedup_edges/1",
        "known_matches": "known_matches/1",
        "kept": "documents/1",
    }
    produces = {"duplicates": "duplicates/1"}
    reasons = DedupReason
    imports = ("components.dedup.document_clusters",)
    grouping = "span"
    conserves = False
    partitioned = {"duplicates": "shard"}
    sides = {"edges": "stream", "known_matches": "stream", "kept": "stream"}
    columns = {"documents": ("id",), "kept": ("id",)}

    @property
    def spans(self) -> int:
        return self.params.cluster_spans

    def run(self, unit: Unit, out: Output) -> None:
        """List the duplicates of one run of shards, sorted by shard and row."""
        from components.dedup.document_clusters import Clusters, ids_of

        clusters = Clusters(lambda: unit.stream("edges"), lambda: unit.stream("known_matches"))
        shards, rows, ids, targets, reasons, known = [], [], [], [], [], []
        for shard, documents in unit.stream("documents"):
            row, target, reason, released = clusters.duplicates(shard)
            shards.append(np.full(len(row), shard, np.int32))
            rows.append(row)
            ids += ids_of(documents, row).chunks
            targets.append(target)
            reasons.append(reason)
            known.append(released)
            out.count("clusters", clusters.kept(shard))
        if not shards:
            return
        target, reason, released = np.concatenate(targets), np.concatenate(reasons), np.concatenate(known)
        kept, runs = self._kept(unit, clusters, target, reason, released)
        names = pa.array([str(name) for name in _REASONS], pa.string())
        columns = [
            pa.array(np.concatenate(shards)),
            pa.array(np.concatenate(rows), pa.int32()),
            pa.chunked_array(ids, pa.string()),
            kept,
            runs,
            names.take(pa.array(reason)),
        ]
        out.keep("duplicates", pa.Table.from_arrays(columns, schema=schemas.get("duplicates/1")))

    @staticmethod
    def _kept(
        unit: Unit,
        clusters: Clusters,
        target: I64,
        reason: npt.NDArray[np.int8],
        released: npt.NDArray[np.bool_],
    ) -> tuple[pa.Array, pa.Array]:
        """Ids of the documents that are kept, and the runs that released them (null: this one)."""
        here = clusters.names(target[~released], unit.stream("kept"))
        ids, runs = clusters.released(target[released], reason[released] == 0, unit.stream("known_matches"))
        # rows of this run first, then released ones: `order` puts them where they belong
        order = np.empty(len(target), np.int64)
        order[~released] = np.arange(len(here))
        order[released] = len(here) + np.arange(len(ids))
        none = pa.nulls(len(here), pa.string())
        taken = [pa.concat_arrays(pair).take(pa.array(order)) for pair in ((here, ids), (none, runs))]
        return taken[0], taken[1]
