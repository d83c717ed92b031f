"""Perceptual hashes of an encoded image: pHash and dHash out of one decode.

How pixels become grey, so that the same picture has the same hash in every format:

- a JPEG is decoded at a half, a quarter or an eighth of its size where that leaves `MIN_DECODED` pixels;
- colours become luma (ITU-R 601); CMYK goes through RGB, CIELAB gives its lightness;
- transparent pixels lie on white, as on most pages, whatever colour is stored below them;
- 16-bit samples keep their upper 8 bits, 32-bit ones are stretched between their extremes;
- of an animation the first picture counts; EXIF orientation is undone.

After decoding all arithmetic is in fixed point or on integers, so that two machines agree on every bit.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.Image as PilImage
from PIL import ImageOps

from components.core.dhash import dhash, thumbnail
from components.core.images import MAX_PIXELS
from components.dedup.phash import phash

MIN_DECODED: Final = 128
"""Shortest side in pixels down to which a JPEG may be decoded at half, a quarter or an eighth. With
64 a copy turned by 3 degrees is found much less often; 256 finds no more and costs decoding time."""
FLAT: Final = 8
"""Grey levels of 256: an image whose block means differ by less has no structure to be known by."""


class Hashes(NamedTuple):
    """The two hashes of an image; both None where it is flat."""

    phash: int | None
    dhash: int | None


def image_hashes(data: bytes, width: int, height: int) -> Hashes | None:
    """The pHash and the dHash of an image.

    A flat image (one colour, or nearly: see `FLAT`) has none: its bits would be those of noise, and
    it would be near to every other flat image.

    Args:
        data: the encoded image.
        width, height: its size in pixels as its header gives it.

    Returns:
        None where it can't be decoded or has over `MAX_PIXELS` pixels.
    """
    if width * height > MAX_PIXELS:
        return None
    grey = _grey(data, min(width, height))
    return None if grey is None else hash_grey(grey)


def hash_grey(picture: PilImage.Image) -> Hashes:
    """The hashes of a Pillow image of mode L."""
    small = thumbnail(picture)
    if small.max() - small.min() < FLAT:
        return Hashes(None, None)
    return Hashes(phash(small), dhash(small))


def _grey(data: bytes, short_side: int) -> PilImage.Image | None:
    """Grey pixels the right way up, or None where the image can't be decoded."""
    grey = _jpeg_grey(data, short_side) if data[:2] == b"\xff\xd8" else None
    return _any_grey(data) if grey is None else grey


def _jpeg_grey(data: bytes, short_side: int) -> PilImage.Image | None:
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
        return None
    return None if grey is None or not grey.size else PilImage.fromarray(grey)


def _any_grey(data: bytes) -> PilImage.Image | None:
    """For every format but JPEG, and for JPEGs that OpenCV does not read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PilImage.open(io.BytesIO(data)) as opened:
                return _luma(ImageOps.exif_transpose(opened))
        except Exception:  # noqa: BLE001 - Pillow's decoders raise almost anything on broken input
            return None


def _luma(picture: PilImage.Image) -> PilImage.Image:
    """An image of any mode as mode L, transparent pixels on white."""
    if picture.mode.startswith("I;16"):
        return PilImage.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in {"I", "F"}:
        return _stretched(np.asarray(picture, np.float64))
    if picture.mode == "LAB":
        return picture.getchannel("L")
    if "transparency" in picture.info or picture.mode in {"PA", "La", "RGBa"}:
        picture = picture.convert("RGBA")
    if picture.mode in {"LA", "RGBA"}:
        white = PilImage.new("L", picture.size, 255)
        white.paste(picture.convert("L"), mask=picture.getchannel("A"))
        return white
    if picture.mode in {"1", "L"}:
        return picture.convert("L")
    return picture.convert("RGB").convert("L")


def _stretched(samples: npt.NDArray[np.float64]) -> PilImage.Image:
    samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = samples.min(), samples.max()
    scale = 255 / (high - low) if high > low else 0.0
    return PilImage.fromarray(np.floor((samples - low) * scale).astype(np.uint8))
