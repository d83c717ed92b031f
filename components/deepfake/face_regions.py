"""Regions of an aligned face, from its landmarks: the inner face, the ring where blends end, the rest."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Crop, Floats

Mask = npt.NDArray[np.bool_]

REGIONS: Final = ("inner", "ring", "outer")
WHOLE: Final = ("whole",)

_ACROSS: Final = 0.95
"""Half the width of the inner face, in distances between the eyes."""
_ALONG: Final = 1.15
"""Half the height of the inner face, in distances from the eyes to the mouth."""
_RING: Final = (0.8, 1.4)
"""Where the ring begins and ends, in inner faces: masks of swaps end between brows and hair line, mouth
and chin (the hulls of landmarks in Face X-ray, arXiv 1912.13458, section 3.2)."""


def regions(crop: Crop) -> dict[str, Mask]:
    """Masks (height, width) that cover a crop without overlap: REGIONS of a face, WHOLE of a patch."""
    height, width = crop.image.shape[:2]
    if crop.landmarks is None:
        return {"whole": np.ones((height, width), bool)}
    within = _ellipse(crop.landmarks, height, width, _RING[0])
    beyond = ~_ellipse(crop.landmarks, height, width, _RING[1])
    return {"inner": within, "ring": ~within & ~beyond, "outer": beyond}


def face_mask(crop: Crop) -> Mask:
    """The inner face, (height, width); everything for a patch."""
    height, width = crop.image.shape[:2]
    if crop.landmarks is None:
        return np.ones((height, width), bool)
    return _ellipse(crop.landmarks, height, width, 1.0)


def _ellipse(landmarks: Floats, height: int, width: int, scale: float) -> Mask:
    points = np.asarray(landmarks, np.float64)
    eyes, mouth = points[:2].mean(0), points[3:].mean(0)
    across = float(np.hypot(*(points[1] - points[0]))) * _ACROSS * scale
    down = mouth - eyes
    along = float(np.hypot(*down)) * _ALONG * scale
    degrees = float(np.degrees(np.arctan2(down[1], down[0]))) - 90
    centre = (eyes + mouth) / 2
    drawn = np.zeros((height, width), np.uint8)
    box = (
        (float(centre[0]), float(centre[1])),
        (max(2 * across, 1.0), max(2 * along, 1.0)),
        degrees,
    )
    cv2.ellipse(drawn, box, 1, thickness=-1)
    found: Mask = drawn.astype(bool)
    return found
