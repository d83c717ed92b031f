import numpy as np
import pytest
from PIL import Image

from components.filter.image_pixels import SIDE, decode, grey
from tests.filter.pictures import encoded, photograph, written


def pixels(picture: Image.Image, kind: str = "PNG", **options: object) -> np.ndarray:
    found = decode(encoded(picture, kind, **options), *picture.size)
    assert found is not None
    return found


def test_channels_are_blue_green_red() -> None:
    for kind in ("PNG", "JPEG"):
        found = pixels(Image.new("RGB", (40, 30), (250, 120, 10)), kind)
        assert found.shape == (30, 40, 3)
        assert np.abs(found.mean((0, 1)) - (10, 120, 250)).max() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((600, 511), (511, 600)),
        ((1500, 1024), (512, 750)),
        ((2048, 2049), (513, 512)),
        ((9000, 100), (100, 9000)),
    ],
)
def test_large_pictures_are_reduced_but_not_below_the_working_side(kind, size, wanted) -> None:
    found = pixels(photograph().resize(size), kind)
    assert abs(found.shape[0] - wanted[0]) <= 1
    assert abs(found.shape[1] - wanted[1]) <= 1
    assert min(found.shape[:2]) >= min(SIDE, *size)


def test_reduced_pictures_show_the_same_in_every_format() -> None:
    large = photograph().resize((2400, 1600), Image.Resampling.LANCZOS)
    wanted = np.asarray(large.resize((1200, 800), Image.Resampling.BOX), np.float64)[:, :, ::-1]
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 95})):
        assert np.abs(pixels(large, kind, **options) - wanted).mean() < 2


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_are_white(mode: str) -> None:
    text = written(4)
    ink = text.convert("L").point(lambda level: 255 - level)
    transparent = Image.new("RGB", text.size, "black")  # black letters on black, which only alpha tells apart
    transparent.putalpha(ink)
    found = pixels(transparent.convert(mode))
    assert np.abs(found.astype(int) - np.asarray(text, int)).mean() < 1


def test_palette_with_a_transparent_colour() -> None:
    picture = Image.new("P", (20, 20), 0)
    picture.putpalette([0, 0, 0, 255, 0, 0])
    picture.putpixel((3, 4), 1)
    found = pixels(picture, transparency=0)
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[4, 3].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16"])
def test_every_colour_mode_is_seen_alike(mode: str) -> None:
    picture = photograph()
    if mode == "I;16":
        changed = Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257)
    else:
        changed = picture.convert(mode)
    found = pixels(changed, "TIFF" if mode == "CMYK" else "PNG").mean(2)
    plain = np.asarray(picture.convert("L"), np.float64)
    assert abs(found.mean() - plain.mean()) < 12


def test_orientation_of_a_camera_is_undone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG"):
        found = pixels(photograph(), kind, exif=exif)
        assert found.shape[:2] == photograph().size


@pytest.mark.parametrize("data", [b"", b"not an image", b"\xff\xd8\xff\xe0garbage"])
def test_what_is_no_image_is_none(data: bytes) -> None:
    assert decode(data, 100, 100) is None


def test_too_many_pixels_are_not_decoded() -> None:
    assert decode(encoded(photograph()), 20_000, 20_000) is None


def test_grey_has_the_working_side_at_most() -> None:
    for size in ((600, 900), (1000, 520), (300, 200), (1, 1)):
        found = grey(pixels(photograph().resize(size)))
        assert min(found.shape) == min(SIDE, *size)
        assert abs(found.shape[1] / found.shape[0] - size[0] / size[1]) < 0.01
