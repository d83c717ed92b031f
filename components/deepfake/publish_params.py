"""Parameters of the step that publishes trained detectors."""

from __future__ import annotations

import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator


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
    board: str | None = Field(
        default=None,
        description="Folder or prefix, as a path or URI, where the benchmarks of all runs are kept and "
        "compared; null: nowhere. Give the same to each run on a new collection.",
    )
    board_date: str | None = Field(
        default=None,
        description="Day of the collection, such as 2026-11-23, for the board; null: the day (UTC) of the "
        "publication.",
    )

    @field_validator("board_date")
    @classmethod
    def _is_date(cls, value: str | None) -> str | None:
        # said before a training of hours, not after it
        return value if value is None else datetime.date.fromisoformat(value).isoformat()
