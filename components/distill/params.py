"""Parameters of the distill family."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.core.task import laid_over
from components.distill.evaluation_params import EvaluateParams, GateParams, TrainingSetParams
from components.distill.train_params import TrainParams, preset

_PRESET: Final = "modern-2b"


class DistillParams(BaseModel):
    """Parameters of the steps from captions to a student that passed its gate."""

    model_config = ConfigDict(extra="forbid")

    training_set: TrainingSetParams = Field(
        default_factory=TrainingSetParams, description="what the student learns from, what is held out"
    )
    train: TrainParams = Field(
        default_factory=lambda: TrainParams.model_validate(preset(_PRESET)),
        description="the student and its training; `preset: tiny|kale-2b|modern-2b` is laid under it",
    )
    evaluate: EvaluateParams = Field(default_factory=EvaluateParams, description="how captions are compared")
    gate: GateParams = Field(default_factory=GateParams, description="what the student must reach")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: Any) -> Any:
        """Lay the values of `train` over those of the preset that it names, or the default one."""
        if not isinstance(values, dict) or not isinstance(values.get("train"), dict):
            return values
        given = dict(values["train"])
        return {**values, "train": laid_over(preset(str(given.pop("preset", _PRESET))), given)}
