"""Temporal: whether a face changes from frame to frame in ways that its motion does not explain."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from pydantic import Field

from components.deepfake.detectors import register
from components.deepfake.detectors.base import (
    Abstained,
    Detector,
    DetectorParams,
    Evidence,
    Finding,
    FrameScore,
    Need,
)
from components.deepfake.face_signals import is_still, longest_run, seconds
from components.deepfake.linear_model import LinearModel, read_model
from components.deepfake.sample import Floats, Sample, Track
from components.deepfake.temporal_features import TEMPORAL_NAMES, residual_series, temporal_features

_STATISTIC: Final = TEMPORAL_NAMES.index("fine_inner_to_outer")
_MIDDLE: Final = 0.0
_SLOPE: Final = 2.4
"""Without weights: set by hand, from 23 real videos (mean -0.11) and the faces alone of 7 talking heads (mean
0.14), deviation 0.23: about the middle, and half the slope of the linear discriminant, because the
statistic was chosen on these videos. As `examine` cuts them out, AUC on the same is .65 [.41-.86]: not told
from chance."""


class TemporalParams(DetectorParams):
    """Parameters of the temporal detector."""

    face_pixels: float = Field(64.0, ge=32, description="Width of a face in pixels below which it abstains.")


@register(TemporalParams)
class TemporalDetector(Detector[TemporalParams]):
    """Judges `temporal_features` of consecutive frames by a logistic regression, `temporal.json`.

    Where the folder has no such file, one feature decides: how much the finest detail of the inner face
    changes beyond its optical flow, against that around the face (`fine_inner_to_outer`): a face made or
    pasted frame by frame shimmers against its own background, while compression and noise touch both.

    What it can't see: generators that make face and background in one piece and keep them steady, still
    pictures, faces beyond the crop. Lips and eyes in fast motion, flickering light on the face alone, and
    strong background blur raise the score of real videos.
    """

    name = "temporal"
    family = "temporal"
    says = "whether the face flickers in ways its motion does not explain"
    needs: ClassVar[tuple[Need, ...]] = ("dense",)
    trained = True

    def __init__(self, params: TemporalParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        path = self.weights / "temporal.json"
        self._model: LinearModel | None = None
        if path.is_file():
            self._model = read_model(path, LinearModel)
            self._model.expects(TEMPORAL_NAMES, path)

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """The face that looks most forged. There are no scores of single frames: features are of a run."""
        if sample.kind != "video":
            return self.abstain(Abstained.NOT_A_VIDEO)
        if not sample.dense:
            return self.abstain(Abstained.NO_FACE)
        best: tuple[float, Track] | None = None
        tracks: list[FrameScore] = []
        why = Abstained.TOO_FEW_FRAMES
        for track in sample.dense:
            if float(np.median([crop.face_pixels for crop in track.crops])) < self.params.face_pixels:
                why = Abstained.FACE_TOO_SMALL
                continue
            features = temporal_features(track)
            if features is None:
                continue
            if is_still(longest_run(track)):
                why = Abstained.NO_SIGNAL
                continue
            found = self._log_odds(features)
            tracks.append(FrameScore(track.crops[0].seconds, track.number, found))
            if best is None or found > best[0]:
                best = (found, track)
        if best is None:
            return self.abstain(why)
        return Finding(self.name, best[0], frames=tuple(tracks), evidence=_shown(best[1]) if evidence else ())

    def _log_odds(self, features: Floats) -> float:
        if self._model is not None:
            return float(self._model.log_odds(features))
        return _SLOPE * (float(features[_STATISTIC]) - _MIDDLE)


def _shown(track: Track) -> tuple[Evidence, ...]:
    crops = longest_run(track)
    times = seconds(crops)[1:]
    text = (
        "What optical flow leaves of the difference of consecutive frames, by contrast. Shimmer of the face "
        "above that of its surroundings is what frame-by-frame forgeries show; speech and blinking show some."
    )
    return tuple(
        Evidence(
            f"Unexplained change: {region}", "series", text,
            np.stack([times, values], axis=1).astype(np.float32), ("seconds", "change by contrast"),
            track=track.number,
        )
        for region, values in residual_series(crops).items()
        if region != "ring"
    )  # fmt: skip
