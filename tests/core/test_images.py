from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import BadRecord
from components.core.images import ImageReason, read_image


def encoded(kind: str, size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    PIL.Image.linear_gradient("L").resize(size).convert(mode).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "bmp", "tiff"])
def test_a_whole_image_is_read(kind: str) -> None:
    data = encoded(kind)
    image = read_image(data, url="http://x/y", alt="a picture")
    assert (image.format, image.width, image.height, image.size) == (kind, 40, 30, len(data))
    assert image.id == hashlib.sha256(data).hexdigest()
    assert image.alts == ["a picture"]


def png_that_says(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(60_000, 60_000), (20_001, 5), (15_000, 15_000)])
def test_an_image_that_lies_about_its_size_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(BadRecord) as caught:
        read_image(png_that_says(*size))
    assert caught.value.reason == ImageReason.IMAGE_TOO_LARGE


def test_a_small_lie_can_not_be_decoded() -> None:
    with pytest.raises(BadRecord) as caught:
        read_image(png_that_says(300, 300))
    assert caught.value.reason == ImageReason.IMAGE_UNDECODABLE


@pytest.mark.parametrize("data", [b"", b"<html>", b"\xff\xd8\xff"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    with pytest.raises(BadRecord) as caught:
        read_image(data)
    assert caught.value.reason == ImageReason.NOT_AN_IMAGE


@given(st.sampled_from(["jpeg", "png", "webp", "gif"]), st.integers(0, 10_000), st.binary(max_size=30))
def test_damage_never_raises_anything_else(kind: str, at: int, junk: bytes) -> None:
    data = bytearray(encoded(kind))
    at %= len(data)
    data[at : at + len(junk)] = junk
    try:
        image = read_image(bytes(data))
    except BadRecord as bad:
        assert bad.reason in list(ImageReason)
    else:
        assert image.width > 0


@pytest.mark.corpora
def test_colour_modes_of_real_files(corpora: Path) -> None:
    files = sorted((corpora / "near-duplicates").glob("*modes*"))
    assert len(files) > 8
    for file in files:
        assert read_image(file.read_bytes()).width > 100
