"""From a detector's score to a probability, a decision and the right to abstain.

A calibration holds for the share of forged ones it was made for (`deepfake.calibrate.prior`); where fewer are
to be expected, its probabilities are too high.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError

Method = Literal["platt", "temperature", "isotonic", "none"]
Answer = Literal["likely_real", "cannot_tell", "likely_forged"]
_COLUMNS: Final = (
    "detector", "method", "knots", "values", "threshold", "low", "high", "rows", "log_loss", "ece",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a detector's log-odds are read: a row of calibrations/1.

    Attributes:
        knots: scores at which the map is given, rising.
        values: probabilities there; linear between them, constant beyond.
        threshold: probability from which on a sample is called forged.
        low, high: below `low` it is likely real, above `high` likely forged, between them (both ends
            included) nobody can tell.
        rows: validation samples behind it.
        log_loss, ece: on the validation split, cross-fitted; None where that could not be done.
    """

    detector: str
    method: Method
    knots: tuple[float, ...]
    values: tuple[float, ...]
    threshold: float
    low: float
    high: float
    rows: int
    log_loss: float | None = None
    ece: float | None = None

    def apply(self, score: float) -> float:
        """Probability that it is forged."""
        return float(np.interp(score, self.knots, self.values))

    def apply_all(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Probabilities of many scores, of the same shape."""
        return np.interp(scores, self.knots, self.values)

    def answer(self, probability: float) -> Answer:
        """What may be said at a probability with no more errors than the calibration was asked for."""
        if probability < self.low:
            return "likely_real"
        return "likely_forged" if probability > self.high else "cannot_tell"

    def neutral(self, prior: float) -> float:
        """The score whose probability is `prior`, or the nearest: what a sample without a score counts as."""
        return float(np.interp(prior, self.values, self.knots))

    def row(self) -> dict[str, Any]:
        """As a row of calibrations/1."""
        return {**asdict(self), "knots": list(self.knots), "values": list(self.values)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Calibration:
        """Out of a row of calibrations/1.

        Raises:
            ConfigurationError: where the row is not a calibration: a column is missing, knots don't rise.
        """
        try:
            values = {name: row[name] for name in _COLUMNS}
            values["knots"] = tuple(map(float, values["knots"]))
            values["values"] = tuple(map(float, values["values"]))
            made = cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"A calibration can't be read ({error!r}); it needs {_COLUMNS}."
            ) from None
        rising = np.all(np.diff(made.knots) > 0) and np.all(np.diff(made.values) >= 0)
        if not made.knots or len(made.knots) != len(made.values) or not rising:
            raise ConfigurationError(
                f"The calibration of {made.detector!r} is wrong: as many values as knots, both rising."
            )
        return made

    @classmethod
    def none(cls, detector: str, rows: int = 0) -> Calibration:
        """Of a detector about which too little is known: it always abstains."""
        return cls(detector, "none", (0.0,), (0.5,), 0.5, 0.0, 1.0, rows)


def to_json(calibrations: Sequence[Calibration]) -> str:
    """Calibrations as the text of `calibration.json` in a model's folder: a list of rows."""
    return json.dumps([one.row() for one in calibrations], indent=1, sort_keys=True) + "\n"


def from_json(text: str | bytes) -> dict[str, Calibration]:
    """Calibrations by detector.

    Raises:
        ConfigurationError: for a text that is not a JSON list of calibrations.
    """
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"The file of calibrations is not JSON: {error}.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigurationError("The file of calibrations must hold a list of objects, one a detector.")
    return {one.detector: one for one in map(Calibration.from_row, rows)}
