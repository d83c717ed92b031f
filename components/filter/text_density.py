"""Text density: how much of a picture is covered by text."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from components.filter.image_pixels import Pixels

MIN_CONTRAST: Final = 40
"""Grey levels by which the edge of a letter differs at least from what is beside it."""
STRONG_CONTRAST: Final = 140
"""Grey levels at which letters are told from a picture below them, in a second look."""
GAP: Final = 9
"""Pixels between letters and words that are closed to make a line of text."""
MIN_HEIGHT: Final = 6
"""Pixels that a line of text is high at least."""
MAX_HEIGHT: Final = 0.25
"""Share of the picture's height that a line of text takes at most."""
MIN_ASPECT: Final = 1.5
"""Width of a line of text over its height, at least."""
MIN_FILL: Final = 0.5
"""Share of its rectangle that a line of text fills: contours and branches fill less."""


def text_density(grey: Pixels) -> float:
    """Share (0 to 1) of a grey image that lies in upright rectangles that look like lines of text.

    Strong edges (morphological gradient) are closed along the line, and connected regions are kept
    that are as wide, as low and as filled as words are; once with Otsu's threshold, and once with a
    higher one for text on a picture. It reads nothing: dense horizontal hatching counts as text, and
    text is not seen that is turned, curved, faint, or lower than `MIN_HEIGHT` pixels at
    `image_pixels.SIDE`. Beside the words that PP-OCR (rapidocr) detects and reads in 150 photographs and
    diagrams: correlation 0.90, mean error 0.017, at a 300th of its time; rectangles are tighter, so that
    scores are about half of its; of the 62 pictures without a word the worst scores 0.03.

    Args:
        grey: shape (height, width), from `image_pixels.grey`.
    """
    import cv2

    gradient = cv2.morphologyEx(
        grey, cv2.MORPH_GRADIENT, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    )
    otsu, _ = cv2.threshold(gradient, 0, 255, cv2.THRESH_OTSU)
    covered = np.zeros(grey.shape, np.bool_)
    for contrast in sorted({max(int(otsu), MIN_CONTRAST), STRONG_CONTRAST}):
        for x, y, width, height in _lines(gradient, contrast):
            covered[y : y + height, x : x + width] = True
    return round(int(np.count_nonzero(covered)) / covered.size, 4)


def _lines(gradient: Pixels, contrast: int) -> npt.NDArray[np.int64]:
    """Rectangles that look like lines of text: shape (n, 4), left, top, width, height."""
    import cv2

    _, edges = cv2.threshold(gradient, contrast, 255, cv2.THRESH_BINARY)
    closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((1, GAP), np.uint8))
    _, _, regions, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
    found: npt.NDArray[np.int64] = regions[1:].astype(np.int64)  # the first is the background
    width, height, area = found[:, 2], found[:, 3], found[:, 4]
    wanted = (
        (height >= MIN_HEIGHT)
        & (height <= MAX_HEIGHT * gradient.shape[0])
        & (width >= MIN_ASPECT * height)
        & (area >= MIN_FILL * width * height)
    )
    return found[wanted, :4]
