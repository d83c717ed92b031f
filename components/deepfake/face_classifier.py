"""What detectors with one ONNX classifier of faces share: batches, scores, maps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from components.deepfake.detectors.base import Abstained, Detector, Evidence, Finding
from components.deepfake.face_scores import FaceParams, Faces, finding, usable_faces
from components.deepfake.heat_maps import LogOdds, deletion, occlusion_map
from components.deepfake.onnx_models import open_onnx
from components.deepfake.sample import Crop, Pixels, Sample

Params = TypeVar("Params", bound=FaceParams)


class FaceClassifier(Detector[Params]):
    """A detector that judges single faces: mean of log-odds over a track, maximum over tracks."""

    needs = ("faces",)
    trained = True

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether there are weights."""

    @abstractmethod
    def log_odds(self, images: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Log-odds of aligned faces, (n,)."""

    @abstractmethod
    def evidence(self, faces: Faces, judged: Finding) -> tuple[Evidence, ...]:
        """What a person is shown."""

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """Judge one sample."""
        (judged,) = self.scores([sample])
        if not evidence or judged.score is None:
            return judged
        faces = usable_faces(sample, self.params.least_face)
        assert not isinstance(faces, Abstained)
        return Finding(judged.detector, judged.score, None, judged.frames, self.evidence(faces, judged))

    def scores(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge several, their faces in common batches."""
        if not self.ready:
            return [self.abstain(Abstained.NO_WEIGHTS) for _ in samples]
        chosen = [usable_faces(sample, self.params.least_face) for sample in samples]
        images = [crop.image for faces in chosen if not isinstance(faces, Abstained) for _, crop in faces]
        odds = self.log_odds(images) if images else np.zeros(0)
        found, start = [], 0
        for faces in chosen:
            if isinstance(faces, Abstained):
                found.append(self.abstain(faces))
                continue
            found.append(finding(self, faces, odds[start : start + len(faces)].tolist()))
            start += len(faces)
        return found


class OnnxFaceClassifier(FaceClassifier[Params]):
    """One whose model is `NAME.onnx`."""

    def __init__(self, params: Params, weights: Path | None = None) -> None:
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


def weights_of(detector: Detector[Any], suffix: str) -> Path | None:
    """The detector's file of weights; None where its folder has none."""
    path = detector.weights / f"{type(detector).name}{suffix}"
    return path if path.is_file() else None


def occlusion_evidence(log_odds: LogOdds, number: int, crop: Crop) -> Evidence:
    """Where a face's log-odds come from, by occlusion, with the check of whether that is so."""
    heat = occlusion_map(crop.image, log_odds)
    text = f"Bright: the log-odds fall when it is blurred. {deletion(crop.image, heat, log_odds).sentence()}"
    return Evidence("occlusion map", "heat_map", text, heat, ("", ""), crop.seconds, number)
