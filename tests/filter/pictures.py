"""Pictures for the filter's tests: real ones of the example site, and drawn ones."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from components.core.images import read_image
from components.core.records import Image as ImageRecord
from tests.conftest import REPOSITORY

SITE = REPOSITORY / "examples" / "site"
PHOTOGRAPHS = [
    SITE / "penguins" / "images" / "lter_penguins.jpg",
    SITE / "sky" / "images" / "northern_andes" / "mono.jpg",
    SITE / "sky" / "images" / "deep-sky" / "etacarinae.jpg",
    SITE / "image-processing" / "images" / "sphx_glr_plot_stitching_001.jpg",
]
WORDS = "An astronomer explains what the large telescope shows on clear nights until dawn"


def photograph(number: int = 0) -> Image.Image:
    return Image.open(PHOTOGRAPHS[number]).convert("RGB")


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


def written(
    lines: int, size: tuple[int, int] = (800, 600), height: int = 24, **colours: object
) -> Image.Image:
    """A page with lines of text."""
    picture = Image.new("RGB", size, colours.get("paper", "white"))  # type: ignore[arg-type]
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(height)
    for line in range(lines):
        draw.text((20, 20 + line * 2 * height), WORDS[:50], colours.get("ink", "black"), font)  # type: ignore[arg-type]
    return picture


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def record(data: bytes, **fields: object) -> ImageRecord:
    return read_image(data, source_uri="file:///crawl.warc.gz", **fields)  # type: ignore[arg-type]
