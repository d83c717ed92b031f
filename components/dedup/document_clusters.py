"""Clusters of documents that share text or an address: one union-find over all edges of a run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.errors import ConfigurationError
from components.dedup.keys import ADDRESS_BAND, EXACT_BAND
from components.dedup.match import best_known
from components.dedup.union_find import find, join

I64 = npt.NDArray[np.int64]

MET: Final = 1
"""Shares text with another document of this run."""
EXACT: Final = 2
"""A document before it has the same text."""
SAME_URL: Final = 4
"""Another capture of its address is kept."""
KNOWN_URL: Final = 8
"""A released document has its address."""
KNOWN_TEXT: Final = 16
"""A released document has the same text or one like it."""
KNOWN_EXACT: Final = 32
"""A released document has the same text."""

_OTHER_DOCUMENTS: Final = (
    "dedup_cluster: there are edges of documents that are not there; its ports 'documents' and 'kept' "
    "must be the dataset that dedup_keys read."
)

Stream = Callable[[], Iterator[tuple[int, pa.Table]]]


class Clusters:
    """The clusters of a run. Documents are numbered in the order of (shard, row).

    Args:
        edges, known: each call reads all shards of `dedup_edges/1` and `known_matches/1` anew.
    """

    def __init__(self, edges: Stream, known: Stream) -> None:
        self._offsets = _offsets(edges, known)
        count = int(self._offsets[-1])
        kind = np.int32 if count < 2**31 - 1 else np.int64
        self._up, self._first, self._address = (_scratch(count, kind) for _ in range(3))
        self._flags = _scratch(count, np.uint8)
        for _, table in edges():
            self._join(table)
        for _, table in known():
            number = self._numbers(table, "shard", "row")
            band = table.column("band").to_numpy()
            text = np.where(band == EXACT_BAND, KNOWN_TEXT | KNOWN_EXACT, KNOWN_TEXT)
            np.bitwise_or.at(
                self._flags, number, np.where(band == ADDRESS_BAND, KNOWN_URL, text).astype(np.uint8)
            )
        _choose(self._up, self._flags, self._first)

    def _join(self, edges: pa.Table) -> None:
        one, other = self._numbers(edges, "shard_a", "row_a"), self._numbers(edges, "shard_b", "row_b")
        band = edges.column("band").to_numpy()
        url, exact = band == ADDRESS_BAND, band == EXACT_BAND
        self._flags[other[url]] |= np.uint8(SAME_URL)
        self._address[other[url]] = one[url] + 1
        self._flags[other[exact]] |= np.uint8(EXACT)
        one, other = one[~url], other[~url]
        self._flags[one] |= np.uint8(MET)
        self._flags[other] |= np.uint8(MET)
        join(self._up, one, other, np.zeros(len(one), np.bool_))

    def _numbers(self, table: pa.Table, shard: str, row: str) -> I64:
        numbers: I64 = self._offsets[table.column(shard).to_numpy()] + table.column(row).to_numpy()
        return numbers

    def _range(self, shard: int) -> tuple[int, int]:
        """The numbers of a shard's documents; those after its last with an edge are left out."""
        if shard + 1 >= len(self._offsets):
            return 0, 0
        return int(self._offsets[shard]), int(self._offsets[shard + 1])

    def duplicates(self, shard: int) -> tuple[I64, I64, npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
        """The duplicates of a shard.

        Returns:
            row; number of the document that is kept, or of the one through which a released document
            is known; index of the reason; whether a released document is kept instead.
        """
        first, last = self._range(shard)
        target = np.full(last - first, -1, np.int64)
        reason, released = np.zeros(last - first, np.int8), np.zeros(last - first, np.bool_)
        _decide(self._up, self._flags, self._first, self._address, first, target, reason, released)
        rows = np.flatnonzero(target >= 0)
        return rows, target[rows], reason[rows], released[rows]

    def kept(self, shard: int) -> int:
        """How many documents of a shard are kept for others."""
        first, last = self._range(shard)
        chosen = _kept(self._up, self._flags, self._first, first, last)
        return int(chosen)

    def names(self, numbers: I64, documents: Iterator[tuple[int, pa.Table]]) -> pa.Array:
        """The ids of documents, read from all shards of documents.

        Raises:
            ConfigurationError: where the documents are not those that the keys were made from.
        """
        wanted, places = np.unique(numbers, return_inverse=True)
        found: list[pa.Array] = []
        for shard, table in documents:
            first, last = self._range(shard)
            rows = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, last)] - first
            found += ids_of(table, rows).chunks
        ids = pa.concat_arrays(found) if found else pa.array([], pa.string())
        if len(ids) != len(wanted):
            raise ConfigurationError(_OTHER_DOCUMENTS)
        return ids.take(pa.array(places))

    def released(
        self, numbers: I64, by_address: npt.NDArray[np.bool_], known: Iterator[tuple[int, pa.Table]]
    ) -> tuple[pa.Array, pa.Array]:
        """The id and run of the released document that each of these documents is known by."""
        wanted = np.unique(numbers)
        found = [schemas.get("known_matches/1").empty_table()]
        for _, table in known:
            found.append(table.filter(pa.array(np.isin(self._numbers(table, "shard", "row"), wanted))))
        best = best_known(pa.concat_tables(found))
        address = best.column("band").to_numpy() == ADDRESS_BAND
        # sorted by number, and of the same number by address first
        keys = 2 * self._numbers(best, "shard", "row") + ~address
        places = pa.array(np.searchsorted(keys, 2 * numbers + ~by_address))
        ids, runs = (best.column(name).combine_chunks().take(places) for name in ("id", "run"))
        return _array(ids), _array(runs)


