"""What a detector is: a sample in, a score with evidence out, or the reason why there is none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Generic, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from components.deepfake.sample import Sample

Need = Literal["provenance", "faces", "dense", "patches", "audio"]
"""What a detector looks at: a field of `Sample`."""

WEIGHTS: Final = Path(__file__).resolve().parents[1] / "weights"
"""Detectors that this repository trained itself; the folder's README says on what and how well they do."""


class Abstained(StrEnum):
    """Why a detector gives no score."""

    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    IMAGE_TOO_SMALL = "image_too_small"
    NOT_A_VIDEO = "not_a_video"
    TOO_FEW_FRAMES = "too_few_frames"
    NO_AUDIO = "no_audio"
    SILENT = "silent"
    NO_SIGNAL = "no_signal"
    NOTHING_DECLARED = "nothing_declared"
    NO_WEIGHTS = "no_weights"


@dataclass(frozen=True, slots=True)
class FrameScore:
    """Log-odds of one frame (`track` -1: of a patch or the whole frame)."""

    seconds: float
    track: int
    score: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a person is shown.

    Attributes:
        name: what it is, for a caption under the picture.
        kind: heat_map: (height, width), 0 to 1, over the crop of `track` at `seconds`; spectrum and
            series: (n, 2), x and y; text: `text` alone.
        text: a sentence that says what is seen and what it does not prove.
        labels: of the axes, for spectrum and series.
    """

    name: str
    kind: Literal["heat_map", "spectrum", "series", "text"]
    text: str
    values: npt.NDArray[np.float32] | None = None
    labels: tuple[str, str] = ("", "")
    seconds: float = 0.0
    track: int = -1


@dataclass(frozen=True, slots=True)
class Finding:
    """What one detector says of one sample.

    Attributes:
        score: log-odds that it is forged, before calibration; None where it abstained.
        abstained: why.
        frames: scores of single frames.
    """

    detector: str
    score: float | None
    abstained: Abstained | None = None
    frames: tuple[FrameScore, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class DetectorParams(BaseModel):
    """Parameters of a detector; subclasses add their own."""

    model_config = ConfigDict(extra="forbid")


Params = TypeVar("Params", bound=DetectorParams)


class Detector(ABC, Generic[Params]):
    """One detector. A file of this package defines one and registers it; nothing else is needed.

    Class attributes:
        name: in the registry, in tables and in file names.
        family: of the survey's families: provenance, frequency, spatial, blending, temporal,
            physiological, audio_visual, foundation or identity.
        says: in a few words, what it looks for.
        needs: the fields of a sample it reads; others may be empty.
        trained: whether it has weights; they are looked for in the model's folder.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    says: ClassVar[str]
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]]
    trained: ClassVar[bool] = False

    def __init__(self, params: Params, weights: Path | None = None) -> None:
        """Open the detector.

        Args:
            weights: folder with files of weights; those that come with the package if None.

        Raises:
            ConfigurationError: where weights that are asked for are not there or not readable.
        """
        self.params = params
        self.weights = weights or WEIGHTS

    @abstractmethod
    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """Judge one sample. The same sample gives the same score on every machine of a kind.

        Args:
            evidence: whether to make evidence, which takes longer.
        """

    def scores(self, samples: Sequence[Sample]) -> list[Finding]:
        """Judge several; a detector with a model overrides this to batch them."""
        return [self.score(sample) for sample in samples]

    def abstain(self, why: Abstained, *evidence: Evidence) -> Finding:
        """The finding of a detector that gives no score."""
        return Finding(self.name, None, why, (), evidence)


@dataclass(frozen=True, slots=True)
class Registered:
    """A detector's class and the model of its parameters."""

    detector: type[Detector]
    params: type[DetectorParams] = field(default=DetectorParams)
