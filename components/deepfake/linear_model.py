"""Logistic regression over named features, kept as JSON: what the frequency and foundation heads are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.classifier_card import explain


class LinearModel(BaseModel):
    """Log-odds = intercept + sum of weights * (features - mean) / scale."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    names: list[str] = Field(min_length=1, description="of the features, in order")
    mean: list[FiniteFloat] = Field(description="of each feature in training")
    scale: list[FiniteFloat] = Field(description="standard deviation of each feature in training, above 0")
    weights: list[FiniteFloat] = Field(description="of each standardized feature, log-odds")
    intercept: FiniteFloat = Field(default=0.0, description="log-odds of the mean")
    reference: list[FiniteFloat] | None = Field(
        default=None, description="mean of each feature over the real ones alone; null: not kept"
    )
    trained_on: str = Field(default="", description="data it was trained on")
    licence: str = Field(min_length=1, description="of the weights")
    figures: dict[str, Any] = Field(default={}, description="what was measured, and on what")

    def model_post_init(self, context: Any) -> None:
        """Refuse what no field alone can."""
        for field in ("mean", "scale", "weights", "reference"):
            values = getattr(self, field)
            if values is not None and len(values) != len(self.names):
                raise ValueError(f"{field}: {len(values)} numbers for {len(self.names)} names")
        if len(set(self.names)) < len(self.names):
            raise ValueError("names: one comes twice")
        if min(self.scale) <= 0:
            raise ValueError(f"scale: {self.names[int(np.argmin(self.scale))]} is not above 0")

    def log_odds(self, features: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Log-odds of forged, (...,), of features (..., n) in the order of `names`."""
        given = np.asarray(features, np.float64)
        standard = (given - np.array(self.mean)) / np.array(self.scale)
        found: npt.NDArray[np.float64] = standard @ np.array(self.weights) + self.intercept
        return found

    def expects(self, names: Sequence[str], path: Path) -> None:
        """Check that the model was made for these features.

        Raises:
            ConfigurationError: naming the file and the first difference.
        """
        for number, (own, other) in enumerate(zip(self.names, names, strict=False)):
            if own != other:
                raise ConfigurationError(f"{path}: names: number {number} is {own!r}; {other!r} is computed")
        if len(self.names) != len(names):
            raise ConfigurationError(f"{path}: names: {len(self.names)}; {len(names)} features are computed")


Model = TypeVar("Model", bound=BaseModel)


def read_model(path: Path, kind: type[Model]) -> Model:
    """A model kept as JSON: a LinearModel, or one with fields of its own.

    Raises:
        ConfigurationError: naming file and field, where it is not one.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        raise explain(path, error) from None
