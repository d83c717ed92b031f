"""A description of an aligned face as a vector of unit length, without a trained model."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from components.deepfake.sample import Crop, Floats
from components.deepfake.time_series import Series

_SIDE: Final = 96
_CELL: Final = 12
_ANGLES: Final = 8
_WIDTH: Final = 2.1
_ABOVE: Final = 0.75
"""The window: 2.1 distances between the eyes wide and high, its top 0.75 above them: brows to chin."""


def describe(crop: Crop) -> Series:
    """Histograms of oriented gradients (Dalal and Triggs 2005) of the face after its light is evened.

    The window between brows and chin is cut along the eyes, its contrast evened locally (CLAHE), and
    unsigned gradients are counted in 8 angles over 8 x 8 cells, each cell's histogram normalised and
    square-rooted. A weak identifier: it confuses people of like build, and expression, beards and glasses
    move it as much as another person does.

    Args:
        crop: aligned, with landmarks.

    Returns:
        (512,) of length 1.
    """
    if crop.landmarks is None:
        raise ValueError(f"the crop of frame {crop.frame} has no landmarks")
    window = cv2.createCLAHE(2.0, (4, 4)).apply(_window(crop.image, crop.landmarks))
    grey = cv2.GaussianBlur(window, (0, 0), 1.0).astype(np.float32)
    down, across = np.gradient(grey.astype(np.float64))
    length = np.hypot(across, down)
    angle = np.mod(np.arctan2(down, across), np.pi) / np.pi * _ANGLES
    cells = _SIDE // _CELL
    rows, columns = np.indices(grey.shape) // _CELL
    found = np.zeros((cells, cells, _ANGLES))
    low = np.floor(angle).astype(int)
    share = angle - low
    np.add.at(found, (rows, columns, low % _ANGLES), length * (1 - share))
    np.add.at(found, (rows, columns, (low + 1) % _ANGLES), length * share)
    total = found.sum(axis=2, keepdims=True)
    vector = np.sqrt(found / (total + 0.05 * float(total.mean()) + 1e-9)).ravel()
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-12))


def _window(image: np.ndarray, landmarks: Floats) -> np.ndarray:  # type: ignore[type-arg]
    eyes = landmarks[:2].astype(np.float64)
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    middle = eyes.mean(axis=0)
    corner = middle - across * _WIDTH / 2 - down * _ABOVE
    source = np.stack([corner, corner + across * _WIDTH, corner + down * _WIDTH]).astype(np.float32)
    target = np.array([[0, 0], [_SIDE, 0], [0, _SIDE]], np.float32)
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.warpAffine(
        grey, cv2.getAffineTransform(source, target), (_SIDE, _SIDE), flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
