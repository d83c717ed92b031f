"""Second step of text deduplication: documents that share a key."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.keys import EXACT_BAND
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason


class MatchStage(Stage[DedupParams]):
    """Links every document of a group with the same band and key to the group's earliest.

    A star of n - 1 edges joins a group as well as all n(n - 1)/2 pairs would. Earliest is least by
    (shard, row). It derives a table and decides about no document: nothing to conserve.
    """

    name = "dedup_match"
    consumes = {"keys": "dedup_keys/1"}
    produces = {"edges": "dedup_edges/1"}
    reasons = DedupReason
    grouping = "partition"
    conserves = False

    def run(self, unit: Unit, out: Output) -> None:
        """Match one partition of the keys; edges are sorted and none is repeated."""
        table = unit.tables["keys"]
        band, key, shard, row = (table.column(c).to_numpy() for c in ("band", "key", "shard", "row"))
        order = np.lexsort((row, shard, key, band))
        band, key = band[order], key[order]
        first = np.ones(len(order), np.bool_)
        first[1:] = (band[1:] != band[:-1]) | (key[1:] != key[:-1])
        starts = np.flatnonzero(first)
        later = ~first
        early = order[starts[np.cumsum(first)[later] - 1]]
        late = order[later]
        exact = band[later] == EXACT_BAND
        chosen = _distinct(exact, shard[early], row[early], shard[late], row[late])
        exact, early, late = exact[chosen], early[chosen], late[chosen]
        schema = schemas.get("dedup_edges/1")
        ids = table.column("id").combine_chunks()
        ids = pa.concat_arrays(ids.chunks) if isinstance(ids, pa.ChunkedArray) else ids
        columns = [pa.array(exact, pa.bool_())]
        for end in (early, late):
            columns += [
                pa.array(shard[end], pa.int32()),
                pa.array(row[end], pa.int32()),
                ids.take(pa.array(end)),
            ]
        out.keep("edges", pa.Table.from_arrays(columns, schema=schema))


def _distinct(*columns: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Indices of the distinct rows, sorted by the columns from first to last."""
    order = np.lexsort(columns[::-1])
    new = np.ones(len(order), np.bool_)
    if len(order):
        new[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
    distinct: npt.NDArray[np.int64] = order[new]
    return distinct
