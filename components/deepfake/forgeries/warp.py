"""What the warp of a small synthetic face onto a frame leaves: a face region coarser than the rest.

Written from the text of Li and Lyu, Exposing DeepFake Videos by Detecting Face Warping Artifacts (arXiv
1811.00656), section 3: the face is aligned and scaled to one of several sizes, smoothed by a Gaussian filter
of 5 x 5 pixels, warped back and put in again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import cv2
import numpy as np

from components.deepfake.detectors.base import Need
from components.deepfake.forgeries import register
from components.deepfake.forgeries.base import Forgery, as_pixels, composite, forge_faces
from components.deepfake.forgeries.face_hull import Region, region_mask
from components.deepfake.sample import Crop, Floats, Pixels, Sample

_DISTANCES: Final = (24.0, 48.0)
"""Pixels between the eyes of the small face, about those of a generator of 64 to 128 pixels."""
_REGIONS: Final[tuple[Region, ...]] = ("face", "face_and_forehead", "lower_face")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one face is warped: pixels between its eyes when it is small, and the region put in again."""

    eyes: float
    region: Region


@register
class Warp(Forgery):
    """Every face scaled down, smoothed and warped back into its place."""

    name: ClassVar[str] = "warp"
    family: ClassVar[str] = "warp"
    paper: ClassVar[str] = "Li and Lyu, Exposing DeepFake Videos by Detecting Face Warping Artifacts, 2018"
    alters: ClassVar[tuple[Need, ...]] = ("faces", "dense")

    def forge(self, sample: Sample, others: Sequence[Sample], rng: np.random.Generator) -> Sample | None:
        def draw(_: int) -> Recipe:
            low, high = np.log(_DISTANCES)
            return Recipe(float(np.exp(rng.uniform(low, high))), _REGIONS[int(rng.integers(len(_REGIONS)))])

        return forge_faces(sample, draw, warp)


def warp(crop: Crop, recipe: Recipe) -> tuple[Pixels, Pixels]:
    """Warp the face of a crop down and back: forged picture and mask (0 to 255).

    Raises:
        ValueError: for a patch, which has no face.
    """
    if crop.landmarks is None:
        raise ValueError("a patch has no landmarks: there is no face to warp")
    height, width = crop.image.shape[:2]
    left, right = np.asarray(crop.landmarks[:2], np.float64)
    # a crop that is no larger than this is filtered all the same
    scale = min(recipe.eyes / max(float(np.hypot(*(right - left))), 1.0), 1.0)
    cosine, sine = (right - left) / max(float(np.hypot(*(right - left))), 1.0) * scale
    turn = np.array([[cosine, sine], [-sine, cosine]])
    side = max(8, round(max(height, width) * scale * 1.2))
    middle = np.array([width, height]) / 2
    down = np.column_stack([turn, side / 2 - turn @ middle])
    # what the small picture can't hold is filtered out first, as any scaling of a face does
    fine = cv2.GaussianBlur(crop.image, (0, 0), 0.4 / scale)
    small = cv2.warpAffine(fine, down, (side, side), borderMode=cv2.BORDER_REPLICATE)
    small = cv2.GaussianBlur(small, (5, 5), 0)
    back = cv2.warpAffine(
        small,
        down,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    sharp = region_mask(crop, recipe.region)
    mask: Floats = np.asarray(cv2.GaussianBlur(sharp, (0, 0), max(height, width) / 100), np.float32)
    whole = (crop.image / np.float32(255)).astype(np.float32)
    coarse = (back / np.float32(255)).astype(np.float32)
    return composite(coarse, whole, mask), as_pixels(mask)
