"""Unit vectors of whole numbers, k-means over them, and which of a cluster repeat another.

Vectors have length 1 times `SCALE`, rounded to integers. Any product of two, and any part of its sum, is
below 2^24, which float32 holds exactly: the fast matrix product gives the same bits on every machine,
however it orders its sums, and so do the clusters. Rounding moves a cosine by about 0.0001.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

I16 = npt.NDArray[np.int16]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

SCALE: Final = 2048
_BLOCK: Final = 1024


def quantised(vectors: npt.NDArray[np.floating]) -> I16:
    """Vectors, shape (n, dimensions), as unit vectors times `SCALE`; one of zeros stays that."""
    wide = vectors.astype(np.float64)
    # a sum in a fixed order: what numpy does with `sum` depends on the processor
    squares = np.cumsum(wide * wide, axis=1)[:, -1:] if wide.size else np.zeros((len(wide), 1))
    lengths = np.where(squares > 0, np.sqrt(squares), 1.0)
    return np.rint(wide / lengths * SCALE).astype(np.int16)


def to_arrow(vectors: I16) -> pa.Array:
    """A list<int16> column."""
    offsets = np.arange(len(vectors) + 1, dtype=np.int32) * vectors.shape[1]
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(vectors.ravel()))


def from_arrow(column: pa.ChunkedArray) -> I16:
    """The vectors of a list<int16> column, shape (n, dimensions); (0, 0) of none."""
    parts = [chunk.flatten().to_numpy() for chunk in column.chunks if len(chunk)]
    flat = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    return flat.reshape(len(column), -1) if len(column) else flat.reshape(0, 0)


def nearest(vectors: I16, centroids: I16) -> I64:
    """Index of the centroid with the greatest product for every vector; the least of equal ones."""
    columns = np.ascontiguousarray(centroids.astype(np.float32).T)
    found = np.empty(len(vectors), np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK].astype(np.float32)
        found[start : start + _BLOCK] = np.argmax(block @ columns, axis=1)
    return found


def spherical_kmeans(vectors: I16, clusters: int, iterations: int) -> I16:
    """Centroids of n unit vectors by Lloyd's algorithm on the sphere.

    It starts from the first `clusters` different vectors, so their order should be random. A centroid
    that no vector is nearest to stays where it is.

    Returns:
        At most `clusters` centroids, fewer where there are not so many different vectors.
    """
    _, firsts = np.unique(vectors, axis=0, return_index=True)
    centroids = vectors[np.sort(firsts)[:clusters]]
    assigned = np.full(len(vectors), -1)
    for _ in range(iterations):
        before, assigned = assigned, nearest(vectors, centroids)
        if np.array_equal(before, assigned):
            break
        order = np.argsort(assigned, kind="stable")
        filled, starts = np.unique(assigned[order], return_index=True)
        sums = np.add.reduceat(vectors[order].astype(np.int64), starts, axis=0)
        centroids = centroids.copy()
        centroids[filled] = quantised(sums)
    return centroids


def repeated(vectors: I16, centroid: I16, epsilon: float) -> I64:
    """Which vectors of a cluster repeat one that is kept: its index, or -1 for those that are kept.

    As in SemDeDup the vectors are taken from the least like the centroid on ("hard" examples are kept);
    equal ones in the given order. A vector is a repetition where its cosine with one that is kept is
    above 1 - epsilon; the most similar is named.
    """
    wide = vectors.astype(np.float32)
    toward = (wide @ centroid.astype(np.float32)).astype(np.float64)
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", wide, wide).astype(np.float64), 1))
    order = np.argsort(toward / lengths, kind="stable")
    found = np.full(len(vectors), -1)
    kept = np.zeros(0, np.int64)
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]
        best = np.full(len(block), 1 - epsilon)
        for first in range(0, len(kept), _BLOCK):
            others = kept[first : first + _BLOCK]
            _improve(_cosines(wide, lengths, block, others), others, best, found, block)
        inside = _cosines(wide, lengths, block, block)
        for place, row in enumerate(block):
            if found[row] < 0:  # kept: later ones of the block may repeat it
                later = block[place + 1 :]
                _improve(inside[place + 1 :, place, None], np.array([row]), best[place + 1 :], found, later)
        kept = np.concatenate([kept, block[found[block] < 0]])
    return found


def _cosines(wide: F32, lengths: npt.NDArray[np.float64], rows: I64, columns: I64) -> npt.NDArray[np.float64]:
    products = (wide[rows] @ wide[columns].T).astype(np.float64)
    cosines: npt.NDArray[np.float64] = products / lengths[rows, None] / lengths[None, columns]
    return cosines


def _improve(
    cosines: npt.NDArray[np.float64], others: I64, best: npt.NDArray[np.float64], found: I64, rows: I64
) -> None:
    """Where one of `others` is more like a row than what was found so far, name it."""
    most = np.argmax(cosines, axis=1)
    values = np.take_along_axis(cosines, most[:, None], axis=1)[:, 0]
    better = values > best
    best[better] = values[better]
    found[rows[better]] = others[most[better]]
