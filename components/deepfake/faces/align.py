"""Aligning faces: five landmarks onto a frontal template by a similarity transform.

The template is the five points that ArcFace (Deng et al. 2019) and most face recognition since align to,
given for a picture of 112 x 112 pixels; `margin` shrinks it about the middle, as DeepfakeBench does.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Floats, Pixels

Matrix = npt.NDArray[np.float64]
"""(2, 3): x' = M[:, :2] x + M[:, 2]."""

_TEMPLATE_SIDE: Final = 112
_TEMPLATE: Final = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)


def template(side: int, margin: float) -> npt.NDArray[np.float64]:
    """Where the five landmarks lie in a crop, (5, 2) pixels.

    Args:
        side: of the crop.
        margin: 1.0 gives the tight template; the face gets smaller in proportion.
    """
    centred = (_TEMPLATE - _TEMPLATE_SIDE / 2) / (_TEMPLATE_SIDE * margin)
    return np.asarray((centred + 0.5) * side)


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> Matrix:
    """The rotation, scale and shift that takes points nearest to others (Umeyama 1991, least squares).

    There is never a reflection in it.

    Args:
        source, target: (n, 2), n at least 2.

    Raises:
        ValueError: where all source points are one.
    """
    points, wanted = np.asarray(source, np.float64), np.asarray(target, np.float64)
    middle, aim = points.mean(axis=0), wanted.mean(axis=0)
    # in the plane a rotation with scale is one complex factor, and its least-squares value a quotient
    a = (points - middle) @ np.array([1, 1j])
    b = (wanted - aim) @ np.array([1, 1j])
    spread = float((a.conj() * a).real.sum())
    if spread < 1e-9:
        raise ValueError("the points to align are all the same")
    factor = complex((a.conj() * b).sum() / spread)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([turn, aim - turn @ middle])


def inverse(matrix: Matrix) -> Matrix:
    """The transform back: from pixels of the crop to pixels of the frame."""
    turn = np.linalg.inv(matrix[:, :2])
    return np.column_stack([turn, -turn @ matrix[:, 2]])


def moved(points: npt.ArrayLike, matrix: Matrix) -> Floats:
    """Points (n, 2) through a transform."""
    return np.asarray(np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2], np.float32)


def cut(image: Pixels, matrix: Matrix, side: int) -> Pixels:
    """The crop of `side` x `side` pixels that a transform cuts out of a frame.

    Bilinear; a frame that is shrunk more than twice is averaged over whole pixels first, for else most of
    them would not be looked at. What lies beyond the frame is its mirror image: a black or a smeared edge
    would look like a forger's seam.
    """
    import cv2

    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    image, matrix = _region(image, matrix, side)
    factor = math.floor(1 / scale)
    if factor >= 2 and image.shape[0] >= factor and image.shape[1] >= factor:
        height, width = image.shape[0] // factor * factor, image.shape[1] // factor * factor
        size = (width // factor, height // factor)
        image = _array(cv2.resize(image[:height, :width], size, interpolation=cv2.INTER_AREA))
        # pixel i of the small picture covers pixels factor*i to factor*i + factor - 1: its centre is between
        grown = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
        matrix = matrix @ grown
    return _array(
        cv2.warpAffine(
            np.ascontiguousarray(image), matrix, (side, side), None, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101
        )
    )


def _array(pixels: Any) -> Pixels:
    return np.asarray(pixels, np.uint8)


def _region(image: Pixels, matrix: Matrix, side: int) -> tuple[Pixels, Matrix]:
    """The part of the frame a crop needs, with as much again around it to be mirrored, and its transform."""
    corners = moved([(0, 0), (side, 0), (0, side), (side, side)], inverse(matrix)).astype(np.float64)
    reach = corners.max(axis=0) - corners.min(axis=0)
    low = np.floor(corners.min(axis=0) - reach).astype(int)
    high = np.ceil(corners.max(axis=0) + reach).astype(int)
    height, width = image.shape[:2]
    x0, y0 = np.clip(low, 0, (width - 1, height - 1))
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height))
    shifted = matrix.copy()
    shifted[:, 2] = matrix[:, :2] @ (x0, y0) + matrix[:, 2]
    return image[y0:y1, x0:x1], shifted
