"""What must stay in one split: the samples of a person or a source video, and near-duplicate faces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Row = Mapping[str, Any]
Pair = tuple[int, int]

COLUMNS: Final = ("id", "uri", "label", "dataset", "split", "group", "source")
"""Columns of samples/1 that clusters are made of."""
_LEAST_BITS: Final = 8
"""A difference hash with fewer bits set, or unset, is of a flat or smoothly lit crop and says nothing."""
_BLOCK: Final = 1024
"""Hashes of a bucket compared at a time with the whole bucket."""


class _Sets:
    """Union-find over numbers whose roots are the least members."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, one: int) -> int:
        while self._parent[one] != one:
            self._parent[one] = self._parent[self._parent[one]]
            one = self._parent[one]
        return one

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self._parent[high] = low


def clusters(samples: Sequence[Row], near: Iterable[Pair] = ()) -> list[str]:
    """The cluster of each sample, named by the least of its groups.

    Samples are together that share a group, that were made from one source, one of which is the source of
    the other (by its id, its address, or in the same data set by the name of a real one's file), or that
    are near-duplicates.

    Args:
        samples: rows with `COLUMNS`.
        near: pairs of their numbers.
    """
    sets = _Sets(len(samples))
    first: dict[tuple[str, str, str], int] = {}

    def meet(number: int, *keys: tuple[str, str, str]) -> None:
        for key in keys:
            sets.join(first.setdefault(key, number), number)

    for number, row in enumerate(samples):
        meet(number, ("group", "", row["group"]), ("id", "", row["id"]), ("uri", "", row["uri"]))
        if row["source"] is not None:
            meet(number, ("source", row["dataset"], row["source"]))
    for number, row in enumerate(samples):
        if row["source"] is not None:
            for key in (("id", "", row["source"]), ("uri", "", row["source"])):
                if key in first:
                    sets.join(first[key], number)
        elif row["label"] == 0:
            path = PurePosixPath(row["uri"])
            for name in {path.name, path.stem}:
                if ("source", row["dataset"], name) in first:
                    sets.join(first[("source", row["dataset"], name)], number)
    for one, other in near:
        sets.join(one, other)
    names: dict[int, str] = {}
    roots = [sets.find(number) for number in range(len(samples))]
    for root, row in zip(roots, samples, strict=True):
        names[root] = min(names.get(root, row["group"]), row["group"])
    return [names[root] for root in roots]


def spanning(names: Sequence[str], splits: Sequence[str | None]) -> dict[str, list[str]]:
    """Clusters with samples in several splits, and which, sorted."""
    seen: dict[str, set[str]] = {}
    for name, split in zip(names, splits, strict=True):
        if split is not None:
            seen.setdefault(name, set()).add(split)
    return {name: sorted(found) for name, found in sorted(seen.items()) if len(found) > 1}


def near_duplicates(
    media: npt.NDArray[np.int64], hashes: npt.NDArray[np.int64], *, radius: int, crops: int
) -> list[Pair]:
    """Pairs of files with at least `crops` different faces that have their like in the other.

    Args:
        media: number of the file of each crop.
        hashes: its 64-bit difference hash.
        radius: bits in which two alike may differ.
        crops: of a file with fewer different hashes, all of them must have their like, and a quarter of
            the radius is all that they may differ: aligned faces of strangers come within 3 bits.

    Returns:
        Sorted pairs of numbers of files, the lower one first.
    """
    bits = np.bitwise_count(hashes.view(np.uint64))
    telling = (bits >= _LEAST_BITS) & (bits <= 64 - _LEAST_BITS)
    rows = np.unique(np.stack([media[telling], hashes[telling]], axis=1), axis=0)
    owner, values = rows[:, 0], np.ascontiguousarray(rows[:, 1]).view(np.uint64)
    distinct = dict(zip(*(part.tolist() for part in np.unique(owner, return_counts=True)), strict=True))
    alike: dict[Pair, tuple[set[int], set[int]]] = {}
    for one, other, bits_apart in _close(values, owner, radius):
        pair = int(owner[one]), int(owner[other])
        if min(distinct[pair[0]], distinct[pair[1]]) >= crops or bits_apart <= radius // 4:
            mine, theirs = alike.setdefault(pair, (set(), set()))
            mine.add(one)
            theirs.add(other)
    return sorted(
        (a, b)
        for (a, b), found in alike.items()
        if min(map(len, found)) >= min(crops, distinct[a], distinct[b])
    )


def _close(
    values: npt.NDArray[np.uint64], owner: npt.NDArray[np.int64], radius: int
) -> Iterator[tuple[int, int, int]]:
    """Pairs of hashes of different files within the radius, and their distance; some more than once.

    Hashes are cut into radius + 1 chunks: two within the radius have one of them in common.
    """
    edges = [64 * number // (radius + 1) for number in range(radius + 2)]
    for low, high in itertools.pairwise(edges):
        mask = np.uint64((1 << (high - low)) - 1)
        chunk = (values >> np.uint64(low)) & mask
        order = np.argsort(chunk, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(chunk[order])) + 1):
            if len(bucket) < 2:
                continue
            for start in range(0, len(bucket), _BLOCK):
                block = bucket[start : start + _BLOCK]
                apart = np.bitwise_count(values[block][:, None] ^ values[bucket][None, :])
                near = apart <= radius
                near &= owner[block][:, None] < owner[bucket][None, :]
                for one, other in zip(*np.nonzero(near), strict=True):
                    yield int(block[one]), int(bucket[other]), int(apart[one, other])
