"""Parameters of the deepfake family."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from components.deepfake.benchmark_params import (
    BenchmarkParams,
    CalibrateParams,
    RobustnessSection,
    SplitsParams,
)
from components.deepfake.detect_params import DetectSection
from components.deepfake.detectors import default_detectors
from components.deepfake.faces_params import ExtractFacesParams
from components.deepfake.forgery_params import SynthesizeParams
from components.deepfake.media_params import MediaSourcesParams, ReadMediaParams
from components.deepfake.publish_params import PublishDetectorsParams
from components.deepfake.train_params import DetectorTrainParams


class DeepfakeParams(BaseModel):
    """Parameters of the steps from media to published detectors."""

    model_config = ConfigDict(extra="forbid")

    media_sources: MediaSourcesParams = Field(
        default_factory=MediaSourcesParams, description="which files, and where their labels are"
    )
    read_media: ReadMediaParams = Field(
        default_factory=ReadMediaParams, description="how files are probed, and limits"
    )
    faces: ExtractFacesParams = Field(
        default_factory=ExtractFacesParams, description="frames, faces, crops; also of corrupted copies"
    )
    splits: SplitsParams = Field(
        default_factory=SplitsParams, description="training, validation and test, and leaks between them"
    )
    synthesize: SynthesizeParams = Field(
        default_factory=SynthesizeParams, description="pseudo-fakes made of real samples"
    )
    train: DetectorTrainParams = Field(
        default_factory=DetectorTrainParams, description="which detectors are trained, and how"
    )
    detectors: dict[str, dict[str, Any]] = Field(
        default_factory=default_detectors,
        description="name of a detector to its parameters, {} for the defaults; external:NAME with a `card` "
        "for one of your own; default: all that are registered",
    )
    detect: DetectSection = Field(default_factory=DetectSection, description="how samples are judged")
    robustness: RobustnessSection = Field(
        default_factory=RobustnessSection, description="corruptions that test samples are seen through"
    )
    calibrate: CalibrateParams = Field(
        default_factory=CalibrateParams, description="probabilities, thresholds, abstention"
    )
    benchmark: BenchmarkParams = Field(
        default_factory=BenchmarkParams, description="what is measured, and what stops it"
    )
    publish: PublishDetectorsParams = Field(
        default_factory=PublishDetectorsParams, description="the folder of detectors and its card"
    )
