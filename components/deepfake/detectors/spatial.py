"""Spatial detector: a convolutional network on aligned faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Evidence, Finding
from components.deepfake.face_classifier import FaceClassifier, occlusion_evidence, weights_of
from components.deepfake.face_scores import FaceParams, Faces, strongest
from components.deepfake.onnx_models import open_onnx
from components.deepfake.sample import Pixels


class SpatialParams(FaceParams):
    """Parameters of the spatial detector."""


@register(SpatialParams)
class SpatialDetector(FaceClassifier[SpatialParams]):
    """`spatial.onnx` on every wide enough face; its evidence is an occlusion map."""

    name = "spatial"
    family = "spatial"
    says = "textures of the face that a convolutional network learned from forged ones"

    def __init__(self, params: SpatialParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        path = weights_of(self, ".onnx")
        self._model = None if path is None else open_onnx(path)

    @property
    def ready(self) -> bool:
        """Whether there are weights."""
        return self._model is not None

    def log_odds(self, images: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Log-odds of aligned faces, (n,)."""
        assert self._model is not None
        return self._model.judge(images)[0]

    def evidence(self, faces: Faces, judged: Finding) -> tuple[Evidence, ...]:
        """An occlusion map of the face with the highest score, and whether it is faithful."""
        return (occlusion_evidence(self.log_odds, *strongest(faces, judged)),)
