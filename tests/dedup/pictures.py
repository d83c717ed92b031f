"""Pictures made in the test, and what the tests of images share."""

from __future__ import annotations

import io
import random

import pyarrow as pa
from PIL import Image, ImageDraw

from components.core.stage import Output, Stage, Unit

SAME = 10
"""Hamming distance of 64 bits up to which two images are usually held to be one."""


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A picture with large and small shapes; the same picture at any size."""
    rng = random.Random(seed)
    picture = Image.new("RGB", (640, 480), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(25):
        x, y, w, h = rng.randrange(640), rng.randrange(480), rng.randrange(20, 300), rng.randrange(20, 300)
        colour = tuple(rng.randrange(256) for _ in range(3))
        rng.choice([draw.ellipse, draw.rectangle])((x - w // 2, y - h // 2, x + w // 2, y + h // 2), colour)
    return picture.resize(size, Image.Resampling.LANCZOS)


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


def distance(a: int, b: int) -> int:
    return (a ^ b).bit_count()


def run(stage: Stage, index: int = 0, **tables: pa.Table) -> Output:
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(index, tables, None), out)  # type: ignore[arg-type]
    return out
