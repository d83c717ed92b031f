"""Make pictures smaller: the sizes img2dataset offers, written as JPEG."""

from __future__ import annotations

from typing import Any, Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image as PilImage
import PIL.ImageOps as PilImageOps

from components.core.errors import BadRecord
from components.core.images import ImageReason, opened

_GAP: Final = 2
"""A JPEG is decoded at half, a quarter or an eighth of its size where that is still so many times the
size wanted (as Pillow's `thumbnail` does)."""

_REDUCED: Final = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}
_ORIENTATION: Final = 0x0112
_WHITE: Final = (255, 255, 255)

_Pixels = npt.NDArray[np.uint8]
"""(height, width, 3), blue first."""


def resize(
    data: bytes, mode: Literal["fit", "border", "crop"], max_side: int, quality: int
) -> tuple[bytes, tuple[int, int], tuple[int, int]]:
    """The picture as a JPEG that is no larger than `max_side` pixels, upright, transparency on white.

    Args:
        mode: fit: the longest side is at most max_side; border: that on a white square of max_side;
            crop: the shortest side is at most max_side, and the middle square is cut out. Nothing is
            ever enlarged. Each new pixel is the mean of the area it covers.

    Returns:
        its bytes, its (width, height), and those of the original.

    Raises:
        BadRecord: with an `ImageReason`.
    """
    inner = min if mode == "crop" else max
    with opened(data) as picture:
        original = picture.size
        pixels = _decoded(data, picture, inner(original) / (max_side * _GAP))
        height, width = pixels.shape[:2]
        scale = max_side / inner(width, height)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            pixels = _array(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
        if mode == "border":
            pixels = _on_square(pixels, max_side)
        elif mode == "crop":
            pixels = _middle_square(pixels)
        done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise BadRecord(ImageReason.IMAGE_UNDECODABLE, f"no JPEG can be made of {pixels.shape} pixels")
    height, width = pixels.shape[:2]
    return encoded.tobytes(), (width, height), original


def _decoded(data: bytes, picture: PilImage.Image, factor: float) -> _Pixels:
    """The upright pixels; a JPEG's may be fewer by 2, 4 or 8, whichever is at most `factor`."""
    if picture.format in {"JPEG", "MPO"}:
        ratio = next(n for n in _REDUCED if n <= max(1.0, factor))
        upright = picture.getexif().get(_ORIENTATION, 1) == 1
        if upright and picture.mode in {"RGB", "L"}:
            flags = _REDUCED[ratio] | cv2.IMREAD_IGNORE_ORIENTATION
            pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            if pixels is not None:
                return _array(pixels)
            # what OpenCV can't read Pillow may, and else says what is wrong with it
        picture.draft("RGB", (max(1, picture.width // ratio), max(1, picture.height // ratio)))
    return np.ascontiguousarray(np.asarray(_upright(picture))[:, :, ::-1])


def _upright(picture: PilImage.Image) -> PilImage.Image:
    """The decoded picture without transparency, as RGB."""
    picture.load()
    PilImageOps.exif_transpose(picture, in_place=True)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = PilImage.new("RGBA", layer.size, "white")
        white.alpha_composite(layer)
        return white.convert("RGB")
    return picture.convert("RGB")


def _on_square(pixels: _Pixels, side: int) -> _Pixels:
    height, width = pixels.shape[:2]
    top, left = (side - height) // 2, (side - width) // 2
    margins = (top, side - height - top, left, side - width - left)
    return _array(cv2.copyMakeBorder(pixels, *margins, cv2.BORDER_CONSTANT, value=_WHITE))


def _middle_square(pixels: _Pixels) -> _Pixels:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


def _array(pixels: Any) -> _Pixels:
    """What OpenCV returned, whose type its stubs give too widely."""
    result: _Pixels = pixels
    return result
