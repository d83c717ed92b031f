from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import PIL.Image as PilImage
import PIL.ImageOps as PilImageOps
import pytest

from components.core.errors import BadRecord
from components.core.images import read_image
from components.crawl.resize import resize

Mode = Literal["fit", "border", "crop"]


def gradient(width: int, height: int) -> PilImage.Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return PilImage.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


def encoded(picture: PilImage.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def resized(data: bytes, mode: Mode, side: int) -> PilImage.Image:
    stored, size, original = resize(data, mode, side, 95)
    image = read_image(data)
    assert original == (image.width, image.height)
    picture = PilImage.open(io.BytesIO(stored))
    assert (picture.format, picture.size) == ("JPEG", size)
    return picture


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize(
    ("mode", "size", "result"),
    [
        ("fit", (640, 320), (64, 32)),
        ("fit", (50, 40), (50, 40)),
        ("border", (640, 320), (64, 64)),
        ("border", (30, 20), (64, 64)),
        ("crop", (640, 320), (64, 64)),
        ("crop", (50, 40), (40, 40)),
        ("fit", (2000, 3), (64, 1)),
    ],
)
def test_sizes(form: str, mode: Mode, size: tuple[int, int], result: tuple[int, int]) -> None:
    assert resized(encoded(gradient(*size), form), mode, 64).size == result


@pytest.mark.parametrize("side", [40, 64, 100, 300])
def test_what_is_seen_stays_whatever_the_decoder_skips(side: int) -> None:
    # half, quarter and eighth size decoding, and none
    original = gradient(640, 480)
    got = np.asarray(resized(encoded(original, "JPEG", quality=95), "fit", side)).astype(int)
    wanted = original.resize((side, round(side * 0.75)), PilImage.Resampling.BOX)
    assert np.abs(got - np.asarray(wanted).astype(int)).mean() < 3


def test_the_border_is_white() -> None:
    for form in ("JPEG", "PNG"):
        square = resized(encoded(PilImage.new("RGB", (90, 30), "navy"), form), "border", 60)
        assert min(square.getpixel((30, 5))) > 250  # type: ignore[arg-type]
        assert square.getpixel((30, 30))[0] < 10  # type: ignore[index]


def test_transparency_becomes_white_and_the_picture_stands_upright() -> None:
    clear = PilImage.new("RGBA", (80, 80), (0, 0, 0, 0))
    assert min(resized(encoded(clear, "PNG"), "fit", 40).getpixel((20, 20))) > 250  # type: ignore[arg-type]
    rotated = PilImage.Exif()
    rotated[0x0112] = 6
    assert resized(encoded(gradient(200, 100), "JPEG", exif=rotated), "fit", 50).size == (25, 50)
    assert resized(encoded(gradient(200, 100), "PNG", exif=rotated), "fit", 50).size == (25, 50)


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "P", "LA", "I;16"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    source = gradient(90, 60).convert("RGBA").convert("RGB") if mode in ("P", "1") else gradient(90, 60)
    picture = PilImage.new(mode, (90, 60)) if mode == "I;16" else source.convert(mode)
    assert resized(encoded(picture, form), "fit", 30).mode == "RGB"


@pytest.mark.parametrize(
    ("mode", "options"),
    [("RGB", {}), ("RGB", {"keep_rgb": True}), ("RGB", {"progressive": True}), ("L", {}), ("CMYK", {})],
)
@pytest.mark.parametrize("side", [40, 100, 300])
def test_colours_of_every_kind_of_jpeg_stay(mode: str, options: dict[str, Any], side: int) -> None:
    data = encoded(gradient(320, 240).convert(mode), "JPEG", quality=95, **options)
    got = np.asarray(resized(data, "fit", side)).astype(int)
    picture = PilImage.open(io.BytesIO(data)).convert("RGB")
    wanted = picture.resize((side, round(side * 0.75)), PilImage.Resampling.BOX)
    assert np.abs(got - np.asarray(wanted).astype(int)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_undone(orientation: int) -> None:
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    data = encoded(gradient(240, 160), "JPEG", quality=95, exif=exif)
    got = np.asarray(resized(data, "fit", 60)).astype(int)
    upright = PilImageOps.exif_transpose(PilImage.open(io.BytesIO(data)))
    wanted = upright.resize((got.shape[1], got.shape[0]), PilImage.Resampling.BOX)
    assert got.shape[:2] == ((40, 60) if orientation < 5 else (60, 40))
    assert np.abs(got - np.asarray(wanted).astype(int)).mean() < 3


@pytest.mark.corpora
def test_real_photographs_look_like_those_of_another_library(corpora: Path) -> None:
    for path in sorted((corpora / "images").glob("*.jpg"))[:12]:
        data = path.read_bytes()
        got = np.asarray(resized(data, "fit", 128)).astype(int)
        size = (got.shape[1], got.shape[0])
        whole: Any = cv2.imread(str(path))
        wanted = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
        error = np.abs(got[:, :, ::-1] - wanted.astype(int)).mean()
        assert error < 8, path.name  # the worst is a diagram of thin lines


@pytest.mark.parametrize(("form", "options"), [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {})])
@pytest.mark.parametrize("side", [16, 32, 64, 300])
def test_part_of_a_file_is_no_picture(form: str, options: dict[str, Any], side: int) -> None:
    # decoded at an eighth, a quarter, half and all of its size
    data = encoded(gradient(300, 300), form, **options)
    for broken in (data[: len(data) // 2], data[:-40], b"", b"<html>"):
        with pytest.raises(BadRecord):
            resize(broken, "fit", side, 95)


def test_a_damaged_jpeg_is_judged_as_without_resizing() -> None:
    data = bytearray(encoded(gradient(300, 300), "JPEG"))
    data[700:720] = bytes(20)
    read_image(bytes(data))
    assert resized(bytes(data), "fit", 64).size == (64, 64)
