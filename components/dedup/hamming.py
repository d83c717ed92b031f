"""All pairs of 64-bit hashes within a Hamming radius: exact, in bounded memory, one core.

Two hashes within radius r that are cut into m chunks are within r // m (or one less, see `_plan`) in
one chunk at least (the pigeonhole principle; Norouzi, Punjani and Fleet, "Fast Exact Search in Hamming
Space with Multi-Index Hashing", 2014). So for each chunk in turn the hashes are sorted into buckets by
its bits, and only buckets whose numbers are that close are compared, hash by hash, in blocks that
stay in the cache. One chunk of no bits is brute force, which is what small inputs get.

Memory is 28 bytes a hash and the buffers; time, for random hashes and a radius of 10, is 0.7 s of one
core for 10^5 hashes, some seconds for 10^6, and below an hour for 10^8. Hashes that agree in most of
their bits share buckets and cost more, up to brute force: 1 / 7e9 s a pair.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types
from numba.extending import intrinsic

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

BATCH: Final = 1 << 20
"""Most pairs that are given out at once."""
TILE: Final = 4096
"""Hashes compared with one after the other while they stay in the first-level cache (32 KB)."""

_MAX_CHUNKS: Final = 8
# nanoseconds, measured: they only decide how many chunks there are
_PER_PAIR: Final = 0.15
_PER_ROW: Final = 6.0
_PER_BUCKETS: Final = 1.5


class Chunk(NamedTuple):
    """A run of `width` bits of a hash, from bit `shift` up, that is to be within `radius`."""

    shift: int
    width: int
    radius: int


def _popcount(context: Any, number: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


popcount: Any = intrinsic(_popcount)
"""How many bits of a uint64 are set, inside a compiled function: one machine instruction."""


@njit("uint64(uint64, uint64[::1], uint64)", cache=True, nogil=True, inline="never")
def _count(query, hashes, radius):  # type: ignore[no-untyped-def]
    """How many of `hashes` are within the radius of one. The loop is vectorised: 7e9 a second."""
    found = np.uint64(0)
    for other in range(len(hashes)):
        found += np.uint64(popcount(query ^ hashes[other]) <= radius)
    return found


@njit(cache=True, nogil=True)
def _scan(hashes, starts, masks, radius, earlier, place, first, second):  # type: ignore[no-untyped-def]
    """Compare buckets until the buffers `first` and `second` are full or all is done.

    Args:
        hashes: sorted by bucket.
        starts: where each bucket starts, and the end; a power of two of buckets.
        masks: bucket b is compared with b ^ mask.
        radius: of the whole hash.
        earlier: shift, mask and radius of the chunks before this one, shape (k, 3): pairs that these
            have found are left out.
        place: bucket, mask, tile and row to go on from; updated.

    Returns:
        How many pairs of positions in `hashes` were written.
    """
    written = 0
    bucket, turn, tile, row = place
    while bucket < len(starts) - 1:
        low, high = starts[bucket], starts[bucket + 1]
        if low == high:
            bucket += 1
            continue
        while turn < len(masks):
            other = bucket ^ masks[turn]
            other_low, other_high = starts[other], starts[other + 1]
            if other < bucket or other_low == other_high:
                turn += 1
                continue
            tile = max(tile, other_low)
            while tile < other_high:
                stop = min(tile + TILE, other_high)
                row = max(row, low)
                while row < high:
                    begin = max(tile, row + 1)
                    if begin < stop:
                        query = hashes[row]
                        if _count(query, hashes[begin:stop], radius):
                            if written + stop - begin > len(first):
                                place[0], place[1], place[2], place[3] = bucket, turn, tile, row
                                return written
                            for column in range(begin, stop):
                                difference = query ^ hashes[column]
                                if popcount(difference) > radius:
                                    continue
                                new = True
                                for k in range(len(earlier)):
                                    part = (difference >> earlier[k, 0]) & earlier[k, 1]
                                    new = new and popcount(part) > earlier[k, 2]
                                if new:
                                    first[written] = row
                                    second[written] = column
                                    written += 1
                    row += 1
                row = 0
                tile = stop
            tile = 0
            turn += 1
        turn = 0
        bucket += 1
    place[0] = bucket
    return written


def pairs_within(hashes: U64, radius: int, *, chunks: int | None = None) -> Iterator[tuple[I64, I64]]:
    """All pairs of hashes whose Hamming distance is at most `radius`, each once, in batches.

    Args:
        hashes: n hashes of 64 bits; repeats are pairs too, so make them unique where they are many.
        radius: 0 to 64.
        chunks: how many chunks to cut hashes into; None: what should be fastest.

    Yields:
        Two arrays of indices a and b, a < b pairwise, in an order fixed by the input; at most
        `BATCH` pairs, and never an empty batch.
    """
    hashes = np.ascontiguousarray(hashes, np.uint64)
    plan = _plan(len(hashes), radius) if chunks is None else _chunks(chunks, radius)
    buffers = np.empty(BATCH, np.int64), np.empty(BATCH, np.int64)
    for number, chunk in enumerate(plan):
        before = [(c.shift, (1 << c.width) - 1, c.radius) for c in plan[:number]]
        earlier = np.array(before, np.uint64).reshape(number, 3)
        buckets = (hashes >> np.uint64(chunk.shift)) & np.uint64((1 << chunk.width) - 1)
        numbers = buckets.astype(np.int32)
        order = np.argsort(numbers, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(numbers, minlength=1 << chunk.width))])
        del buckets, numbers
        place, masks, ordered = np.zeros(4, np.int64), _masks(chunk), hashes[order]
        while place[0] < len(starts) - 1:
            written = _scan(ordered, starts, masks, np.uint64(radius), earlier, place, *buffers)
            if written:
                one, two = (order[buffer[:written]] for buffer in buffers)
                yield np.minimum(one, two), np.maximum(one, two)


def _chunks(count: int, radius: int) -> list[Chunk]:
    """The hash cut into `count` chunks, and the radius of each; those no pair can need are left out.

    Of radius = count * a + b, the first b + 1 chunks get a and the others a - 1: were each beyond its
    own, the sum would be (b + 1)(a + 1) + (count - b - 1) a = radius + 1.
    """
    if count == 1:
        return [Chunk(0, 0, 0)]
    each, rest = divmod(radius, count)
    edges = [64 * number // count for number in range(count + 1)]
    radii = [each if number <= rest else each - 1 for number in range(count)]
    parts = zip(itertools.pairwise(edges), radii, strict=True)
    return [Chunk(low, high - low, r) for (low, high), r in parts if r >= 0]


def _plan(count: int, radius: int) -> list[Chunk]:
    """The chunks that should cost least for `count` random hashes."""

    def cost(plan: list[Chunk]) -> float:
        total = 0.0
        for chunk in plan:
            near = sum(math.comb(chunk.width, k) for k in range(chunk.radius + 1)) / 2
            rows = count * near
            total += _PER_BUCKETS * near * 2**chunk.width + _PER_ROW * rows
            total += _PER_PAIR * rows * count / 2**chunk.width
        return total

    # buckets of 26 bits and more would take more memory than the hashes
    plans = [_chunks(number, radius) for number in (1, *range(3, _MAX_CHUNKS + 1))]
    return min(plans, key=cost)


def _masks(chunk: Chunk) -> I64:
    """All numbers of `width` bits of which at most `radius` are set, sorted."""
    places = [1 << bit for bit in range(chunk.width)]
    sums = (sum(c) for k in range(chunk.radius + 1) for c in itertools.combinations(places, k))
    return np.array(sorted(sums), np.int64)
