"""Self-blended images: a face is blended with a slightly altered copy of itself.

Written from the text of Shiohara and Yamasaki, CVPR 2022 (arXiv 2204.08376), section 3: source-target
generator, mask generator, blending. What leaves no trace but that of blending teaches a detector what all
swaps have in common. Two things differ from the paper: the hull comes from five landmarks (`face_hull`),
stretched at random since it is a mean face's; and hue, saturation and value really change, in small steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import cv2
import numpy as np

from components.deepfake.detectors.base import Need
from components.deepfake.forgeries import register
from components.deepfake.forgeries.base import Forgery, as_pixels, composite, forge_faces
from components.deepfake.forgeries.face_hull import REGIONS, Region, fill, outline
from components.deepfake.sample import Crop, Floats, Pixels, Sample

GRID: Final = 256
"""Pixels that lengths of a recipe are meant for; a crop of another size gets them in proportion."""

_SHARES: Final = (0.3, 0.3, 0.15, 0.1, 0.15)
"""How often each of REGIONS is drawn: mostly whole faces, which is what swaps replace."""
_RGB_SHIFT: Final = 20 / 255
_HUE_DEGREES: Final = 6.0
_SATURATION, _VALUE = 0.20, 0.06
_BRIGHTNESS_CONTRAST: Final = 0.1
_SHARPEN: Final = (0.2, 0.5)
_SHIFT: Final = (0.03, 0.015)
"""The most that the source is moved along x and y, in sides of the crop."""
_SCALE: Final = (0.95, 1 / 0.95)
_STRETCH: Final = (0.88, 1.08)
_ELASTIC_PIXELS, _ELASTIC_SIGMA = 50.0, 7.0
_KERNELS: Final = (5, 25)
_RATIOS: Final = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Look:
    """How one of the two copies is altered.

    Attributes:
        rgb: added to the channels, of 1.
        hue: degrees that it is turned by.
        saturation: gain less 1, so that what is grey stays grey.
        value: added, of 1.
        brightness: added, of 1.
        contrast: gain less 1.
        shrink: 2 or 4: halved or quartered by dropping pixels and enlarged again; 1: not.
        sharpen: weight of the Laplacian that is added; 0: none.
    """

    rgb: tuple[float, float, float]
    hue: float
    saturation: float
    value: float
    brightness: float
    contrast: float
    shrink: int
    sharpen: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is drawn for one self-blend; the same recipe fits every crop of a track.

    Attributes:
        alter_source: whether the pasted copy is altered, or the one beneath.
        look: how.
        region: of the face that is pasted.
        stretch: of the hull across and along, about its middle.
        shift: of source and mask, in sides of the crop.
        scale: of source and mask.
        elastic: seed of the field that bends the mask.
        kernels: sides of the two Gaussian filters of the mask, of GRID pixels: it shrinks where the first
            is the larger one, and grows where the second is.
        sigma: of the second filter, of GRID pixels.
        ratio: of the source where the mask is 1.
    """

    alter_source: bool
    look: Look
    region: Region
    stretch: tuple[float, float]
    shift: tuple[float, float]
    scale: float
    elastic: int
    kernels: tuple[int, int]
    sigma: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Blend:
    """A self-blended face.

    Attributes:
        image: the forged face.
        target: the copy beneath it, altered if the recipe says so: the real half of a training pair, which
            differs from the forged one where the mask is not 0, and nowhere else.
        mask: (height, width), 0 to 255, with the ratio in it: the share of the source.
        recipe: what was drawn.
    """

    image: Pixels
    target: Pixels
    mask: Pixels
    recipe: Recipe


