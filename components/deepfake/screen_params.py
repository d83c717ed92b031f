"""Parameters of screening: which detectors are asked, and when something is said."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from components.deepfake.faces_params import ExamineParams


class VerdictParams(BaseModel):
    """How findings become a word."""

    model_config = ConfigDict(extra="forbid")

    prior: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description=(
            "Probability that a file is forged before it is looked at. 0.5 claims to know nothing; where "
            "few are forged, as on most pages of the web, set their share: fewer are then called forged."
        ),
    )
    calibrated_prior: float = Field(
        default=0.5,
        gt=0,
        lt=1,
        description="Share of forged ones that the calibrations were made for (deepfake.calibrate.prior).",
    )
    min_coverage: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the planned frames that must have been decoded for a verdict from pixels.",
    )


class ScreenParams(BaseModel):
    """Who is asked and with which weights."""

    model_config = ConfigDict(extra="forbid")

    detectors: dict[str, dict[str, Any]] = Field(
        default={"provenance": {}, "frequency": {}, "blending": {}, "spatial": {}},
        description="Names of detectors and their parameters. One without weights gives no answer.",
    )
    model: str | None = Field(
        default=None,
        description=(
            "Folder with weights and calibration.json, such as publish_detectors of a run of the pipeline "
            "deepfake; null: what comes with the package. Its content must not change."
        ),
    )
    trust_anchors: str | None = Field(
        default=None,
        description=(
            "PEM file of certificates whose C2PA signatures are trusted, such as C2PA's trust list "
            "(github.com/c2pa-org/conformance-public); null: no signer is, and 'captured' is never believed."
        ),
    )
    verdict: VerdictParams = Field(default_factory=VerdictParams, description="when something is said")
    examine: ExamineParams = Field(
        default_factory=ExamineParams, description="frames and faces, their limits"
    )


class ScreenImagesParams(ScreenParams):
    """Of the step `screen` of the pipelines that grow data sets."""

    enabled: bool = Field(
        default=True,
        description=(
            "Screen images. false: none has a verdict. Without calibrated detectors only metadata is read, "
            "which costs about a millisecond an image."
        ),
    )
    batch: int = Field(default=16, ge=1, le=1024, description="Images that detectors see at a time.")
