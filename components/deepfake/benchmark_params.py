"""Parameters of splits, calibration, robustness and the benchmark."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.deepfake.detectors import default_detectors
from components.deepfake.faces_params import ExtractFacesParams


class SplitsParams(BaseModel):
    """Who is trained on, who is calibrated on and who is tested on."""

    model_config = ConfigDict(extra="forbid")

    train: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="Share of clusters, by hash, that train where a data set has no official split.",
    )
    validation: float = Field(
        default=0.2, ge=0, le=1, description="Share that validates; the rest is the test split."
    )
    carve_validation: bool = Field(
        default=True,
        description=(
            "Where a data set's official split has no validation part, take a share of its training part for "
            "it, by hash: validation / (train + validation)."
        ),
    )
    on_leak: Literal["move", "stop"] = Field(
        default="move",
        description=(
            "A person, a source video or near-duplicate faces in two official splits: move all of them to "
            "the earlier one (train before validation before test), or stop the run."
        ),
    )
    radius: int = Field(
        default=4,
        ge=0,
        le=8,
        description=(
            "Bits in which the 64-bit difference hashes of two aligned faces may differ to be alike. With 4 "
            "and 4 crops, 15 of 23 copies at JPEG 50 were found, 14 of 23 at half size, 11 of 22 at H.264 "
            "CRF 40 (8 frames each), and no pair of 43 different files."
        ),
    )
    crops: int = Field(
        default=4,
        ge=1,
        description=(
            "So many different faces of one file must have their like in the other for the two to be "
            "near-duplicates; of a file with fewer, all of them, within a quarter of the radius."
        ),
    )

    @model_validator(mode="after")
    def _shares_in_order(self) -> SplitsParams:
        if self.train + self.validation > 1:
            raise ValueError(f"train ({self.train}) and validation ({self.validation}) are more than all")
        return self


class CalibrateParams(BaseModel):
    """How scores become probabilities and decisions."""

    model_config = ConfigDict(extra="forbid")

    method: Literal["platt", "temperature", "isotonic"] = Field(
        default="platt",
        description="Map from log-odds to probability; isotonic needs more than 1,000 samples, else Platt.",
    )
    prior: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Share of forged ones that probabilities are made for; validation samples are weighted.",
    )
    threshold: Literal["balanced_accuracy", "fpr"] = Field(
        default="balanced_accuracy",
        description="What the threshold is chosen for: best balanced accuracy, or the most found at `fpr`.",
    )
    fpr: float = Field(
        default=0.05, gt=0, lt=1, description="Largest false positive rate, for `threshold` fpr."
    )
    alpha: float = Field(
        default=0.1,
        gt=0,
        lt=0.5,
        description=(
            "Largest share of forged ones called likely real, and of real ones called likely forged, that "
            "the band of abstention allows (split conformal, by class)."
        ),
    )
    min_rows: int = Field(
        default=20,
        ge=4,
        description="Validation samples of each class below which a detector always abstains.",
    )
    pseudo_fakes: Literal["never", "where_needed", "always"] = Field(
        default="where_needed",
        description=(
            "Whether pseudo-fakes count as forged; where_needed: if fewer than `min_rows` others are there."
        ),
    )


class RobustnessSection(BaseModel):
    """Which corruptions test samples are seen through; detectors and faces are said once for the family."""

    model_config = ConfigDict(extra="forbid")

    variants: list[str] = Field(
        default=["jpeg@50", "jpeg@20", "h264@40", "resize@0.5", "blur@2", "noise@8"],
        description="Corruptions with their level, such as jpeg@50; none: the step does nothing.",
    )
    pseudo_fakes: bool = Field(
        default=True,
        description=(
            "Corrupt pseudo-fakes, too, and real ones beside them: their crops, as variant crops.NAME@LEVEL."
        ),
    )
    share: float = Field(
        default=1.0, gt=0, le=1, description="Share of the test samples, chosen by hash, that is corrupted."
    )
    per_shard: int = Field(
        default=50,
        ge=1,
        description="Most samples of a shard that are corrupted, those of the least hash.",
    )
    max_bytes: int = Field(
        default=1 << 30, ge=1, description="Files above this size, in bytes, are not read again."
    )


class RobustnessParams(RobustnessSection):
    """Parameters of the stage."""

    detectors: dict[str, dict[str, Any]] = Field(
        default_factory=default_detectors,
        description="Name of a detector to its parameters, as deepfake.detect.detectors.",
    )
    faces: ExtractFacesParams = Field(
        default_factory=ExtractFacesParams,
        description="How a file is looked at: as deepfake.faces, or figures can't be compared.",
    )


class BenchmarkParams(BaseModel):
    """What is measured and what stops it."""

    model_config = ConfigDict(extra="forbid")

    trained_on: dict[str, list[str]] | None = Field(
        default=None,
        description=(
            "Data sets that each detector was trained on. Null: detectors with weights were trained in this "
            "run, on every data set that has samples in the train split. A detector not named was trained on "
            "none of these."
        ),
    )
    resamples: int = Field(default=1000, ge=100, le=10_000, description="Resamples of the bootstrap.")
    seed: int = Field(default=0, ge=0, description="Seed of the bootstrap.")
    prior: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Probability that a sample without a score counts with in `auc_with_lost`.",
    )
    min_samples: int = Field(
        default=10, ge=1, description="Forged or real ones below which figures are remarked as too_few."
    )
    max_confounding: float = Field(
        default=0.7,
        ge=0.5,
        le=1,
        description=(
            "AUC of file facts alone (size, resolution, rate, face width) above which every figure of the "
            "data set is remarked as source_confounded."
        ),
    )
    on_confounding: Literal["remark", "stop"] = Field(
        default="remark", description="Whether source confounding is remarked or stops the run."
    )
    on_leak: Literal["stop", "remark"] = Field(
        default="stop",
        description="A person or source in train and test: stop before any number, or remark leak on all.",
    )
    slices: bool = Field(
        default=True, description="Figures for each value of the labelled attributes (gender, age ...)."
    )
    slice_values: int = Field(
        default=12, ge=2, description="Attributes with more values than this are not sliced by."
    )
    reference: str | None = Field(
        default=None,
        description="Detector that others are compared with on the samples both scored: auc_minus_reference.",
    )
