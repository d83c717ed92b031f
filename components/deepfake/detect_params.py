"""Parameters of the stage in which detectors judge samples."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from components.deepfake.detectors import default_detectors


class DetectSection(BaseModel):
    """How samples are judged; by which detectors is said once for the family."""

    model_config = ConfigDict(extra="forbid")

    folds: bool = Field(
        default=True,
        description="Judge test samples by the models that were trained without each method, too.",
    )
    batch: int = Field(
        default=8, ge=1, le=256, description="Samples decoded and judged at a time: up to 20 MB a video."
    )


class DetectParams(DetectSection):
    """Parameters of the stage. A change judges every sample again."""

    detectors: dict[str, dict[str, Any]] = Field(
        default_factory=default_detectors,
        description=(
            "Name of a detector to its parameters, {} for the defaults; external:NAME with a `card` for one "
            "of your own. Default: all that are registered."
        ),
    )
