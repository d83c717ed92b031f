"""Parameters of the steps from what a person names to a table of media."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class MediaSourcesParams(BaseModel):
    """How inputs of images and videos become units of work."""

    model_config = ConfigDict(extra="forbid")

    unit_files: int = Field(
        default=64,
        ge=1,
        le=100_000,
        description="Files in a unit of work, on average. A process of the step `faces` holds the crops of "
        "one unit: 3 to 8 MB for a video, under 1 MB for an image.",
    )
    datasets: dict[str, dict[str, Any]] = Field(
        default={},
        description="Parameters of data sets by name (components/deepfake/datasets), as in "
        "{generic: {labels: truth.csv}}.",
    )


class ReadMediaParams(BaseModel):
    """How files are read and what is refused."""

    model_config = ConfigDict(extra="forbid")

    max_bytes: int = Field(
        default=1 << 30,
        ge=1 << 10,
        le=1 << 31,
        description="Largest file in bytes that is read (media_too_large beyond it).",
    )
    max_pixels: int = Field(
        default=64_000_000,
        ge=10_000,
        le=100_000_000,
        description="Pixels above which a still image is refused (media_too_large). 10,000 x 10,000 is.",
    )
    probe_s: float = Field(
        default=120.0,
        gt=0,
        le=86_400,
        description="Seconds that reading one file's packets and its first frame may take (timeout).",
    )
    memory_bytes: int = Field(
        default=2 << 30,
        ge=1 << 28,
        le=1 << 40,
        description="Memory in bytes that this may take beside the file itself (out_of_memory).",
    )
