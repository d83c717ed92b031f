"""What the benchmark knows of samples and of what detectors said of them, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SAMPLE_COLUMNS: Final = (
    "id", "uri", "kind", "format", "size", "width", "height", "seconds", "fps", "has_audio",
    "label", "method", "family", "dataset", "split", "group", "source", "attributes",
)  # fmt: skip
DETECTION_COLUMNS: Final = (
    "media_id", "detector", "fold", "variant", "score", "frames", "milliseconds",
)  # fmt: skip
CLEAN: Final = "clean"
UNKNOWN: Final = "unknown"
"""Family of a forgery of which nobody says how it was made."""

Key = tuple[str, str | None, str]
"""Detector, method left out of its training, variant."""


@dataclass(slots=True)
class Said:
    """What one model said of the samples, in one variant.

    Attributes:
        tried: which samples it was asked about.
        score: log-odds, shape (n,); NaN where it has none.
        milliseconds: shape (n,); NaN where it was not asked.
        frames: number of a sample to the scores of its frames; several faces of a frame count by the
            highest, as tracks do.
    """

    tried: Bools
    score: Floats
    milliseconds: Floats
    frames: dict[int, Floats] = field(default_factory=dict)

    @property
    def scored(self) -> Bools:
        """Which samples have a score."""
        return np.isfinite(self.score)


def read_said(rows: Iterable[Mapping[str, Any]], numbers: Mapping[str, int]) -> dict[Key, Said]:
    """Scores by detector, fold and variant.

    Args:
        rows: of detections/1 with `DETECTION_COLUMNS`.
        numbers: id of a sample to its number; other samples are left out.
    """
    count = len(numbers)
    found: dict[Key, Said] = {}
    for row in rows:
        number = numbers.get(row["media_id"])
        if number is None:
            continue
        key = (row["detector"], row["fold"], row["variant"])
        if key not in found:
            found[key] = Said(np.zeros(count, bool), np.full(count, np.nan), np.full(count, np.nan))
        said = found[key]
        said.tried[number] = True
        said.milliseconds[number] = row["milliseconds"]
        if row["score"] is not None:
            said.score[number] = row["score"]
            said.frames[number] = _by_frame(row["frames"])
    for (_, fold, variant), said in found.items():
        if variant == CLEAN and fold is None:  # a detector that says nothing of a sample has lost it
            said.tried[:] = True
    return found


def _by_frame(frames: Iterable[Mapping[str, Any]]) -> Floats:
    best: dict[float, float] = {}
    for one in frames:
        best[one["seconds"]] = max(one["score"], best.get(one["seconds"], -np.inf))
    return np.array([best[seconds] for seconds in sorted(best)], np.float64)


def family(row: Mapping[str, Any]) -> str:
    """The family of a forged sample."""
    return row["family"] or UNKNOWN


def attributes(row: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a sample, out of an Arrow map."""
    return dict(row["attributes"] or ())
