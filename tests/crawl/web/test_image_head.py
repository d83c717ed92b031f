from __future__ import annotations

import io
from typing import Any

import numpy as np
import PIL.Image as PilImage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.crawl.web.image_head import header_size

OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {"progressive": False}),
    "progressive": ("JPEG", {"progressive": True}),
    "exif": ("JPEG", {"exif": b"Exif\0\0" + b"\0" * 3000}),
    "png": ("PNG", {}),
    "gif": ("GIF", {}),
    "webp": ("WEBP", {"quality": 50}),
    "lossless": ("WEBP", {"lossless": True}),
    "extended": ("WEBP", {"exif": b"Exif\0\0x"}),
}


def encoded(name: str, size: tuple[int, int]) -> bytes:
    form, options = OPTIONS[name]
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    PilImage.fromarray(noise).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("size", [(1, 1), (300, 70), (17, 2000)])
def test_sizes_are_those_pillow_reads(name: str, size: tuple[int, int]) -> None:
    data = encoded(name, size)
    assert header_size(data[:8192]) == size
    assert header_size(data[:8]) is None


def test_other_bytes_say_nothing() -> None:
    assert header_size(b"") is None
    assert header_size(b"<html>") is None
    assert header_size(b"\xff\xd8\xff\xe0\xff\xff" + b"\0" * 50) is None
    assert header_size(b"\xff\xd8" + b"\0" * 50) is None


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBPVP8 "]), st.binary()
)
def test_no_bytes_do_harm(magic: bytes, rest: bytes) -> None:
    found = header_size(magic + rest)
    assert found is None or len(found) == 2
