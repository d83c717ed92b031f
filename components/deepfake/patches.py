"""Patches: squares of a picture at its own resolution, never resampled."""

from __future__ import annotations

import numpy as np

from components.deepfake.sample import PATCH_SIDE, Pixels

Box = tuple[int, int, int, int]


def patch_boxes(image: Pixels, count: int) -> list[Box]:
    """Where up to `count` patches lie (x0, y0, x1, y1): the middle, then those with most texture.

    They do not overlap. A picture smaller than a patch in one direction gives strips of its size.

    Args:
        image: RGB, (height, width, 3).
    """
    if count < 1:
        return []
    height, width = image.shape[:2]
    high, wide = min(height, PATCH_SIDE), min(width, PATCH_SIDE)
    top, left = (height - high) // 2, (width - wide) // 2
    middle = (left, top, left + wide, top + high)
    if count == 1 or (high == height and wide == width):
        return [middle]
    # a grid that has the middle one in it, so that no two overlap
    tops, lefts = range(top % high, height - high + 1, high), range(left % wide, width - wide + 1, wide)
    grid = [(x, y, x + wide, y + high) for y in tops for x in lefts]
    grid.remove(middle)
    grid.sort(key=lambda box: (-_texture(image, box), box))
    return [middle, *grid[: count - 1]]


def _texture(image: Pixels, box: Box) -> float:
    """Mean absolute difference of neighbouring pixels, in both directions, of the green channel."""
    x0, y0, x1, y1 = box
    green = image[y0:y1, x0:x1, 1].astype(np.int16)
    return float(np.abs(np.diff(green, axis=0)).mean() + np.abs(np.diff(green, axis=1)).mean())
