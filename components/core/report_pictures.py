"""Pictures in a report: thumbnails as `data:` URIs."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass
from typing import Final

import PIL.Image as PilImage
import PIL.ImageOps

from components.core.images import MAX_PIXELS, MAX_SIDE

THUMBNAIL_SIDE: Final = 320
"""Longest side of a thumbnail in pixels."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture as a `data:` URI with its alternative text and a caption."""

    src: str
    alt: str = ""
    caption: str = ""
    width: int | None = None
    height: int | None = None


def thumbnail(data: bytes, *, side: int = THUMBNAIL_SIDE, quality: int = 72) -> Figure | None:
    """A picture of at most `side` pixels as a WebP `data:` URI; None where it can't be decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PilImage.open(io.BytesIO(data)) as picture:
                if max(picture.size) > MAX_SIDE or picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (2 * side, 2 * side))
                upright = PIL.ImageOps.exif_transpose(picture)
                transparent = "A" in upright.getbands() or "transparency" in upright.info
                small = upright.convert("RGBA" if transparent else "RGB")
                small.thumbnail((side, side), PilImage.Resampling.LANCZOS)
                out = io.BytesIO()
                small.save(out, "WEBP", quality=quality, method=4)
        except Exception:  # noqa: BLE001 - a picture that can't be drawn is left out; Pillow raises many types
            return None
    uri = "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    return Figure(uri, width=small.width, height=small.height)
