"""Heat maps of a classifier from its outputs alone, and a check of whether a map shows what decided.

Occlusion: Zeiler and Fergus, arXiv 1311.2901, section 4.2; deletion: Petsiuk et al., RISE, arXiv 1806.07421,
section 4.2. What is taken away is blurred, not blackened, so that no new edge is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Floats, Pixels

LogOdds = Callable[[Sequence[Pixels]], npt.NDArray[np.float64]]
"""Pictures to their log-odds, (n,)."""

_CELLS: Final = 6
"""Cells to a side of an occlusion map: 36 pictures more for the model."""
_SIGMA: Final = 0.05
"""Of the blur, in sides of the picture."""
_SHARE: Final = 0.1
"""Of the picture that is taken away in the check."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """What happens to the log-odds without the brightest tenth of a map, and without other tenths."""

    brightest: float
    others: float

    def sentence(self) -> str:
        """For a person."""
        return (
            f"Blurring the brightest tenth of the map lowers the log-odds by {self.brightest:+.2f}, other "
            f"tenths by {self.others:+.2f} on average. The map shows what moves the model; it is no proof."
        )


def occlusion_map(image: Pixels, log_odds: LogOdds) -> Floats:
    """How much of the log-odds each place carries, (height, width), 0 to 1.

    Args:
        image: RGB, (height, width, 3).
    """
    height, width = image.shape[:2]
    blurred = _blurred(image)
    places = [
        np.s_[
            row * height // _CELLS : (row + 1) * height // _CELLS,
            column * width // _CELLS : (column + 1) * width // _CELLS,
        ]
        for row in range(_CELLS)
        for column in range(_CELLS)
    ]
    changed = [image]
    for place in places:
        without = image.copy()
        without[place] = blurred[place]
        changed.append(without)
    odds = log_odds(changed)
    drops = np.maximum(odds[0] - odds[1:], 0).reshape(_CELLS, _CELLS).astype(np.float32)
    scaled = cv2.resize(drops, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled / max(float(scaled.max()), 1e-6), np.float32)


def deletion(image: Pixels, heat: Floats, log_odds: LogOdds) -> Deletion:
    """Whether a map is faithful: its brightest tenth must matter more than other tenths.

    The other tenths are the same shape, moved by half a side along one axis or both, and the darkest tenth.

    Args:
        image: RGB, (height, width, 3).
        heat: (height, width).
    """
    blurred = _blurred(image)
    count = max(1, round(heat.size * _SHARE))
    order = np.argsort(-heat, axis=None, kind="stable")
    brightest = np.zeros(heat.size, bool)
    brightest[order[:count]] = True
    darkest = np.zeros(heat.size, bool)
    darkest[order[-count:]] = True
    shape = brightest.reshape(heat.shape)
    rows, columns = heat.shape[0] // 2, heat.shape[1] // 2
    moved = [np.roll(shape, shift, (0, 1)) for shift in ((rows, 0), (0, columns), (rows, columns))]
    masks = [shape, darkest.reshape(heat.shape), *moved]
    odds = log_odds([image, *(np.where(mask[..., None], blurred, image) for mask in masks)])
    drops = odds[0] - odds[1:]
    return Deletion(float(drops[0]), float(drops[1:].mean()))


def _blurred(image: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(image.shape[:2]) * _SIGMA), np.uint8)
