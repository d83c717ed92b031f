"""Foundation detector: a linear head on features of a frozen vision model.

After UnivFD (Ojha et al., arXiv 2302.10174): a feature space that was not learned for telling forgeries
generalizes better. Alone it is weak on face swaps; the vision model is the user's, none is bundled.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import Field

from components.core.errors import ConfigurationError
from components.deepfake.detectors import register
from components.deepfake.detectors.base import Evidence, Finding
from components.deepfake.face_classifier import FaceClassifier, occlusion_evidence, weights_of
from components.deepfake.face_scores import FaceParams, Faces, strongest
from components.deepfake.linear_model import LinearModel, read_model
from components.deepfake.sample import Floats, Pixels
from components.deepfake.vision_tower import open_tower

_SETTING = "deepfake.detectors.foundation.tower"


class FoundationParams(FaceParams):
    """Parameters of the foundation detector."""

    tower: str | None = Field(
        default=None,
        description=(
            "Folder of a vision checkpoint of transformers in safetensors (CLIP, SigLIP, DINOv2), the one "
            "the head was trained on; null: the detector abstains."
        ),
    )


@register(FoundationParams)
class FoundationDetector(FaceClassifier[FoundationParams]):
    """`foundation.json` on pooled features of every wide enough face."""

    name = "foundation"
    family = "foundation"
    says = "features of a large vision model that lie on the forged side"

    def __init__(self, params: FoundationParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        path = weights_of(self, ".json")
        self._head = None if path is None else read_model(path, LinearModel)
        self._tower = None if params.tower is None else open_tower(Path(params.tower), _SETTING)
        if self._head is not None and self._tower is not None:
            assert path is not None
            sizes = self._tower.features([np.zeros((32, 32, 3), np.uint8)]).shape[1]
            if len(self._head.names) != sizes:
                raise ConfigurationError(
                    f"{path}: names: {len(self._head.names)}, but {params.tower} gives {sizes} features; set "
                    f"{_SETTING} to the model that the head was trained on"
                )

    @property
    def ready(self) -> bool:
        """Whether there are both a tower and a head."""
        return self._head is not None and self._tower is not None

    def features(self, images: Sequence[Pixels]) -> Floats:
        """Pooled features, (n, d), of aligned faces; what the head is trained on."""
        if self._tower is None:
            raise ConfigurationError(f"Set {_SETTING} to the folder of a vision checkpoint.")
        return self._tower.features(images)

    def log_odds(self, images: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Log-odds of aligned faces, (n,)."""
        assert self._head is not None
        return self._head.log_odds(self.features(images))

    def evidence(self, faces: Faces, judged: Finding) -> tuple[Evidence, ...]:
        """An occlusion map of the face with the highest score, and whether it is faithful."""
        return (occlusion_evidence(self.log_odds, *strongest(faces, judged)),)
