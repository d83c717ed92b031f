"""How a picture becomes the input of a classifier, and its output log-odds: the card beside its weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.sample import Floats, Pixels

_LEAST_PROBABILITY = 1e-6
"""Log-odds of a probability end here, at +-13.8."""


class Platt(BaseModel):
    """Log-odds after calibration = slope * log-odds + intercept (Platt 1999)."""

    model_config = ConfigDict(extra="forbid")

    slope: float = Field(default=1.0, gt=0, description="of the model's log-odds, no unit")
    intercept: float = Field(default=0.0, description="log-odds that are added")


class ClassifierCard(BaseModel):
    """What must be known of a classifier of pictures beside its weights."""

    model_config = ConfigDict(extra="forbid")

    side: int = Field(ge=16, le=1024, description="pixels of the square that the model takes")
    mean: tuple[float, float, float] = Field(
        default=(0.485, 0.456, 0.406),
        description="subtracted from channels that run from 0 to 1, in the order of `colour` (ImageNet's)",
    )
    std: tuple[float, float, float] = Field(
        default=(0.229, 0.224, 0.225), description="that the channels are divided by then (ImageNet's)"
    )
    colour: Literal["rgb", "bgr"] = Field(default="rgb", description="order of the channels")
    centre_share: float = Field(
        default=1.0,
        gt=0.2,
        le=1,
        description=(
            "side of the central square that the model sees, as a share of the aligned crop's side: 1 is "
            "the crop with its margin (of 1.3 unless `faces` says otherwise), 0.77 the face without it"
        ),
    )
    output: Literal["logit", "probability", "two_logits"] = Field(
        default="logit",
        description=(
            "what the model gives: one logit a picture, probabilities (one, or one a class), or a logit "
            "a class"
        ),
    )
    class_index: int = Field(
        default=1,
        ge=0,
        description=(
            "class that means forged; of a model with one number a picture: 1 where it speaks of forged, 0 "
            "of real"
        ),
    )
    calibration: Platt | None = Field(default=None, description="applied to the log-odds; null: none")
    licence: str = Field(min_length=1, description="of the weights")
    citation: str = Field(default="", description="paper or address the model is from")
    trained_on: str = Field(default="", description="data it was trained on")

    def model_post_init(self, context: Any) -> None:
        """Refuse what no field alone can."""
        if min(self.std) <= 0:
            raise ValueError("std: must be above 0")

    def tensor(self, images: Sequence[Pixels]) -> Floats:
        """The model's input, (n, 3, side, side), of RGB pictures of any size."""
        made = np.empty((len(images), 3, self.side, self.side), np.float32)
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        for row, image in enumerate(images):
            scaled = _resized(centre(image, self.centre_share), self.side).astype(np.float32) / 255
            ordered = scaled if self.colour == "rgb" else scaled[:, :, ::-1]
            made[row] = ((ordered - mean) / std).transpose(2, 0, 1)
        return made

    def log_odds(self, given: npt.NDArray[np.floating[Any]], where: str) -> npt.NDArray[np.float64]:
        """Log-odds of forged, (n,), of what the model gave, (n,) or (n, classes).

        Args:
            where: file and field, for messages.

        Raises:
            ConfigurationError: where the shape is not what `output` and `class_index` say.
        """
        values = np.asarray(given, np.float64)
        values = values.reshape(len(values), -1) if values.ndim != 2 else values
        classes = values.shape[1]
        if classes == 1 and self.output == "two_logits":
            raise ConfigurationError(f"{where}: output: two_logits, but the model gives one number a picture")
        if self.class_index >= max(classes, 2) or (classes > 1 and self.output == "logit"):
            raise ConfigurationError(
                f"{where}: output: {self.output} with class_index: {self.class_index} does not fit a model "
                f"that gives {classes} numbers a picture"
            )
        if self.output == "probability":
            if values.min(initial=0) < -1e-3 or values.max(initial=1) > 1 + 1e-3:
                raise ConfigurationError(f"{where}: output: probability, but the model gives other numbers")
            forged = values[:, self.class_index if classes > 1 else 0]
            forged = np.clip(forged, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
            odds = np.log(forged) - np.log1p(-forged)
        elif classes == 1:
            odds = values[:, 0]
        else:
            others = np.delete(values, self.class_index, axis=1)
            most = others.max(axis=1)
            odds = values[:, self.class_index] - most - np.log(np.exp(others - most[:, None]).sum(axis=1))
        if classes == 1 and self.class_index == 0:
            odds = -odds
        if not np.isfinite(odds).all():
            raise ConfigurationError(f"{where}: the model gives numbers that are not finite")
        if self.calibration is not None:
            odds = self.calibration.slope * odds + self.calibration.intercept
        found: npt.NDArray[np.float64] = odds
        return found


def centre(image: Pixels, share: float) -> Pixels:
    """The central part of a picture: `share` of its height and width."""
    height, width = image.shape[:2]
    rows, columns = round(height * share), round(width * share)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


def explain(path: Path, error: ValidationError, what: str = "") -> ConfigurationError:
    """The first thing wrong with a file of a model, as an error that names file and field."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    place = ": ".join(part for part in (str(path), what, field) if part)
    return ConfigurationError(f"{place}: {first['msg']}")


def _resized(image: Pixels, side: int) -> Pixels:
    if image.shape[:2] == (side, side):
        return image
    smaller = side < min(image.shape[:2])
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(image), (side, side), interpolation=how), np.uint8)
