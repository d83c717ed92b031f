"""Speed of our search for all pairs of hashes within a radius, beside faiss, a BK-tree and imagehash.

    pip install faiss-cpu pybktree imagehash
    python benchmarks/hamming_search_speed.py [--hashes 50000] [--radius 10] [--rounds 5]

Hashes are random; one in five is another with up to `radius` bits turned. All sides give the same pairs
and are timed in CPU-seconds of one thread, alternating; imagehash and the BK-tree get fewer hashes, and
ours the same ones as each. A rate is n (n - 1) / 2 over the seconds: how fast brute force would have to be.

The bar: brute force does 5e9 comparisons a CPU-second on one core, and no peer is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import faiss
import imagehash
import numpy as np
import numpy.typing as npt
import pybktree

from components.dedup.hamming import pairs_within

BAR = 5e9

U64 = npt.NDArray[np.uint64]


def made(count: int, radius: int) -> U64:
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    copies = hashes[: count // 5].copy()
    for turns in range(radius):
        turn = np.uint64(1) << rng.integers(0, 64, len(copies)).astype(np.uint64)
        copies ^= np.where(np.arange(len(copies)) % (radius + 1) > turns, turn, np.uint64(0))
    hashes[count - len(copies) :] = copies
    return rng.permutation(hashes)


def ours(hashes: U64, radius: int, chunks: int | None = None) -> int:
    return sum(len(a) for a, _ in pairs_within(hashes, radius, chunks=chunks))


def faiss_pairs(index: faiss.IndexBinary, hashes: U64, radius: int) -> int:
    rows = hashes.view(np.uint8).reshape(len(hashes), 8)
    index.add(rows)
    # its radius is exclusive; it finds every pair from both ends, and each hash itself
    limits, _, _ = index.range_search(rows, radius + 1)
    return (int(limits[-1]) - len(hashes)) // 2


def flat(hashes: U64, radius: int) -> int:
    return faiss_pairs(faiss.IndexBinaryFlat(64), hashes, radius)


def multi_hash(hashes: U64, radius: int) -> int:
    index = faiss.IndexBinaryMultiHash(64, 4, 16)
    index.nflip = radius // 4
    return faiss_pairs(index, hashes, radius)


def bk_tree(hashes: U64, radius: int) -> int:
    values = hashes.tolist()
    tree = pybktree.BKTree(pybktree.hamming_distance, values)
    return (sum(len(tree.find(value, radius)) for value in values) - len(values)) // 2


def subtraction(hashes: U64, radius: int) -> int:
    values = [imagehash.hex_to_hash(f"{value:016x}") for value in hashes.tolist()]
    return sum(values[a] - values[b] <= radius for a in range(len(values)) for b in range(a))


def compare(sides: dict[str, Callable[[], int]], count: int, rounds: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for name, call in sides.items():
            started = time.process_time()
            found[name] = call()
            seconds[name].append(time.process_time() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(f"\n{count} hashes")
    for name, median in medians.items():
        rate = count * (count - 1) / 2 / median
        print(f"  {name:32} {median:9.3f} s  {rate:10.3g} pairs/s  {found[name]} found")
    return medians


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hashes", type=int, default=50_000)
    parser.add_argument("--radius", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    radius, rounds = options.radius, options.rounds
    ours(made(1000, radius), radius)  # compile
    few, some, many = (made(count, radius) for count in (1500, 3000, options.hashes))
    sides: dict[str, Callable[[], int]] = {
        "ours": partial(ours, few, radius),
        "imagehash, a - b <= radius": partial(subtraction, few, radius),
    }
    loop = compare(sides, len(few), rounds)
    sides = {"ours": partial(ours, some, radius), "pybktree": partial(bk_tree, some, radius)}
    tree = compare(sides, len(some), min(rounds, 3))
    sides = {
        "ours, brute force": partial(ours, many, radius, 1),
        "faiss IndexBinaryFlat": partial(flat, many, radius),
        "ours": partial(ours, many, radius),
        "faiss IndexBinaryMultiHash 4 x 16": partial(multi_hash, many, radius),
    }
    index = compare(sides, len(many), rounds)
    brute = len(many) * (len(many) - 1) / 2 / index["ours, brute force"]
    print(f"\nbrute force: {brute:.2g} comparisons a CPU-second (bar {BAR:.0e})")
    for name, seconds in (*list(loop.items())[1:], *list(tree.items())[1:]):
        mine = (loop if name in loop else tree)["ours"]
        print(f"{name} / ours = {seconds / mine:.1f}")
    print(f"faiss flat / our brute force = {list(index.values())[1] / index['ours, brute force']:.2f}")
    print(f"faiss multi-hash / ours = {list(index.values())[3] / index['ours']:.2f}")


if __name__ == "__main__":
    main()
