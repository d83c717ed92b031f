"""Third step of text deduplication: clusters, and the one document of each that is kept."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason

I64 = npt.NDArray[np.int64]


class ClusterStage(Stage[DedupParams]):
    """Joins edges into clusters; every document but the earliest of its cluster is a duplicate.

    A duplicate is `exact` where an earlier document has the same text (so that the number of exact
    ones is what exact deduplication alone would have removed), otherwise it is a near-duplicate.
    The table is derived, and the documents are dropped by the next step: nothing to conserve.
    """

    name = "dedup_cluster"
    consumes = {"edges": "dedup_edges/1"}
    produces = {"duplicates": "duplicates/1"}
    reasons = DedupReason
    grouping = "all"
    conserves = False
    partitioned = {"duplicates": "shard"}

    def run(self, unit: Unit, out: Output) -> None:
        """Cluster all edges; duplicates are sorted by shard and row."""
        edges = unit.tables["edges"]
        early, late = (
            edges.column(f"shard_{end}").to_numpy().astype(np.int64) << 32
            | edges.column(f"row_{end}").to_numpy().astype(np.int64)
            for end in "ab"
        )
        # np.unique sorts: a document's number is its rank by (shard, row)
        places, first_seen, numbers = np.unique(
            np.concatenate([early, late]), return_index=True, return_inverse=True
        )
        early, late = numbers[: len(early)], numbers[len(early) :]
        kept = components(len(places), early, late)
        exact = np.zeros(len(places), np.bool_)
        exact[late[edges.column("exact").to_numpy()]] = True
        duplicates = np.flatnonzero(kept != np.arange(len(places)))
        ids = pa.chunked_array([*edges.column("id_a").chunks, *edges.column("id_b").chunks], pa.string())
        columns = [
            pa.array(places[duplicates] >> 32, pa.int32()),
            _take(ids, first_seen[duplicates]),
            _take(ids, first_seen[kept[duplicates]]),
            pa.array(exact[duplicates]),
        ]
        out.count("clusters", len(np.unique(kept)))
        out.keep("duplicates", pa.Table.from_arrays(columns, schema=schemas.get("duplicates/1")))


def components(count: int, early: I64, late: I64) -> I64:
    """The least node of the connected component of every node, 0 to count - 1.

    Nodes point to smaller ones until each points to the least it can reach: every round hooks the
    roots of the two ends of each edge together and halves all paths, so rounds are few.
    """
    least = np.arange(count)
    while True:
        a, b = least[early], least[late]
        if np.array_equal(a, b):
            return least
        low = np.minimum(a, b)
        np.minimum.at(least, np.maximum(a, b), low)
        while not np.array_equal(jumped := least[least], least):
            least = jumped


def _take(ids: pa.ChunkedArray, indices: I64) -> pa.Array:
    taken = ids.take(pa.array(indices))
    return pa.concat_arrays(taken.chunks) if taken.num_chunks else pa.array([], pa.string())
