"""What a pseudo-forgery is: a real sample in, a forged one out, the same everywhere in time."""

from __future__ import annotations

import dataclasses
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypeVar

import numpy as np

from components.deepfake.detectors.base import Need
from components.deepfake.sample import Crop, Floats, Pixels, Sample, Track

MIN_EYES: Final = 8.0
"""Pixels between the eyes on a crop, below which landmarks say nothing of an outline."""
_APART: Final = 0.3
"""How far a forgery reaches beyond the box of a face, in sides of the box: hulls go up to the hair line."""

Recipe = TypeVar("Recipe")


class Forgery(ABC):
    """One way to forge. A file of this package defines one and registers it; nothing else is needed.

    Class attributes:
        name: the method, in the registry and in the column `method`.
        family: the kind of pseudo-fake, in the column `family`: never one of a real generator.
        paper: where it is described.
        version: raise it whenever the same sample would give other pixels: it is part of the recipe's id.
        alters: what of a sample is forged. What is not listed stays as in the real file, as it would in a
            forged one: a detector that reads nothing else can't know, and must not be trained on it.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    paper: ClassVar[str]
    version: ClassVar[str] = "1"
    alters: ClassVar[tuple[Need, ...]]

    @abstractmethod
    def forge(self, sample: Sample, others: Sequence[Sample], rng: np.random.Generator) -> Sample | None:
        """A forged copy of a sample, under the same id; None where it can't be forged in this way.

        Args:
            others: samples of other people in the same split, for what needs another face or voice.
            rng: every draw comes from it: the same seed gives the same pixels.
        """


def generator(*purpose: str) -> np.random.Generator:
    """Random numbers for a purpose, the same on every machine: seeded by the SHA-256 of its words."""
    digest = hashlib.sha256("\0".join(purpose).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def has_outline(crop: Crop) -> bool:
    """Whether the landmarks of a crop are there and far enough apart to outline its face."""
    if crop.landmarks is None:
        return False
    eyes = np.asarray(crop.landmarks[1], np.float64) - crop.landmarks[0]
    return bool(np.hypot(*eyes) >= MIN_EYES)


def forge_faces(
    sample: Sample,
    draw: Callable[[int], Recipe | None],
    forge: Callable[[Crop, Recipe], tuple[Pixels, Pixels]],
) -> Sample | None:
    """Forge every face of a sample, each by one recipe from its first frame to its last.

    Args:
        draw: number of a track to its recipe, or None to leave that face alone; called once a number, so
            that a face has one recipe in its evenly spread and in its consecutive frames.
        forge: crop and recipe to forged pixels and mask (255 where forged); a mask of zeros leaves the crop
            as it is.

    Returns:
        The forged sample, without the patches that a forged face lies in; None if no face could be forged.
    """
    numbers = sorted({track.number for track in (*sample.faces, *sample.dense) if _outlined(track)})
    recipes = {number: recipe for number in numbers if (recipe := draw(number)) is not None}
    if not recipes:
        return None

    def forged(track: Track) -> Track:
        recipe = recipes.get(track.number)
        if recipe is None:
            return track
        crops = []
        for crop in track.crops:
            made = forge(crop, recipe) if has_outline(crop) else None
            if made is not None and made[1].any():
                crops.append(dataclasses.replace(crop, image=made[0], mask=made[1]))
            else:
                crops.append(crop)
        return Track(track.number, tuple(crops))

    faces = tuple(forged(track) for track in sample.faces)
    dense = tuple(forged(track) for track in sample.dense)
    boxes: dict[int, list[tuple[float, float, float, float]]] = {}
    for track in (*faces, *dense):
        for crop in track.crops:
            if crop.mask is not None:
                boxes.setdefault(crop.frame, []).append(crop.box)
    if not boxes:
        return None
    apart = tuple(
        patch for patch in sample.patches if not any(_meet(patch.box, b) for b in boxes.get(patch.frame, ()))
    )
    return dataclasses.replace(sample, faces=faces, dense=dense, patches=apart)


def composite(source: Floats, target: Floats, mask: Floats) -> Pixels:
    """Blend two pictures (height, width, 3; 0 to 1) by a mask (height, width; 1: the source)."""
    mixed = target + (source - target) * mask[..., None]
    blended: Pixels = np.clip(np.rint(mixed * 255), 0, 255).astype(np.uint8)
    return blended


def as_pixels(mask: Floats) -> Pixels:
    """A mask from 0 to 1 as the bytes that a crop holds."""
    stored: Pixels = np.clip(np.rint(mask * 255), 0, 255).astype(np.uint8)
    return stored


def _outlined(track: Track) -> bool:
    return any(has_outline(crop) for crop in track.crops)


def _meet(patch: tuple[float, float, float, float], face: tuple[float, float, float, float]) -> bool:
    """Whether a patch shows a part of a face, its hair line and chin included."""
    wide, high = _APART * (face[2] - face[0]), _APART * (face[3] - face[1])
    return (
        patch[0] < face[2] + wide
        and face[0] - wide < patch[2]
        and patch[1] < face[3] + high
        and face[1] - high < patch[3]
    )
