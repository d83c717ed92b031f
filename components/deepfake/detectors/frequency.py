"""Frequency detector: a logistic regression over spectra, DCT variances, residuals and up-sampling peaks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from pydantic import Field

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Abstained, Detector, Evidence, Finding
from components.deepfake.face_scores import FaceParams, Faces, finding, strongest, usable_faces
from components.deepfake.linear_model import LinearModel, read_model
from components.deepfake.sample import Crop, Sample
from components.deepfake.spectra import (
    BINS,
    LEAST_SIDE,
    feature_names,
    frequency_features,
    luma,
    radial_spectrum,
    residual,
)

_SMOOTH: Final = 6.0
"""Sigma of the residual's heat map, pixels."""


class FrequencyModel(LinearModel):
    """`frequency.json`: the model of faces, and inside it that of patches."""

    patch: LinearModel | None = Field(
        default=None, description="for whole pictures without a face; null: the detector abstains there"
    )


class FrequencyParams(FaceParams):
    """Parameters of the frequency detector."""


@register(FrequencyParams)
class FrequencyDetector(Detector[FrequencyParams]):
    """Judges every wide enough face; where there is none, patches, if the model knows them.

    Mean of log-odds over a track, maximum over tracks; patches are one track.
    """

    name = "frequency"
    family = "frequency"
    says = "spectra, DCT variances and noise residuals unlike those of camera pictures"
    needs = ("faces", "patches")
    trained = True

    def __init__(self, params: FrequencyParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        path = self.weights / "frequency.json"
        self._model = read_model(path, FrequencyModel) if path.is_file() else None
        if self._model is not None:
            self._model.expects(feature_names(face=True), path)
            if self._model.patch is not None:
                self._model.patch.expects(feature_names(face=False), path)

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """Judge one sample."""
        if self._model is None:
            return self.abstain(Abstained.NO_WEIGHTS)
        faces = usable_faces(sample, self.params.least_face)
        model: LinearModel = self._model
        if faces is Abstained.NO_FACE and self._model.patch is not None and sample.patches:
            model, faces = self._model.patch, _patches(sample)
        if isinstance(faces, Abstained):
            return self.abstain(faces)
        judged = finding(
            self, faces, model.log_odds([frequency_features(crop) for _, crop in faces]).tolist()
        )
        if not evidence:
            return judged
        number, crop = strongest(faces, judged)
        shown = (_spectrum(model, number, crop), _residual_map(number, crop))
        return Finding(judged.detector, judged.score, None, judged.frames, shown)


def _patches(sample: Sample) -> Faces | Abstained:
    wide = [(-1, crop) for crop in sample.patches if min(crop.image.shape[:2]) >= LEAST_SIDE]
    return wide or Abstained.IMAGE_TOO_SMALL


def _spectrum(model: LinearModel, number: int, crop: Crop) -> Evidence:
    """The crop's spectrum less that of real training pictures (of all, where that was not kept)."""
    expected = np.array(model.reference or model.mean)[:BINS]
    spread = np.array(model.scale)[:BINS]
    apart = (radial_spectrum(luma(crop.image)) - expected) / spread
    frequency = (np.arange(BINS) + 0.5) / BINS / 2
    worst = int(np.abs(apart).argmax())
    which = "real" if model.reference else "all"
    return Evidence(
        "spectrum against training pictures",
        "spectrum",
        f"At {frequency[worst]:.2f} cycles a pixel the power lies {apart[worst]:+.1f} standard deviations "
        f"from the mean of {which} training pictures. Compression, resizing and filters shift spectra, too.",
        np.stack([frequency, apart], 1).astype(np.float32),
        ("cycles a pixel", f"standard deviations from the mean of {which} training pictures"),
        crop.seconds,
        number,
    )


def _residual_map(number: int, crop: Crop) -> Evidence:
    """Local strength of the noise residual, lowest to highest."""
    strength = cv2.GaussianBlur(np.abs(residual(luma(crop.image), "square5")), (0, 0), _SMOOTH)
    low, high = float(strength.min()), float(strength.max())
    return Evidence(
        "noise residual",
        "heat_map",
        "Bright: strong high-frequency residual (SRM SQUARE 5x5); dark: smooth. A face that is smoother or "
        "noisier than what surrounds it may have been pasted or generated; make-up and focus do the same.",
        np.asarray((strength - low) / max(high - low, 1e-6), np.float32),
        ("", ""),
        crop.seconds,
        number,
    )
