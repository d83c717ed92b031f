"""How well a face can be seen: sharpness and how far it is turned away."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Pixels

_NOSE: Final = 0.6
"""How far the tip of the nose lies before the line between the eyes, over the distance of the eyes.

Of a mean adult head: 63 mm between the pupils, and about 38 mm."""


def sharpness(image: Pixels) -> float:
    """Variance of the 3 x 3 Laplacian of the luma, in squared grey levels (Pech-Pacheco 2000)."""
    import cv2

    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # sums of squares of 16-bit numbers are exact in 64-bit floats: the same on every processor
    _, deviation = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return round(float(deviation[0, 0]) ** 2, 2)


def yaw(landmarks: npt.ArrayLike) -> float:
    """Roughly how far a face is turned to the side, in degrees: 0 frontal, positive to the picture's right.

    From how far the tip of the nose lies off the middle of the eyes, along the line between them. Good to
    tell a frontal from a half and a full profile, and no more.

    Args:
        landmarks: (5, 2), the order of `Crop.landmarks`.
    """
    left, right, nose = np.asarray(landmarks, np.float64)[:3]
    across = right - left
    distance = float(np.hypot(*across))
    if distance < 1e-6:
        return 90.0
    aside = float((nose - (left + right) / 2) @ across) / distance
    # both the eyes' distance (cosine) and the nose's offset (sine) are seen in projection
    return math.degrees(math.atan2(aside / _NOSE, distance))
