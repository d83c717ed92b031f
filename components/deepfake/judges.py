"""Detectors with the folds of their training, and what they say as rows of detections/1."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.deepfake.detectors import in_order, open_detectors
from components.deepfake.detectors.base import Detector
from components.deepfake.pseudo_fakes import PSEUDO_FAKES
from components.deepfake.sample import Sample
from components.deepfake.sample_rows import CropKind
from components.deepfake.weight_files import folds_of, link_fold

CLEAN: Final = "clean"

_CROPS: Final[dict[str, CropKind]] = {"faces": "face", "dense": "dense", "patches": "patch"}


@dataclass(frozen=True, slots=True)
class Judge:
    """A detector; `fold` is the method left out of its training, None of the model of all."""

    detector: Detector
    fold: str | None = None

    def judges(
        self, label: int | None, method: str | None, split: str | None, dataset: str | None = None
    ) -> bool:
        """Whether it is asked about such a sample.

        The model of all is asked about every one, a fold about test samples that are real or forged by the
        method it never saw. A detector that reads declarations alone is not asked about pseudo-fakes: each
        declares itself synthetic, since we mark it so, and finding our own mark is no detection.
        """
        if dataset == PSEUDO_FAKES and declarations_alone(self.detector):
            return False
        if self.fold is None:
            return True
        return split == "test" and (label == 0 or (label == 1 and method == self.fold))

    def rows(self, samples: Sequence[Sample], variant: str = CLEAN) -> list[dict[str, Any]]:
        """Rows of detections/1; the time is that of the batch, in equal parts."""
        started = time.perf_counter()
        findings = self.detector.scores(samples)
        each = (time.perf_counter() - started) * 1000 / max(len(samples), 1)
        return [
            {
                "media_id": sample.id,
                "detector": found.detector,
                "fold": self.fold,
                "variant": variant,
                "score": found.score,
                "abstained": None if found.abstained is None else str(found.abstained),
                "frames": [
                    {"seconds": frame.seconds, "track": frame.track, "score": frame.score}
                    for frame in found.frames
                ],
                "milliseconds": each,
            }
            for sample, found in zip(samples, findings, strict=True)
        ]


def declarations_alone(detector: Detector | type[Detector]) -> bool:
    """Whether it looks at no pixel and no sound: what a file declares is all it reads."""
    return set(detector.needs) == {"provenance"}


def open_judges(
    wanted: Mapping[str, Mapping[str, Any]], weights: Path | None, scratch: Path | None
) -> list[Judge]:
    """Detectors in the order given, each followed by its folds.

    Args:
        wanted: name of a detector to its parameters.
        weights: folder of a trained model; None for what comes with the package, which has no folds.
        scratch: folder for links to the weights of folds; must last as long as the judges are opened. None:
            no folds are wanted.

    Raises:
        ConfigurationError: as `open_detectors`.
    """
    judges = []
    files = [] if weights is None else sorted(path.name for path in weights.iterdir())
    for name, values in in_order(wanted):
        judges += [Judge(detector) for detector in open_detectors({name: values}, weights)]
        if weights is None or scratch is None:
            continue
        for number, method in enumerate(folds_of(files, name)):
            folder = scratch / f"{name}-{number}"
            link_fold(weights, name, method, folder)
            judges += [Judge(detector, method) for detector in open_detectors({name: values}, folder)]
    return judges


def crop_kinds(judges: Iterable[Judge]) -> list[CropKind]:
    """Kinds of crops that any of them looks at."""
    needed = {need for judge in judges for need in judge.detector.needs}
    return [kind for need, kind in _CROPS.items() if need in needed]
