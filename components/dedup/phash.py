"""The 64-bit DCT perceptual hash of an encoded image.

After decoding, all arithmetic is on integers, so that two machines agree on every bit.
"""

from __future__ import annotations

import io
import math
import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.core.images import MAX_PIXELS

SIDE: Final = 32
"""Side in pixels of the grey thumbnail that is transformed (the usual pHash: 32, then 8 x 8)."""
LOW: Final = 8
"""Side of the block of lowest frequencies that makes the 64 bits."""
MIN_DECODED: Final = 256
"""Shortest side in pixels down to which a JPEG may be decoded at half, a quarter or an eighth."""

_SCALE: Final = 1 << 14


def _cosines() -> npt.NDArray[np.int64]:
    """The first `LOW` rows of the DCT-II of `SIDE` points, as integers."""
    return np.array(
        [
            [round(_SCALE * math.cos(math.pi * (2 * x + 1) * u / (2 * SIDE))) for x in range(SIDE)]
            for u in range(LOW)
        ],
        np.int64,
    )


_COSINES: Final = _cosines()


def perceptual_hash(data: bytes, width: int, height: int) -> int | None:
    """The pHash of an image: bit i is 1 where DCT coefficient i is above the median of all 64.

    Args:
        data: the encoded image.
        width, height: its size in pixels as its header gives it.

    Returns:
        64 bits, the coefficient of the lowest frequency first; None where it can't be decoded.
    """
    if width * height > MAX_PIXELS:
        return None
    grey = _decode(data, min(width, height))
    return None if grey is None else hash_grey(grey)


def hash_grey(grey: npt.NDArray[np.uint8]) -> int:
    """The pHash of a grey image, shape (height, width)."""
    frequencies = (_COSINES @ _thumbnail(grey) @ _COSINES.T).ravel()
    # twice the median of 64 integers is an integer
    ranked = np.sort(frequencies)
    doubled_median = ranked[31] + ranked[32]
    bits = 2 * frequencies > doubled_median
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def _thumbnail(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """`SIDE` x `SIDE` block means, scaled by 256 and rounded down. Sides below `SIDE` repeat pixels."""
    for axis in (0, 1):
        if grey.shape[axis] < SIDE:
            grey = np.repeat(grey, -(-SIDE // grey.shape[axis]), axis=axis)
    height, width = grey.shape
    rows, columns = (np.arange(SIDE + 1) * side // SIDE for side in (height, width))
    sums = np.add.reduceat(grey, rows[:-1], axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns[:-1], axis=1, dtype=np.int64)
    areas = np.outer(np.diff(rows), np.diff(columns))
    means: npt.NDArray[np.int64] = sums * 256 // areas
    return means


def _decode(data: bytes, short_side: int) -> npt.NDArray[np.uint8] | None:
    """Grey pixels, the right way up (EXIF), a large image reduced while it is decoded."""
    import cv2

    if short_side >= 8 * MIN_DECODED:
        flag = cv2.IMREAD_REDUCED_GRAYSCALE_8
    elif short_side >= 4 * MIN_DECODED:
        flag = cv2.IMREAD_REDUCED_GRAYSCALE_4
    elif short_side >= 2 * MIN_DECODED:
        flag = cv2.IMREAD_REDUCED_GRAYSCALE_2
    else:
        flag = cv2.IMREAD_GRAYSCALE
    try:
        grey: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error:
        grey = None
    return _decode_with_pillow(data) if grey is None or not grey.size else grey


def _decode_with_pillow(data: bytes) -> npt.NDArray[np.uint8] | None:
    """For the formats that this build of OpenCV does not read."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as picture:
                return np.asarray(ImageOps.exif_transpose(picture).convert("L"))
        except Exception:  # noqa: BLE001 - Pillow's decoders raise almost anything on broken input
            return None
