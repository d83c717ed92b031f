"""Detectors and calibrations, opened once; many files judged with them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

from components.core.errors import BadRecord, ConfigurationError
from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import Finding
from components.deepfake.judges import declarations_alone
from components.deepfake.provenance import read_provenance
from components.deepfake.provenance.blocks import sniff
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Provenance, Sample
from components.deepfake.screen_params import ScreenParams
from components.deepfake.verdict import Verdict, make_verdict, read_calibrations

_IMAGES: Final = frozenset({"jpeg", "png", "webp", "gif", "tiff", "avif", "bmp", "jp2"})


class Screener:
    """Judges files with the detectors and the calibrations of one model."""

    def __init__(self, params: ScreenParams) -> None:
        """Open detectors, calibrations and trust anchors.

        Raises:
            ConfigurationError: for a detector that is not registered, weights, calibrations or
                certificates that can't be read.
        """
        folder = _model_folder(params.model)
        self.params = params
        self.detectors = open_detectors(params.detectors, folder)
        self.calibrations = read_calibrations(folder)
        self._anchors = _anchors(params.trust_anchors)

    @property
    def families(self) -> dict[str, str]:
        """Family of every detector that is asked."""
        return {detector.name: detector.family for detector in self.detectors}

    @property
    def reads_pixels(self) -> bool:
        """Whether a detector that looks at pixels or sound can decide anything: it is calibrated."""
        return any(
            not declarations_alone(detector)
            and (found := self.calibrations.get(detector.name)) is not None
            and found.method != "none"
            for detector in self.detectors
        )

    def provenance(self, data: bytes) -> Provenance:
        """What a file declares, under the trust anchors of the parameters."""
        return read_provenance(data, trust_anchors=self._anchors)

    def examined(self, data: bytes, provenance: Provenance | None = None) -> Sample:
        """What detectors see of a file.

        Raises:
            BadRecord: with a `DeepfakeReason`, for a file that can't be examined.
        """
        from components.deepfake.examine import examine  # OpenCV and PyAV take long to load

        if not data:
            raise BadRecord(DeepfakeReason.EMPTY_FILE, "the file has no bytes")
        found = self.provenance(data) if provenance is None else provenance
        needs = frozenset(need for detector in self.detectors for need in detector.needs)
        return examine(data, kind_of(data), self.params.examine, needs=needs, provenance=found)

    def unexamined(self, data: bytes, provenance: Provenance, width: int = 0, height: int = 0) -> Sample:
        """A sample of what a file declares alone."""
        return Sample(hashlib.sha256(data).hexdigest(), kind_of(data), width, height, provenance=provenance)

    def findings(self, samples: Sequence[Sample]) -> list[tuple[Finding, ...]]:
        """Of every sample the findings of all detectors, in their order; no evidence."""
        columns = [detector.scores(samples) for detector in self.detectors]
        return [tuple(row) for row in zip(*columns, strict=True)] if columns else [()] * len(samples)

    def verdicts(self, samples: Sequence[Sample]) -> list[Verdict]:
        """Of every sample the verdict; no evidence."""
        return [
            make_verdict(sample, findings, self.calibrations, self.params.verdict)
            for sample, findings in zip(samples, self.findings(samples), strict=True)
        ]

    def verdict(self, sample: Sample) -> Verdict:
        """The verdict on one sample, with the evidence of every detector."""
        findings = tuple(detector.score(sample, evidence=True) for detector in self.detectors)
        return make_verdict(sample, findings, self.calibrations, self.params.verdict)


def kind_of(data: bytes) -> Literal["image", "video"]:
    """What the first bytes show; whatever shows nothing is left to the decoder of videos to refuse."""
    return "image" if sniff(data) in _IMAGES else "video"


def _model_folder(model: str | None) -> Path | None:
    if model is None:
        return None
    folder = Path(model.removeprefix("file://"))
    if not folder.is_dir():
        raise ConfigurationError(f"{model!r} is no folder with weights of detectors.")
    if any(folder.glob("*.json")) or any(folder.glob("*.onnx")):
        return folder
    published = sorted(folder.glob("files/*/calibration.json"))  # a step's folder, as a run names it
    if len(published) != 1:
        raise ConfigurationError(
            f"{model!r} holds no weights of detectors: name the folder of the step publish_detectors."
        )
    return published[0].parent


def _anchors(path: str | None) -> str | None:
    if path is None:
        return None
    try:
        text = Path(path.removeprefix("file://")).read_text("ascii")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The trust anchors {path!r} can't be read: {error}.") from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise ConfigurationError(f"The trust anchors {path!r} hold no PEM certificate.")
    return text
