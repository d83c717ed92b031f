"""Spatial detector: a convolutional network on aligned faces."""

from __future__ import annotations

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Evidence, Finding
from components.deepfake.face_classifier import OnnxFaceClassifier, occlusion_evidence
from components.deepfake.face_scores import FaceParams, Faces, strongest


class SpatialParams(FaceParams):
    """Parameters of the spatial detector."""


@register(SpatialParams)
class SpatialDetector(OnnxFaceClassifier[SpatialParams]):
    """`spatial.onnx` on every wide enough face; its evidence is an occlusion map."""

    name = "spatial"
    family = "spatial"
    says = "textures of the face that a convolutional network learned from forged ones"

    def evidence(self, faces: Faces, judged: Finding) -> tuple[Evidence, ...]:
        """An occlusion map of the face with the highest score, and whether it is faithful."""
        return (occlusion_evidence(self.log_odds, *strongest(faces, judged)),)