def ids_of(documents: pa.Table, rows: I64) -> pa.ChunkedArray:
    """The ids of some documents, whose rows are in order.

    Raises:
        ConfigurationError: where there are no such rows.
    """
    if len(rows) and rows[-1] >= documents.num_rows:
        raise ConfigurationError(_OTHER_DOCUMENTS)
    return documents.column("id").take(pa.array(rows))


def _array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def _offsets(edges: Stream, known: Stream) -> I64:
    """The number of the first document of each shard, and of one more."""
    extents = np.zeros(0, np.int64)
    for stream, ends in ((edges, ("_a", "_b")), (known, ("",))):
        for _, table in stream():
            for end in ends if table.num_rows else ():
                shard, row = (table.column(name + end).to_numpy() for name in ("shard", "row"))
                more = max(int(shard.max()) + 1 - len(extents), 0)
                extents = np.concatenate([extents, np.zeros(more, np.int64)])
                np.maximum.at(extents, shard, row.astype(np.int64) + 1)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(extents)])


def _scratch(count: int, kind: type) -> npt.NDArray[Any]:
    """Zeros in a file without a name (TMPDIR chooses where).

    Raises:
        ConfigurationError: where it does not fit there.
    """
    if not count:
        return np.zeros(0, kind)
    size = count * np.dtype(kind).itemsize
    with tempfile.TemporaryFile() as file:
        try:
            # a sparse file would do, but where no room is left, writing to it kills the process
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise ConfigurationError(
                f"dedup_cluster needs a scratch file of {size:,} bytes in {tempfile.gettempdir()}: "
                f"{error.strerror}. Set TMPDIR to a folder with room for 13 bytes a document."
            ) from None
        return np.memmap(file, kind, "r+", shape=(count,)).view(np.ndarray)


@numba.njit(cache=True, nogil=True)
def _choose(up, flags, first):
    """Choose what is kept of each cluster.

    `first` becomes, at the least document of a cluster: n + 1, the first document n that is not
    dropped for its address; or -(n + 1), the first that is known by its text.
    """
    for number in range(len(up)):
        flag = flags[number]
        if flag & KNOWN_TEXT:
            root = find(up, number)
            if first[root] >= 0:
                first[root] = -(number + 1)
        elif flag & MET and not flag & (SAME_URL | KNOWN_URL):
            root = find(up, number)
            if first[root] == 0:
                first[root] = number + 1


@numba.njit(cache=True, nogil=True)
def _decide(up, flags, first, address, start, target, reason, released):
    """Fill the outputs for the documents from `start` on; see `Clusters.duplicates`."""
    for row in range(len(target)):
        number = start + row
        flag = flags[number]
        if flag & (KNOWN_URL | SAME_URL):
            released[row] = (flag & KNOWN_URL) != 0
            target[row] = number if released[row] else address[number] - 1
        elif flag & (MET | KNOWN_TEXT):
            chosen = first[find(up, number)]
            if chosen == number + 1:
                continue
            released[row] = chosen < 0
            own = (flag & KNOWN_TEXT) != 0
            target[row] = number if own else abs(chosen) - 1
            reason[row] = 1 if flag & (EXACT | KNOWN_EXACT) else 2


@numba.njit(cache=True, nogil=True)
def _kept(up, flags, first, start, stop):
    count = 0
    for number in range(start, stop):
        count += flags[number] & MET and first[find(up, number)] == number + 1
    return count
