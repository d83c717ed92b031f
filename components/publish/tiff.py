"""Multi-frame TIFF, one frame an image, without encoding a JPEG a second time.

TIFF (Technical Note 2 of its specification, compression 7) can hold a whole JPEG stream as a strip, so
a JPEG goes in byte for byte: it loses nothing, and the SHA-256 of the strip is that of the file as it
was found. Any other image is stored without loss, as Deflate (compression 8) of its 8-bit samples.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Final

import PIL.Image as PilImage

from components.core.errors import BadRecord, BadShard
from components.core.images import MAX_PIXELS, ImageReason

_JPEG: Final = 7
_DEFLATE: Final = 8
_GREY: Final = 1
_RGB: Final = 2
_YCBCR: Final = 6
_SHORT: Final = 3
_LONG: Final = 4
_RATIONAL: Final = 5
_MAX_TIFF: Final = 2**32 - 1
_FRAME_HEADERS: Final = frozenset({0xC0, 0xC1, 0xC2})
_OTHER_FRAMES: Final = frozenset({0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)})


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a TIFF: a single strip of `data`.

    Attributes:
        data: the strip's bytes.
        width: pixels.
        height: pixels.
        compression: 7 (JPEG) or 8 (Deflate).
        photometric: 1 (grey), 2 (RGB) or 6 (YCbCr).
        samples: samples a pixel, 8 bits each; the fourth of RGB is unassociated alpha.
        subsampling: of YCbCr, horizontal and vertical.
    """

    data: bytes
    width: int
    height: int
    compression: int
    photometric: int
    samples: int
    subsampling: tuple[int, int] = (1, 1)


def encode_frame(data: bytes) -> Frame:
    """The frame of an encoded image.

    A JPEG of 8-bit grey or YCbCr samples is taken as it is; every other image is decoded to grey, RGB
    or RGBA and deflated. Of an animation only the first picture is taken.

    Raises:
        BadRecord: with an `ImageReason`, where the image can't be decoded.
    """
    return _jpeg_frame(data) or _deflated_frame(data)


def _jpeg_frame(data: bytes) -> Frame | None:
    """The JPEG as a frame, or None where TIFF can't hold it as it is (CMYK, 12 bits, RGB, arithmetic)."""
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    adobe_transform: int | None = None
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        body = data[at + 4 : at + 2 + length]
        if marker == 0xEE and body[:5] == b"Adobe" and len(body) >= 12:
            adobe_transform = body[11]
        elif marker in _OTHER_FRAMES or marker == 0xDA:
            return None
        elif marker in _FRAME_HEADERS:
            return _frame_of_header(data, body, adobe_transform)
        at += 2 + length
    return None


def _frame_of_header(data: bytes, body: bytes, adobe_transform: int | None) -> Frame | None:
    if len(body) < 6:
        return None
    precision, height, width, samples = struct.unpack_from(">BHHB", body)
    if precision != 8 or not height or not width or len(body) < 6 + 3 * samples:
        return None
    if samples == 1:
        return Frame(data, width, height, _JPEG, _GREY, 1)
    parts = [(body[6 + 3 * n], body[7 + 3 * n] >> 4, body[7 + 3 * n] & 15) for n in range(samples)]
    if samples != 3 or adobe_transform == 0 or [ident for ident, _, _ in parts] == [*b"RGB"]:
        return None
    (_, across, down), *chroma = parts
    plain = all((h, v) == (1, 1) for _, h, v in chroma)
    if not plain or across not in {1, 2, 4} or down not in {1, 2, 4}:
        return None
    return Frame(data, width, height, _JPEG, _YCBCR, 3, (across, down))


def _deflated_frame(data: bytes) -> Frame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PilImage.open(io.BytesIO(data)) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise BadRecord(ImageReason.IMAGE_TOO_LARGE, f"the header says {width}x{height} pixels")
                transparent = "A" in picture.getbands() or "transparency" in picture.info
                mode = "RGBA" if transparent else "L" if picture.mode in {"1", "L"} else "RGB"
                pixels = picture.convert(mode).tobytes()
        except BadRecord:
            raise
        except Exception as error:  # noqa: BLE001 - Pillow's decoders raise OSError, SyntaxError, struct.error…
            raise BadRecord(ImageReason.IMAGE_UNDECODABLE, f"{type(error).__name__}: {error}") from None
    photometric = _GREY if mode == "L" else _RGB
    return Frame(zlib.compress(pixels, 6), width, height, _DEFLATE, photometric, len(mode))


def multi_frame_tiff(frames: list[Frame]) -> bytes:
    """A little-endian TIFF of the frames, in order, one strip a frame.

    Raises:
        BadShard: where it would pass 4 GiB, which is as far as TIFF's offsets reach.
    """
    if not frames:
        raise ValueError("a TIFF needs a frame")
    out = bytearray(b"II*\0\0\0\0\0")
    link = 4
    for frame in frames:
        strip = len(out)
        out += frame.data
        out += bytes(len(out) % 2)
        if len(out) + 1024 > _MAX_TIFF:
            raise BadShard("The images of one document pass 4 GiB, the limit of a TIFF; use images_as=files.")
        directory = _append_directory(out, frame, strip)
        struct.pack_into("<I", out, link, directory)
        link = len(out) - 4
    return bytes(out)


def _append_directory(out: bytearray, frame: Frame, strip: int) -> int:
    """Append the frame's image file directory (its link to the next left 0) and return where it starts."""

    def outside(values: bytes) -> int:
        place = len(out)
        out.extend(values)
        return place

    bits = struct.pack(f"<{frame.samples}H", *[8] * frame.samples)
    tags: list[tuple[int, int, int, int]] = [
        (256, _LONG, 1, frame.width),
        (257, _LONG, 1, frame.height),
        (258, _SHORT, frame.samples, 8 if frame.samples == 1 else outside(bits)),
        (259, _SHORT, 1, frame.compression),
        (262, _SHORT, 1, frame.photometric),
        (273, _LONG, 1, strip),
        (277, _SHORT, 1, frame.samples),
        (278, _LONG, 1, frame.height),
        (279, _LONG, 1, len(frame.data)),
        (284, _SHORT, 1, 1),
    ]
    if frame.samples == 4:
        tags.append((338, _SHORT, 1, 2))
    if frame.photometric == _YCBCR:
        across, down = frame.subsampling
        tags.append((530, _SHORT, 2, across | down << 16))
        full_range = struct.pack("<12I", 0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1)
        tags.append((532, _RATIONAL, 6, outside(full_range)))
    directory = len(out)
    out += struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        out += struct.pack("<HHII", tag, kind, count, value)
    out += bytes(4)
    return directory
