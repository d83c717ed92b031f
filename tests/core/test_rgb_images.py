"""One path from encoded bytes to the pixels that a model sees."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.core.errors import BadRecord
from components.core.images import ImageReason
from components.core.rgb_images import rgb_image


def _encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _pixel(data: bytes, at: tuple[int, int] = (0, 0)) -> Any:
    return rgb_image(data).getpixel(at)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "LA", "RGBA"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
    image = rgb_image(_encoded(Image.new(mode, (5, 3)), kind))
    assert (image.mode, image.size) == ("RGB", (5, 3))


def test_transparency_lies_on_white() -> None:
    picture = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    picture.putpixel((1, 0), (200, 100, 50, 255))
    assert _pixel(_encoded(picture)) == (255, 255, 255)
    assert _pixel(_encoded(picture), (1, 0)) == (200, 100, 50)
    palette = Image.new("P", (1, 1), 3)
    palette.putpalette([9, 9, 9] * 256)
    assert _pixel(_encoded(palette, transparency=3)) == (255, 255, 255)


@pytest.mark.parametrize(("kind", "type_"), [("PNG", np.uint16), ("TIFF", np.int32), ("TIFF", ">u2")])
def test_sixteen_bits_keep_the_upper_eight(kind: str, type_: Any) -> None:
    data = _encoded(Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], dtype=type_)), kind)
    assert [_pixel(data, (x, 0))[0] for x in range(3)] == [0, 128, 255]


def test_orientation_is_undone() -> None:
    picture = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert rgb_image(_encoded(picture, "JPEG", exif=exif)).size == (20, 40)


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    assert _pixel(_encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("size", "wanted"),
    [((900, 300), (300, 100)), ((300, 299), (300, 299)), ((10, 3000), (1, 300)), ((8, 8), (8, 8))],
)
def test_longest_side_is_bounded_and_nothing_grows(
    kind: str, size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert rgb_image(_encoded(Image.new("RGB", size, "green"), kind), 300).size == wanted


def test_jpeg_decoded_small_looks_like_one_decoded_whole() -> None:
    y, x = np.mgrid[0:1200, 0:1600]
    pixels = np.stack([x * 255 // 1600, y * 255 // 1200, (x // 80 + y // 80) % 2 * 255], -1).astype(np.uint8)
    data = _encoded(Image.fromarray(pixels), "JPEG", quality=92)
    small = np.asarray(rgb_image(data, 300), np.int64)
    whole = np.asarray(rgb_image(data).resize((300, 225), Image.Resampling.BICUBIC), np.int64)
    assert small.shape == whole.shape
    assert np.abs(small - whole).mean() < 2.5


def test_same_bytes_give_same_pixels() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8))
    data = _encoded(noise, "JPEG")
    assert rgb_image(data, 100).tobytes() == rgb_image(data, 100).tobytes()


@pytest.mark.parametrize("data", [b"", b"<html>", _encoded(Image.new("RGB", (64, 64)))[:60]])
def test_broken_images_are_bad_records(data: bytes) -> None:
    with pytest.raises(BadRecord):
        rgb_image(data)


def test_header_that_claims_too_much_is_refused_before_decoding() -> None:
    data = bytearray(_encoded(Image.new("RGB", (4, 4))))
    data[16:24] = (30_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    with pytest.raises(BadRecord) as caught:
        rgb_image(bytes(data))
    assert caught.value.reason == ImageReason.IMAGE_TOO_LARGE
