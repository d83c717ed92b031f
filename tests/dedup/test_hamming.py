import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.dedup import hamming
from components.dedup.hamming import _chunks, pairs_within


def by_definition(hashes: np.ndarray, radius: int) -> set[tuple[int, int]]:
    values = hashes.tolist()
    pairs = itertools.combinations(range(len(values)), 2)
    return {(a, b) for a, b in pairs if (values[a] ^ values[b]).bit_count() <= radius}


def found(hashes: np.ndarray, radius: int, chunks: int | None = None) -> set[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    for a, b in pairs_within(hashes, radius, chunks=chunks):
        assert 0 < len(a) == len(b) <= hamming.BATCH
        pairs += zip(a.tolist(), b.tolist(), strict=True)
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def near_each_other(count: int, flips: int, seed: int = 1) -> np.ndarray:
    """Hashes of which many are others with up to so many bits turned."""
    rng = np.random.default_rng(seed)
    origins = rng.integers(0, 2**64, max(count // 5, 1), dtype=np.uint64)
    hashes = origins[rng.integers(0, len(origins), count)]
    often = rng.random(count)
    for _ in range(flips):
        turn = np.uint64(1) << rng.integers(0, 64, count).astype(np.uint64)
        hashes ^= np.where(rng.random(count) < often, turn, np.uint64(0))
    return hashes


HASHES = st.lists(
    st.one_of(
        st.integers(0, 2**64 - 1),
        st.sampled_from([0, 1, 3, 2**63, 2**64 - 1, 0xFFFF << 48, 0xF0F0F0F0F0F0F0F0]),
        st.integers(0, 63).map(lambda bit: 1 << bit),
    ),
    max_size=60,
).map(lambda values: np.array(values, np.uint64))


@settings(deadline=None, max_examples=150)
@given(HASHES, st.integers(0, 20), st.sampled_from([None, 1, 4, 5, 6, 8]))
def test_pairs_are_those_of_the_definition(hashes: np.ndarray, radius: int, chunks: int | None) -> None:
    assert found(hashes, radius, chunks) == by_definition(hashes, radius)


@pytest.mark.parametrize("radius", [0, 3, 7, 10, 13])
@pytest.mark.parametrize("chunks", [3, 4, 5, 7])
def test_several_chunks_find_what_brute_force_finds(chunks: int, radius: int) -> None:
    hashes = near_each_other(2000, 14)
    pairs = found(hashes, radius, 1)
    assert len(pairs) > 10
    assert found(hashes, radius, chunks) == pairs


@pytest.mark.parametrize("count", [1, 4])
def test_more_tiles_and_pairs_than_fit_at_once(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    hashes = near_each_other(9000, 5)
    pairs = found(hashes, 8, count)
    assert len(pairs) > 3 * hamming.TILE
    monkeypatch.setattr(hamming, "BATCH", hamming.TILE)
    assert found(hashes, 8, count) == pairs


def test_equal_hashes_are_pairs() -> None:
    assert found(np.full(150, 7, np.uint64), 0) == set(itertools.combinations(range(150), 2))


@pytest.mark.parametrize("count", range(3, 9))
@pytest.mark.parametrize("radius", range(25))
def test_chunks_cover_the_hash_and_miss_nothing(count: int, radius: int) -> None:
    chunks = _chunks(count, radius)
    bits = [bit for c in chunks for bit in range(c.shift, c.shift + c.width)]
    assert len(set(bits)) == len(bits)
    # a pair that every chunk misses is further apart than the radius
    assert sum(c.radius + 1 for c in chunks) > radius
    assert max(c.width for c in chunks) <= 22


def test_no_hash_and_one_hash() -> None:
    assert found(np.zeros(0, np.uint64), 5) == set()
    assert found(np.zeros(1, np.uint64), 64) == set()
