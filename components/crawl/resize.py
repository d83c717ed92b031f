"""Make pictures smaller: the sizes img2dataset offers, written as JPEG."""

from __future__ import annotations

import io
from typing import Final, Literal

import PIL.Image as PilImage
import PIL.ImageOps as PilImageOps

from components.core.images import opened

_GAP: Final = 2
"""A JPEG is decoded at half, a quarter or an eighth of its size where that is still so many times the
size wanted (as Pillow's `thumbnail` does)."""

_WHITE: Final = {"RGB": (255, 255, 255), "YCbCr": (255, 128, 128)}


def resize(
    data: bytes, mode: Literal["fit", "border", "crop"], max_side: int, quality: int
) -> tuple[bytes, tuple[int, int], tuple[int, int]]:
    """The picture as a JPEG that is no larger than `max_side` pixels, upright, transparency on white.

    Args:
        mode: fit: the longest side is at most max_side; border: that on a white square of max_side;
            crop: the shortest side is at most max_side, and the middle square is cut out. Nothing is
            ever enlarged.

    Returns:
        its bytes, its (width, height), and those of the original.

    Raises:
        BadRecord: with an `ImageReason`.
    """
    inner = min if mode == "crop" else max
    with opened(data) as picture:
        original = picture.size
        factor = max(1.0, inner(original) / (max_side * _GAP))
        # a JPEG stays in its own colour space: that saves turning it to RGB and back
        picture.draft("YCbCr", (max(1, int(original[0] / factor)), max(1, int(original[1] / factor))))
        small = _upright(picture)
        scale = max_side / inner(small.size)
        if scale < 1:
            size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
            # a triangle as wide as two new pixels: sharper than the mean, a third of Lanczos' time
            small = small.resize(size, PilImage.Resampling.BILINEAR)
        if mode == "border":
            square = PilImage.new(small.mode, (max_side, max_side), _WHITE[small.mode])
            square.paste(small, ((max_side - small.width) // 2, (max_side - small.height) // 2))
            small = square
        elif mode == "crop":
            edge = min(small.size)
            left, top = (small.width - edge) // 2, (small.height - edge) // 2
            small = small.crop((left, top, left + edge, top + edge))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality)
    return out.getvalue(), small.size, original


def _upright(picture: PilImage.Image) -> PilImage.Image:
    """The decoded picture without transparency, as RGB or YCbCr."""
    picture.load()
    PilImageOps.exif_transpose(picture, in_place=True)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = PilImage.new("RGBA", layer.size, "white")
        white.alpha_composite(layer)
        return white.convert("RGB")
    return picture if picture.mode in _WHITE else picture.convert("RGB")
