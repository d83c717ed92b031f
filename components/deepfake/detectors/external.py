"""External detector: weights of somebody else, plugged in with one YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Evidence, Finding
from components.deepfake.external_models import open_external
from components.deepfake.face_classifier import FaceClassifier, occlusion_evidence
from components.deepfake.face_scores import FaceParams, Faces, strongest
from components.deepfake.sample import Pixels


class ExternalParams(FaceParams):
    """Parameters of an external detector."""

    card: str | None = Field(
        default=None,
        description=(
            "Path of the YAML that names the weights and how they are fed (ExternalCard); null: the detector "
            "abstains."
        ),
    )


@register(ExternalParams)
class ExternalDetector(FaceClassifier[ExternalParams]):
    """A published classifier on every wide enough face: ONNX, TorchScript or transformers.

    Several go side by side under names such as external:xception.
    """

    name = "external"
    family = "spatial"
    says = "what the weights that were plugged in were trained to see"

    def __init__(self, params: ExternalParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        self._judge = None if params.card is None else open_external(Path(params.card))

    @property
    def ready(self) -> bool:
        """Whether there are weights."""
        return self._judge is not None

    def log_odds(self, images: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Log-odds of aligned faces, (n,)."""
        assert self._judge is not None
        return self._judge(images)

    def evidence(self, faces: Faces, judged: Finding) -> tuple[Evidence, ...]:
        """An occlusion map of the face with the highest score, and whether it is faithful."""
        return (occlusion_evidence(self.log_odds, *strongest(faces, judged)),)
