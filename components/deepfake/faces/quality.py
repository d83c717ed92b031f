"""How well a face can be seen."""

from __future__ import annotations

from components.deepfake.sample import Pixels


def sharpness(image: Pixels) -> float:
    """Variance of the 3 x 3 Laplacian of the luma, in squared grey levels (Pech-Pacheco 2000)."""
    import cv2

    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    # sums of squares of 16-bit numbers are exact in 64-bit floats: the same on every processor
    _, deviation = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))
    return round(float(deviation[0, 0]) ** 2, 2)
