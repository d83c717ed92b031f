"""The traces that up-sampling layers leave in a spectrum, over the whole picture.

Durall et al. (arXiv 2003.01826) and Frank et al. (arXiv 2003.08685) show that what generators share is the
way they enlarge: copies of the low frequencies, or a grid. The picture is halved and enlarged by such a
layer: nearest neighbour, or a transposed convolution with stride 2, whose kernel of 3 or 4 pixels, random
within limits as a learnt one is, covers some pixels more than others (Odena et al. 2016, checkerboards). It
imitates that layer and nothing else of a generator: a detector of it need not detect any real one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import cv2
import numpy as np

from components.deepfake.detectors.base import Need
from components.deepfake.forgeries import register
from components.deepfake.forgeries.base import Forgery
from components.deepfake.sample import Crop, Floats, Pixels, Sample, Track

Layer = Literal["nearest", "transposed_3", "transposed_4"]
_LAYERS: Final[tuple[Layer, ...]] = ("nearest", "transposed_3", "transposed_4")
_UNEVEN: Final = 0.12
"""Standard deviation of the taps of a kernel, relative to those of bilinear interpolation."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One up-sampling layer: its kind, and the kernel of a transposed convolution (k, k), summing to 4."""

    layer: Layer
    kernel: Floats | None = None


@register
class Upsample(Forgery):
    """The whole picture through one up-sampling layer: faces, consecutive frames and patches."""

    name: ClassVar[str] = "upsample"
    family: ClassVar[str] = "upsample"
    paper: ClassVar[str] = "Durall et al., Watch your Up-Convolution, CVPR 2020"
    alters: ClassVar[tuple[Need, ...]] = ("faces", "dense", "patches")

    def forge(self, sample: Sample, others: Sequence[Sample], rng: np.random.Generator) -> Sample | None:
        if not (sample.faces or sample.dense or sample.patches):
            return None
        recipe = draw(rng)

        def forged(crop: Crop) -> Crop:
            image = upsample(crop.image, recipe)
            return dataclasses.replace(crop, image=image, mask=np.full(image.shape[:2], 255, np.uint8))

        def track(given: Track) -> Track:
            return Track(given.number, tuple(map(forged, given.crops)))

        return dataclasses.replace(
            sample,
            faces=tuple(map(track, sample.faces)),
            dense=tuple(map(track, sample.dense)),
            patches=tuple(map(forged, sample.patches)),
        )


def draw(rng: np.random.Generator) -> Recipe:
    """Draw a layer; one fits all pictures of a sample, as a generator has one set of weights."""
    layer = _LAYERS[int(rng.integers(len(_LAYERS)))]
    if layer == "nearest":
        return Recipe(layer)
    taps = np.array([0.5, 1.0, 0.5] if layer == "transposed_3" else [0.25, 0.75, 0.75, 0.25])
    kernel = np.outer(taps, taps) * (1 + rng.normal(0, _UNEVEN, (len(taps), len(taps))))
    return Recipe(layer, (kernel * 4 / kernel.sum()).astype(np.float32))


def upsample(image: Pixels, recipe: Recipe) -> Pixels:
    """Halve a picture and enlarge it by a layer; of odd sides, the last row or column is repeated."""
    height, width = image.shape[:2]
    even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    half = (even.shape[1] // 2, even.shape[0] // 2)
    small: Floats = cv2.resize(even, half, interpolation=cv2.INTER_AREA).astype(np.float32)
    if recipe.kernel is None:
        large: Floats = small.repeat(2, 0).repeat(2, 1)
    else:
        # a transposed convolution: every pixel of the small picture adds its kernel, two pixels apart.
        # Zeros between the pixels, then a correlation with the kernel turned about, is the same sum.
        framed = cv2.copyMakeBorder(small, 2, 2, 2, 2, cv2.BORDER_REFLECT_101)
        sparse = np.zeros((2 * framed.shape[0], 2 * framed.shape[1], 3), np.float32)
        sparse[::2, ::2] = framed
        # four taps of pixel i cover 2i - 1 to 2i + 2, about the two pixels it was made of
        middle = len(recipe.kernel) // 2
        turned = np.ascontiguousarray(recipe.kernel[::-1, ::-1])
        summed = cv2.filter2D(sparse, -1, turned, anchor=(middle, middle), borderType=cv2.BORDER_CONSTANT)
        large = np.asarray(summed[4 : 4 + even.shape[0], 4 : 4 + even.shape[1]], np.float32)
    stored: Pixels = np.clip(np.rint(large[:height, :width]), 0, 255).astype(np.uint8)
    return stored
