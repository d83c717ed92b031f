"""Draws a scene as a PNG image.

    python examples/scenes/render.py 7 scene-7.png [--size 64]

The same scene gives the same pixels on every machine, and the same bytes with the same version of Pillow.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import sys
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw
from world import COLOURS, Scene, Thing, scene

OVERSAMPLING: Final = 4
"""Pixels drawn for each pixel of the image, along each side: edges are smooth."""

_PATCHES: Final = 5
"""The background is made of so many soft patches along each side."""


def _background(key: str, side: int) -> Image.Image:
    """Light and uneven, another for every scene: two scenes with the same shapes are different pictures."""
    rng = random.Random(f"{key}/background")
    tint = [rng.randrange(180, 220) for _ in range(3)]
    patches = np.array(
        [
            [[level + rng.randrange(-36, 36) for level in tint] for _ in range(_PATCHES)]
            for _ in range(_PATCHES)
        ],
        np.uint8,
    )
    return Image.fromarray(patches, "RGB").resize((side, side), Image.Resampling.BICUBIC)


def _outline(thing: Thing, side: int) -> list[tuple[float, float]]:
    """The corners of a shape, in pixels of a canvas of `side` pixels."""
    x, y, r = thing.x * side, thing.y * side, thing.radius * side
    match thing.shape:
        case "ring":
            angles = [2 * math.pi * i / 64 for i in range(65)]
            outer = [(x + r * math.cos(a), y + r * math.sin(a)) for a in angles]
            return outer + [(x + 0.5 * r * math.cos(a), y + 0.5 * r * math.sin(a)) for a in reversed(angles)]
        case "square":
            r *= 0.9
            return [(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)]
        case "triangle":
            return [(x, y - r), (x + r, y + r), (x - r, y + r)]
        case "cross":
            w = 0.22 * r
            quarter = [(-w, -r), (w, -r), (w, -w), (r, -w), (r, w), (w, w), (w, r), (-w, r), (-w, w)]
            return [(x + dx, y + dy) for dx, dy in [*quarter, (-r, w), (-r, -w), (-w, -w)]]
        case other:
            raise ValueError(f"no shape is called {other!r}")


def pixels(what: Scene, size: int = 64) -> Image.Image:
    """The scene as an RGB image of `size` x `size` pixels."""
    side = size * OVERSAMPLING
    canvas = _background(what.key, side)
    draw = ImageDraw.Draw(canvas)
    for thing in what.things:
        draw.polygon(_outline(thing, side), fill=COLOURS[thing.colour])
    return canvas.reduce(OVERSAMPLING)


def png(what: Scene, size: int = 64) -> bytes:
    """The scene as the bytes of a PNG file."""
    stream = io.BytesIO()
    pixels(what, size).save(stream, "PNG")
    return stream.getvalue()


def main() -> int:
    """Write one scene, say its caption."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("number", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--size", type=int, default=64, help="side in pixels")
    arguments = parser.parse_args()
    drawn = scene(arguments.number)
    arguments.file.write_bytes(png(drawn, arguments.size))
    print(f"{drawn.caption}\nalt text: {drawn.alt_text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
