"""Second step of text deduplication: documents that share a key."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.keys import ADDRESS_BAND
from components.dedup.params import DedupParams
from components.dedup.reasons import DedupReason

I64 = npt.NDArray[np.int64]
_NO_TIME = np.iinfo(np.int64).max


class MatchStage(Stage[DedupParams]):
    """Links documents that share a key, and no more than it takes to link them.

    Every document of a group with the same band and key is linked to the group's first: a star of
    n - 1 edges joins a group as well as all n(n - 1)/2 pairs. Of the edges by text, those that join
    nothing that is not yet joined in this partition are left out, so that a pair with 14 bands in
    common is one edge. First is least by (shard, row); of captures of one address, it is the one to
    keep by crawl time. Edges of equal texts are never left out: they say what is an exact duplicate.

    A document with a key that an earlier run has released becomes a row of `known_matches`. The tables
    are derived and decide about no document: nothing to conserve.
    """

    name = "dedup_match"
    version = "2"
    consumes = {"keys": "dedup_keys/1", "paragraphs": "paragraph_keys/1", "known": "known_keys/1"}
    produces = {"edges": "dedup_edges/1", "known_matches": "known_matches/1", "boilerplate": "boilerplate/1"}
    reasons = DedupReason
    imports = ("components.dedup.boilerplate", "components.dedup.union_find")
    grouping = "partition"
    conserves = False

    def run(self, unit: Unit, out: Output) -> None:
        """Match one partition of the keys; edges are sorted and none is repeated."""
        from components.dedup.boilerplate import frequent

        keys = unit.tables["keys"]
        shared = keys.take(pa.array(_shared(keys.column("key").to_numpy())))
        addresses = pc.equal(shared.column("band"), ADDRESS_BAND)
        edges = [
            _stars(shared.filter(addresses), latest=self.params.keep == "latest"),
            _forest(_stars(shared.filter(pc.invert(addresses)), latest=False)),
        ]
        band, kept, other = (np.concatenate(columns) for columns in zip(*edges, strict=True))
        order = np.lexsort((other, kept, band))
        columns = [pa.array(band[order], pa.int16())]
        for place in (kept[order], other[order]):
            columns += [pa.array(place >> 32, pa.int32()), pa.array(place & 0xFFFFFFFF, pa.int32())]
        out.keep("edges", pa.Table.from_arrays(columns, schema=schemas.get("dedup_edges/1")))
        out.keep("known_matches", known_matches(keys, unit.tables["known"]))
        minimum = self.params.boilerplate.min_documents
        out.keep("boilerplate", frequent(unit.tables["paragraphs"], minimum))


def _shared(keys: npt.NDArray[np.uint64]) -> I64:
    """Indices, in order, of the keys that are there more than once."""
    order = np.argsort(keys)
    same = keys[order[1:]] == keys[order[:-1]]
    shared = np.zeros(len(keys), np.bool_)
    shared[1:] |= same
    shared[:-1] |= same
    return np.sort(order[shared])


def _stars(keys: pa.Table, *, latest: bool) -> tuple[I64, I64, I64]:
    """Each group's edges from the document that is kept to the others.

    Returns:
        band, place of the one kept, place of the other; sorted by band. A place is shard x 2^32 + row.
    """
    band, key, shard, row = (keys.column(name).to_numpy() for name in ("band", "key", "shard", "row"))
    place = shard.astype(np.int64) << 32 | row
    times = keys.column("time")
    ranks: tuple[I64, ...] = (place,)
    if times.null_count < len(times):
        time = times.cast(pa.int64())
        rank = pc.fill_null(pc.negate(time) if latest else time, _NO_TIME).to_numpy()
        ranks = (place, rank)
    order = np.lexsort((*ranks, key, band))
    band, key, place = band[order].astype(np.int64), key[order], place[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (band[1:] != band[:-1]) | (key[1:] != key[:-1])
    later = ~first
    kept = place[np.flatnonzero(first)[np.cumsum(first)[later] - 1]]
    return band[later], kept, place[later]


def _forest(edges: tuple[I64, I64, I64]) -> tuple[I64, I64, I64]:
    """The edges that join components when they are looked at in their order."""
    from components.dedup.union_find import join

    band, one, other = edges
    places, numbers = np.unique(np.concatenate([one, other]), return_inverse=True)
    joined = np.zeros(len(one), np.bool_)
    join(np.zeros(len(places), np.int64), numbers[: len(one)], numbers[len(one) :], joined)
    return band[joined], one[joined], other[joined]


def known_matches(keys: pa.Table, known: pa.Table) -> pa.Table:
    """Documents that share a key with a document an earlier run released (`known_matches/1`).

    A document has at most one row by address and one by text, of which the whole text goes first;
    of several released documents it is that with the least (run, id).
    """
    schema = schemas.get("known_matches/1")
    # a registry may be far larger than this run: what it shares with it is found without sorting it
    mine = np.sort(keys.column("key").to_numpy())
    theirs = known.column("key").to_numpy()
    if not len(mine) or not len(theirs):
        return schema.empty_table()
    places = np.minimum(np.searchsorted(mine, theirs), len(mine) - 1)
    known = known.filter(pa.array(mine[places] == theirs))
    order = [(name, "ascending") for name in ("band", "key", "run", "id")]
    known = known.take(pc.sort_indices(known, sort_keys=order))
    keys_band, keys_key = keys.column("band").to_numpy(), keys.column("key").to_numpy()
    known_band, known_key = known.column("band").to_numpy(), known.column("key").to_numpy()
    found: list[pa.Table] = [schema.empty_table()]
    for band in np.unique(known_band):
        first, last = np.searchsorted(known_band, [band, band + 1])
        rows = np.flatnonzero(keys_band == band)
        at = np.minimum(first + np.searchsorted(known_key[first:last], keys_key[rows]), last - 1)
        hit = known_key[at] == keys_key[rows]
        columns = keys.select(["shard", "row", "band"]).take(pa.array(rows[hit]))
        for name in ("id", "run"):
            columns = columns.append_column(name, known.column(name).take(pa.array(at[hit])))
        found.append(columns.cast(schema))
    return best_known(pa.concat_tables(found))


def best_known(matches: pa.Table) -> pa.Table:
    """Of each document's `known_matches/1`, one by address and one by text."""
    band = matches.column("band").to_numpy()
    table = matches.append_column("kind", pa.array(np.clip(band, None, 0)))
    table = table.append_column("text", pa.array(band != ADDRESS_BAND))
    names = ("shard", "row", "text", "kind", "run", "id", "band")
    table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in names]))
    first = np.ones(table.num_rows, np.bool_)
    columns = [table.column(name).to_numpy() for name in ("shard", "row", "text")]
    if len(first):
        first[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return table.select(matches.column_names).filter(pa.array(first))
