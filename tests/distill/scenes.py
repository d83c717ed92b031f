"""Small training sets: a coloured shape on white, an alt text that names it, a caption that says both."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

COLOURS = {"red": (220, 40, 40), "blue": (40, 60, 220), "green": (40, 180, 60)}
SCHEMA = pa.schema(
    [("image", pa.binary()), ("system", pa.string()), ("user", pa.string()), ("target", pa.string())]
)


def picture(colour: str, shape: str, side: int = 32, shift: int = 0) -> bytes:
    """A PNG."""
    image = Image.new("RGB", (side, side), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    box = [4 + shift, 4, side - 12 + shift, side - 8]
    (draw.ellipse if shape == "circle" else draw.rectangle)(box, fill=COLOURS[colour])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def rows(count: int, seed: int = 0, text_only: int = 0) -> list[dict[str, Any]]:
    """Rows; every `text_only`-th one has no image (0: none)."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        colour, shape = chance.choice(list(COLOURS)), chance.choice(["circle", "square"])
        name = "".join(chance.choice(["do", "ta", "len", "wa"]) for _ in range(chance.randint(1, 3))).title()
        if text_only and number % text_only == 0:
            row = {"image": None, "system": "Be brief.", "user": f"Say {name}.", "target": f"{name}."}
        else:
            row = {
                "image": picture(colour, shape, shift=chance.randint(-3, 3)),
                "system": None,
                "user": f"Describe the image. Alt text: {name}",
                "target": f"A {colour} {shape} named {name}.",
            }
        made.append(row)
    return made


def write(folder: Path, given: list[dict[str, Any]], shards: int = 1) -> Path:
    """Parquet shards of rows, as equal as can be."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(given) // shards)
    for number in range(shards):
        part = given[number * size : (number + 1) * size]
        pq.write_table(pa.Table.from_pylist(part, schema=SCHEMA), folder / f"{number:05}.parquet")
    return folder


def tiny(**values: Any) -> dict[str, Any]:
    """Parameters of a training of seconds: 32 x 32 pixels, two layers, about 60,000 weights."""
    student = {
        "vision": {"image_size": 32, "patch_size": 16, "width": 32, "layers": 1, "heads": 2, "mlp": 64},
        "language": {
            "width": 32, "layers": 2, "heads": 2, "kv_heads": 1, "head_dim": 32, "mlp": 64,
            "vocabulary": 300, "positions": 256,
        },
    }  # fmt: skip
    return {
        "student": student, "steps": 12, "batch": 16, "micro_batch": 8, "max_tokens": 128,
        "checkpoint_steps": 4, "sample_steps": 6, "samples": 2, "sample_tokens": 8, "log_steps": 1, **values,
    }  # fmt: skip
