"""Encoded images: what they are, whether they can be decoded, and their `Image` record."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import PIL
import PIL.Image as PilImage

from components.core.errors import BadRecord
from components.core.records import Image

MAX_SIDE: Final = 20_000
"""Longest side in pixels that is ever decoded (MINT-1T section 2.3 drops longer ones)."""
MAX_PIXELS: Final = 100_000_000
"""Most pixels that are ever decoded: 300 MB as RGB. A small file may claim any size in its header."""

_FORMATS: Final = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tiff",
    "AVIF": "avif",
    "JPEG2000": "jp2",
}


class ImageReason(StrEnum):
    """Why an image can't be used."""

    NOT_AN_IMAGE = "not_an_image"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_UNDECODABLE = "image_undecodable"


@contextmanager
def opened(data: bytes) -> Iterator[PilImage.Image]:
    """The picture that `data` holds, its header read and nothing decoded yet.

    The header's size is checked before anything is decoded, so that an image which lies about its
    size costs no memory. What a decoder raises inside the block becomes a `BadRecord`.

    Raises:
        BadRecord: with an `ImageReason`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PilImage.open(io.BytesIO(data), formats=tuple(_FORMATS)) as picture:
                width, height = picture.size
                if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
                    raise BadRecord(ImageReason.IMAGE_TOO_LARGE, f"the header says {width}x{height} pixels")
                yield picture
        except PIL.UnidentifiedImageError:
            raise BadRecord(ImageReason.NOT_AN_IMAGE, f"{len(data)} bytes of no known format") from None
        except BadRecord:
            raise
        except PilImage.DecompressionBombError as error:
            raise BadRecord(ImageReason.IMAGE_TOO_LARGE, str(error)) from None
        except Exception as error:  # noqa: BLE001 - Pillow's decoders raise OSError, SyntaxError, struct.error…
            raise BadRecord(ImageReason.IMAGE_UNDECODABLE, f"{type(error).__name__}: {error}") from None


def read_image(
    data: bytes,
    *,
    url: str | None = None,
    alt: str | None = None,
    source_uri: str | None = None,
    source_offset: int | None = None,
) -> Image:
    """Check by decoding that `data` is a whole image and make its record.

    Raises:
        BadRecord: with an `ImageReason`.
    """
    with opened(data) as picture:
        width, height = picture.size
        kind = _FORMATS.get(str(picture.format), "jpeg")  # MPO, a JPEG with more behind it
        picture.draft("L", (max(1, width // 8), max(1, height // 8)))
        picture.load()
    return Image(
        id=hashlib.sha256(data).hexdigest(),
        bytes=data,
        size=len(data),
        format=kind,
        width=width,
        height=height,
        url=url,
        alts=[alt] if alt else [],
        source_uri=source_uri,
        source_offset=source_offset,
    )
