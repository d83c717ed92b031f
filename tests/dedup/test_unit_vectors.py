import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.dedup import unit_vectors
from components.dedup.unit_vectors import (
    SCALE,
    from_arrow,
    nearest,
    quantised,
    repeated,
    spherical_kmeans,
    to_arrow,
)


def blobs(centres: int, each: int, spread: float, dimensions: int = 48, seed: int = 1) -> np.ndarray:
    """Unit vectors around random directions, those of one direction together."""
    rng = np.random.default_rng(seed)
    middle = np.repeat(rng.standard_normal((centres, dimensions)), each, axis=0)
    return quantised(middle + spread * rng.standard_normal(middle.shape))


ANY = hnp.arrays(
    np.float32, st.tuples(st.integers(0, 12), st.integers(1, 40)), elements=st.floats(-5, 5, width=32)
)


@settings(deadline=None, max_examples=80)
@given(ANY)
def test_quantised_are_unit_vectors_of_which_every_product_is_exact(vectors: np.ndarray) -> None:
    whole = quantised(vectors)
    lengths = np.linalg.norm(whole.astype(float), axis=1)
    present = np.abs(vectors).max(axis=1, initial=0) > 0
    assert np.all(np.abs(lengths[present] - SCALE) <= 0.5 * np.sqrt(vectors.shape[1]) + 1e-9)
    assert not whole[~present].any()
    floats = whole.astype(np.float32)
    assert np.array_equal(
        (floats @ floats.T).astype(np.int64), whole.astype(np.int64) @ whole.astype(np.int64).T
    )
    assert np.abs(whole.astype(np.int64)).dot(np.abs(whole.astype(np.int64)).T).max(initial=0) < 2**24


@pytest.mark.parametrize("shape", [(0, 3), (1, 5), (4, 3)])
def test_arrow_and_back(shape: tuple[int, int]) -> None:
    vectors = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    column = pa.chunked_array([to_arrow(vectors)])
    assert column.type == pa.list_(pa.int16())
    assert np.array_equal(from_arrow(column).reshape(shape), vectors)
    if shape[0] > 2:
        assert np.array_equal(from_arrow(column.slice(1, 2)), vectors[1:3])


def test_kmeans_finds_the_blobs() -> None:
    vectors = blobs(6, 50, 0.2)
    shuffled = np.random.default_rng(2).permutation(300)
    centroids = spherical_kmeans(vectors[shuffled], 12, 30)
    assigned = nearest(vectors, centroids).reshape(6, 50)
    # no cluster holds vectors of two blobs
    owners = [set(row.tolist()) for row in assigned]
    assert sum(len(o) for o in owners) == len(set().union(*owners))


def test_kmeans_of_fewer_different_vectors_than_clusters() -> None:
    vectors = np.tile(blobs(3, 1, 0), (4, 1))
    centroids = spherical_kmeans(vectors, 10, 5)
    assert sorted(map(tuple, centroids)) == sorted(map(tuple, vectors[:3]))


def by_definition(vectors: np.ndarray, centroid: np.ndarray, epsilon: float) -> list[int]:
    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        a, b = a.astype(np.int64), b.astype(np.int64)
        return int(a @ b) / np.sqrt(max(int(a @ a), 1)) / np.sqrt(max(int(b @ b), 1))

    toward = [
        int(v.astype(np.int64) @ centroid) / np.sqrt(max(int((v.astype(np.int64) ** 2).sum()), 1))
        for v in vectors
    ]
    order = sorted(range(len(vectors)), key=lambda n: (toward[n], n))
    found, kept = [-1] * len(vectors), []
    for row in order:
        similar = [(cosine(vectors[row], vectors[other]), -n, other) for n, other in enumerate(kept)]
        best = max(similar, default=(0.0, 0, -1))
        if best[0] > 1 - epsilon:
            found[row] = best[2]
        else:
            kept.append(row)
    return found


@pytest.mark.parametrize("epsilon", [0.01, 0.05, 0.2])
@pytest.mark.parametrize("block", [4, 1024])
def test_repeated_are_those_of_the_definition(monkeypatch, epsilon: float, block: int) -> None:
    monkeypatch.setattr(unit_vectors, "_BLOCK", block)
    vectors = np.random.default_rng(3).permutation(blobs(9, 6, 0.25))
    centroid = quantised(vectors.sum(axis=0, keepdims=True))[0]
    found = repeated(vectors, centroid, epsilon)
    assert found.tolist() == by_definition(vectors, centroid.astype(np.int64), epsilon)
    assert epsilon < 0.05 or (found >= 0).sum() > 5


def test_no_chain_joins_the_ends() -> None:
    angles = np.linspace(0, np.pi / 2, 10)
    arc = quantised(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    kept = repeated(arc, np.array([SCALE, 0], np.int16), 0.02)
    assert 3 <= (kept < 0).sum() < 10
