"""Blending detector: a network that finds the boundary along which a face was blended in.

Trained on self-made blends of real faces (self-blended images, arXiv 2204.08376), it tells the boundary,
too, as Face X-ray does (arXiv 1912.13458).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from components.core.errors import ConfigurationError
from components.deepfake.detectors import register
from components.deepfake.detectors.base import Evidence, Finding
from components.deepfake.face_classifier import OnnxFaceClassifier
from components.deepfake.face_regions import regions
from components.deepfake.face_scores import FaceParams, Faces, strongest
from components.deepfake.heat_maps import deletion

_SURE: Final = 0.5


class BlendingParams(FaceParams):
    """Parameters of the blending detector."""


@register(BlendingParams)
class BlendingDetector(OnnxFaceClassifier[BlendingParams]):
    """`blending.onnx` on every wide enough face; its evidence is the boundary it sees."""

    name = "blending"
    family = "blending"
    says = "the boundary along which a face was blended into another picture"

    def __init__(self, params: BlendingParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        if self._model is not None and not self._model.has_mask:
            raise ConfigurationError(
                f"{self._model.path}: outputs: no mask, but this detector shows the boundary"
            )

    def evidence(self, faces: Faces, judged: Finding) -> tuple[Evidence, ...]:
        """The boundary in the face with the highest score, and whether it carries that score."""
        assert self._model is not None
        number, crop = strongest(faces, judged)
        maps = self._model.judge([crop.image])[1]
        assert maps is not None
        height, width = crop.image.shape[:2]
        heat = np.asarray(cv2.resize(maps[0], (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
        by_region = {name: float(heat[mask].mean()) for name, mask in regions(crop).items() if mask.any()}
        most = max(by_region, key=lambda name: by_region[name])
        seen = (
            f"The boundary is seen most in the {most} region of the face"
            if float(heat.max()) >= _SURE
            else "No place of this face looks like a boundary more likely than not"
        )
        check = deletion(crop.image, heat, self.log_odds).sentence()
        text = f"{seen} (highest {float(heat.max()):.2f}). {check}"
        return (Evidence("blending boundary", "heat_map", text, heat, ("", ""), crop.seconds, number),)
