"""Make pictures smaller: the sizes img2dataset offers, written as JPEG.

A JPEG is decoded at half, a quarter or an eighth of its size where that is still at least twice the
size wanted, which saves most of the decoding and nothing that could be seen.
"""

from __future__ import annotations

import io
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image as PilImage
import PIL.ImageOps as PilImageOps

from components.core.errors import BadRecord
from components.core.images import ImageReason

Pixels = npt.NDArray[np.uint8]
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def _pixels(data: bytes, kind: str, width: int, height: int, target: float) -> Pixels:
    """The picture as BGR, upright, transparency on white; its size is at least 2 * `target` or its own.

    Args:
        target: width and height are wanted smaller by this factor.
    """
    if kind == "jpeg":
        mode = next((flag for factor, flag in _REDUCED if target >= 2 * factor), cv2.IMREAD_COLOR)
        found: Any = cv2.imdecode(np.frombuffer(data, np.uint8), mode)
        if found is None:
            raise BadRecord(ImageReason.IMAGE_UNDECODABLE, f"a JPEG of {width}x{height} pixels")
        return found
    with PilImage.open(io.BytesIO(data)) as picture:
        upright = PilImageOps.exif_transpose(picture).convert("RGBA")
        white = PilImage.new("RGBA", upright.size, "white")
        white.alpha_composite(upright)
        return np.ascontiguousarray(np.asarray(white)[:, :, 2::-1])


def resize(
    data: bytes,
    kind: str,
    width: int,
    height: int,
    mode: Literal["fit", "border", "crop"],
    max_side: int,
    quality: int,
) -> tuple[bytes, int, int]:
    """The picture as a JPEG that is no larger than `max_side` pixels.

    Args:
        kind, width, height: of `data`, as `read_image` found them.
        mode: fit: the longest side is at most max_side; border: that on a white square of max_side;
            crop: the shortest side is at most max_side, and the middle square is cut out. Nothing is
            ever enlarged.

    Returns:
        its bytes, width and height.

    Raises:
        BadRecord: IMAGE_UNDECODABLE.
    """
    side = min(width, height) if mode == "crop" else max(width, height)
    pixels = _pixels(data, kind, width, height, side / max_side)
    high, wide = pixels.shape[:2]
    scale = max_side / (min(high, wide) if mode == "crop" else max(high, wide))
    if scale < 1:
        size = (max(1, round(wide * scale)), max(1, round(high * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    high, wide = pixels.shape[:2]
    if mode == "border":
        top, left = (max_side - high) // 2, (max_side - wide) // 2
        square = np.full((max_side, max_side, 3), 255, np.uint8)
        square[top : top + high, left : left + wide] = pixels
        pixels = square
    elif mode == "crop":
        edge = min(high, wide)
        top, left = (high - edge) // 2, (wide - edge) // 2
        pixels = pixels[top : top + edge, left : left + edge]
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise BadRecord(ImageReason.IMAGE_UNDECODABLE, "the smaller picture can't be written")
    return encoded.tobytes(), pixels.shape[1], pixels.shape[0]