def draw(rng: np.random.Generator) -> Recipe:
    """Draw a recipe."""
    shrinks = rng.random() < 0.5
    look = Look(
        rgb=_triple(rng) if rng.random() < 0.3 else (0.0, 0.0, 0.0),
        hue=float(rng.uniform(-_HUE_DEGREES, _HUE_DEGREES)),
        saturation=float(rng.uniform(-_SATURATION, _SATURATION)),
        value=float(rng.uniform(-_VALUE, _VALUE)),
        brightness=float(rng.uniform(-_BRIGHTNESS_CONTRAST, _BRIGHTNESS_CONTRAST)),
        contrast=float(rng.uniform(-_BRIGHTNESS_CONTRAST, _BRIGHTNESS_CONTRAST)),
        shrink=int(rng.choice((2, 4))) if shrinks else 1,
        sharpen=0.0 if shrinks else float(rng.uniform(*_SHARPEN)),
    )
    low, high = _KERNELS
    first, second = (int(2 * rng.integers(low // 2, high // 2 + 1) + 1) for _ in range(2))
    return Recipe(
        alter_source=bool(rng.random() < 0.5),
        look=look,
        region=REGIONS[int(rng.choice(len(REGIONS), p=_SHARES))],
        stretch=(float(rng.uniform(*_STRETCH)), float(rng.uniform(*_STRETCH))),
        shift=(float(rng.uniform(-_SHIFT[0], _SHIFT[0])), float(rng.uniform(-_SHIFT[1], _SHIFT[1]))),
        scale=float(rng.uniform(*_SCALE)),
        elastic=int(rng.integers(2**63)),
        kernels=(first, second),
        sigma=float(rng.uniform(5, 45)),
        ratio=float(rng.choice(_RATIOS)),
    )


def blend(crop: Crop, recipe: Recipe) -> Blend:
    """Blend the face of a crop with itself by a recipe.

    Raises:
        ValueError: for a patch, which has no face.
    """
    if crop.landmarks is None:
        raise ValueError("a patch has no landmarks: there is no face to blend")
    plain: Floats = (crop.image / np.float32(255)).astype(np.float32)
    altered = _alter(plain, recipe.look)
    source, target = (altered, plain) if recipe.alter_source else (plain, altered)
    height, width = plain.shape[:2]
    corners = outline(crop.landmarks, recipe.region)
    middle = corners.mean(0)
    mask = fill((corners - middle) * recipe.stretch + middle, height, width)
    move = _movement(recipe, height, width)
    moved = cv2.warpAffine(source, move, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    mask = np.asarray(cv2.warpAffine(mask, move, (width, height)), np.float32)
    mask = (_soften(_bend(mask, recipe.elastic), recipe) * recipe.ratio).astype(np.float32)
    image = composite(np.asarray(moved, np.float32), target, mask)
    return Blend(image, as_pixels(target), as_pixels(mask), recipe)


def self_blend(crop: Crop, rng: np.random.Generator) -> Blend:
    """A self-blended face of a crop, by a recipe of its own."""
    return blend(crop, draw(rng))


@register
class SelfBlend(Forgery):
    """Every face of a sample blended with itself, by one recipe a track.

    The copy beneath is never the altered one here: the real half of a stored pair is the sample as it is, and
    a picture that is sharper or lighter all over would tell the two apart without any blending.
    """

    name: ClassVar[str] = "self_blend"
    family: ClassVar[str] = "self_blend"
    paper: ClassVar[str] = "Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images, CVPR 2022"
    alters: ClassVar[tuple[Need, ...]] = ("faces", "dense")

    def forge(self, sample: Sample, others: Sequence[Sample], rng: np.random.Generator) -> Sample | None:
        def forged(crop: Crop, recipe: Recipe) -> tuple[Pixels, Pixels]:
            made = blend(crop, recipe)
            return made.image, made.mask

        return forge_faces(sample, lambda _: dataclasses.replace(draw(rng), alter_source=True), forged)


def _triple(rng: np.random.Generator) -> tuple[float, float, float]:
    red, green, blue = rng.uniform(-_RGB_SHIFT, _RGB_SHIFT, 3)
    return float(red), float(green), float(blue)


def _alter(image: Floats, look: Look) -> Floats:
    """A picture (0 to 1) with other colours, coarser or sharper."""
    shifted = np.clip(image + np.array(look.rgb, np.float32), 0, 1)
    tones = cv2.cvtColor(shifted, cv2.COLOR_RGB2HSV)
    tones[..., 0] = (tones[..., 0] + look.hue) % 360
    tones[..., 1] = np.clip(tones[..., 1] * (1 + look.saturation), 0, 1)
    tones[..., 2] = np.clip(tones[..., 2] + look.value, 0, 1)
    seen = cv2.cvtColor(tones, cv2.COLOR_HSV2RGB)
    seen = np.clip(seen * (1 + look.contrast) + look.brightness, 0, 1)
    height, width = seen.shape[:2]
    if look.shrink > 1:
        small = (max(1, width // look.shrink), max(1, height // look.shrink))
        coarse = cv2.resize(seen, small, interpolation=cv2.INTER_NEAREST)
        seen = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    if look.sharpen:
        edges = 9 * (seen - cv2.blur(seen, (3, 3)))
        seen = np.clip(seen + look.sharpen * edges, 0, 1)
    changed: Floats = seen.astype(np.float32)
    return changed


def _movement(recipe: Recipe, height: int, width: int) -> Floats:
    """The affine matrix (2, 3) that scales about the middle and shifts."""
    scale = recipe.scale
    across = width * ((1 - scale) / 2 + recipe.shift[0])
    down = height * ((1 - scale) / 2 + recipe.shift[1])
    return np.array([[scale, 0, across], [0, scale, down]], np.float32)


def _bend(mask: Floats, seed: int) -> Floats:
    """Elastic deformation (Simard et al. 2003): smoothed noise says where every pixel comes from."""
    height, width = mask.shape
    noise = np.random.Generator(np.random.PCG64(seed)).uniform(-1, 1, (GRID, GRID, 2)).astype(np.float32)
    field: Floats = np.asarray(cv2.GaussianBlur(noise, (0, 0), _ELASTIC_SIGMA), np.float32)
    field *= _ELASTIC_PIXELS
    field = np.asarray(cv2.resize(field, (width, height)), np.float32)
    field *= np.array([width / GRID, height / GRID], np.float32)
    down, across = np.mgrid[:height, :width].astype(np.float32)
    bent = cv2.remap(mask, across + field[..., 0], down + field[..., 1], cv2.INTER_LINEAR)
    return np.asarray(bent, np.float32)


def _soften(mask: Floats, recipe: Recipe) -> Floats:
    """Smooth the edge of a mask by two filters; between them what is not 1 becomes 0."""
    height, width = mask.shape
    first, second = (max(3, round(kernel * max(height, width) / GRID) | 1) for kernel in recipe.kernels)
    smooth = cv2.GaussianBlur(mask, (first, first), 0)
    core = (smooth >= 1 - 1 / 255).astype(np.float32)
    if not core.any():  # a small mouth under a large filter: nothing would be forged
        core = mask
    soft = cv2.GaussianBlur(core, (second, second), recipe.sigma * max(height, width) / GRID)
    return np.asarray(soft, np.float32)
