"""Parameters of the step that publishes trained detectors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PublishDetectorsParams(BaseModel):
    """What is published of a training."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(
        default="kalemint detectors", min_length=1, description="What the model card calls them."
    )
    folds: bool = Field(
        default=False,
        description="Also publish models that were trained without a method; screening takes none of them.",
    )
