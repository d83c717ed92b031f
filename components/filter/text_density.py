"""Text density: how much of a picture is covered by text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

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
"""Share of its rectangle in which edges lie, once closed: contours and branches have less."""


def text_density(grey: Pixels) -> float:
    """Share (0 to 1) of a grey image that lies in upright rectangles that look like lines of text.

    Strong edges (morphological gradient) are closed along the line, and connected regions are kept
    that are as wide, as low and as filled as words are; once with Otsu's threshold, and once with a
    higher one for text on a picture. It reads nothing: dense horizontal hatching counts as text, and
    text is not seen that is turned, curved, faint, or lower than `MIN_HEIGHT` pixels at
    `image_pixels.SIDE`. Beside the words that PP-OCR (rapidocr) detects and reads in 150 photographs and
    diagrams: correlation 0.91, mean error 0.017, at a 600th of its time; rectangles are tighter, so that
    scores are about half of its; of the 62 pictures without a word the worst scores 0.02.

    Args:
        grey: shape (height, width), from `image_pixels.grey`.
    """
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    gradient: Any = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, cross)
    otsu, _ = cv2.threshold(gradient, 0, 255, cv2.THRESH_OTSU)
    covered = np.zeros(grey.shape, np.bool_)
    for contrast in sorted({max(int(otsu), MIN_CONTRAST), STRONG_CONTRAST}):
        for x, y, width, height in _lines(gradient, contrast):
            covered[y : y + height, x : x + width] = True
    return round(int(np.count_nonzero(covered)) / covered.size, 4)


def _lines(gradient: Pixels, contrast: int) -> Iterator[tuple[int, int, int, int]]:
    """Rectangles that look like lines of text: left, top, width, height."""
    import cv2

    _, edges = cv2.threshold(gradient, contrast, 255, cv2.THRESH_BINARY)
    closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((1, GAP), np.uint8))
    # outlines take a quarter of the time of labelled components
    outlines, hierarchy = cv2.findContours(closed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    inside = hierarchy[0, :, 3] if len(outlines) else ()
    for outline, parent in zip(outlines, inside, strict=True):
        x, y, width, height = cv2.boundingRect(outline)
        if parent >= 0 or not MIN_HEIGHT <= height <= MAX_HEIGHT * gradient.shape[0]:
            continue  # the outline of a hole, or no line
        if width < MIN_ASPECT * height:
            continue
        if cv2.countNonZero(closed[y : y + height, x : x + width]) >= MIN_FILL * width * height:
            yield x, y, width, height
