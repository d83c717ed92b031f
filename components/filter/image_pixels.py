"""Decoding an image once for every score that is computed from it.

- a JPEG is decoded at a half, a quarter or an eighth of its size where its shorter side keeps at
  least `SIDE` pixels;
- transparent pixels lie on white, as on most pages: many diagrams have black below them;
- 16-bit samples keep their upper 8 bits; of an animation the first picture counts; EXIF orientation
  is undone.

All of it is fixed-point arithmetic, so that two machines agree on every pixel.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.core.images import MAX_PIXELS

SIDE: Final = 512
"""Pixels of the shorter side at which an image is looked at; smaller ones as they are."""

Pixels = npt.NDArray[np.uint8]


def decode(data: bytes, width: int, height: int) -> Pixels | None:
    """The pixels of an image, its shorter side `SIDE` to 2 x `SIDE` where it has that many.

    Args:
        data: the encoded image.
        width, height: its size in pixels as its header gives it.

    Returns:
        Blue, green, red: shape (height, width, 3); None where it can't be decoded or has more than
        `MAX_PIXELS` pixels.
    """
    if width * height > MAX_PIXELS:
        return None
    scale = _scale(min(width, height))
    pixels = _decode_jpeg(data, scale) if data[:2] == b"\xff\xd8" else None
    return _decode_with_pillow(data, scale) if pixels is None else pixels


def grey(pixels: Pixels) -> Pixels:
    """Luma of an image of `decode`, shrunk so that its shorter side has at most `SIDE` pixels."""
    import cv2

    luma: Any = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    height, width = luma.shape
    short = min(height, width)
    if short <= SIDE:
        return luma  # type: ignore[no-any-return]
    size = (round(width * SIDE / short), round(height * SIDE / short))
    # at most 2 x smaller: no pixel is skipped; the exact one is the same on every processor
    return cv2.resize(luma, size, interpolation=cv2.INTER_LINEAR_EXACT)  # type: ignore[no-any-return]


def _scale(short: int) -> int:
    """The greatest of 8, 4, 2, 1 by which a side of `short` pixels can be divided and keep `SIDE`."""
    return next((scale for scale in (8, 4, 2) if short >= scale * SIDE), 1)


def _decode_jpeg(data: bytes, scale: int) -> Pixels | None:
    import cv2

    flags = {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }
    try:
        pixels: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags[scale])
    except cv2.error:
        return None
    return None if pixels is None or not pixels.size else pixels


def _decode_with_pillow(data: bytes, scale: int) -> Pixels | None:
    """For every format but JPEG, and for JPEGs that OpenCV does not read."""
    from PIL import Image, ImageOps

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(io.BytesIO(data)) as opened:
                picture = _on_white(ImageOps.exif_transpose(opened))
        except Exception:  # noqa: BLE001 - Pillow's decoders raise almost anything on broken input
            return None
    if scale > 1:
        picture = picture.reduce(scale)
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])


def _on_white(picture: Any) -> Any:
    """An image of any mode as mode RGB."""
    from PIL import Image

    if picture.mode.startswith("I;16") or picture.mode == "I":
        upper = np.clip(np.asarray(picture).astype(np.int64) >> 8, 0, 255)
        return Image.fromarray(upper.astype(np.uint8)).convert("RGB")
    if "transparency" in picture.info or picture.mode in {"PA", "La", "RGBa"}:
        picture = picture.convert("RGBA")
    if picture.mode in {"LA", "RGBA"}:
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
        return white
    return picture.convert("RGB")
