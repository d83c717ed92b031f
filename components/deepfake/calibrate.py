"""How each detector's scores are to be read, learnt on the validation split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.deepfake.benchmark_params import CalibrateParams
from components.deepfake.calibration import Calibration
from components.deepfake.calibration_fits import FITS, Floats
from components.deepfake.grouped_folds import grouped_folds
from components.deepfake.metrics import as_values, probability_metrics
from components.deepfake.pseudo_fakes import PSEUDO_FAKES
from components.deepfake.reasons import DeepfakeReason

_ISOTONIC_ROWS: Final = 1_000
_FOLDS: Final = 5
_DIGITS: Final = 9
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Scored:
    """Validation samples that a detector scored."""

    scores: Floats
    labels: npt.NDArray[np.int64]
    clusters: Sequence[str]


class CalibrateStage(Stage[CalibrateParams]):
    """Fits a map to probabilities, chooses a threshold and the band in which a detector abstains.

    It sees the validation split alone. It derives a table, of a detector a row: nothing to conserve. A
    detector of which too little is known (one class, too few samples, not better than chance) gets the
    method none, with which it always abstains.
    """

    name = "calibrate"
    consumes = {"detections": "detections/1", "samples": "samples/1", "splits": "splits/1"}
    produces = {"calibrations": "calibrations/1"}
    reasons = DeepfakeReason
    grouping = "all"
    conserves = False
    columns = {
        "detections": ("media_id", "detector", "fold", "variant", "score"),
        "samples": ("id", "label", "dataset", "split", "group"),
        "splits": ("media_id", "split", "cluster"),
    }

    def run(self, unit: Unit, out: Output) -> None:
        """Calibrate every detector that gave a score or abstained."""
        samples = {row["id"]: row for row in unit.tables["samples"].to_pylist()}
        splits = {row["media_id"]: row for row in unit.tables["splits"].to_pylist()}
        validation = {
            media: (row["label"], row["dataset"], splits.get(media, {}).get("cluster", row["group"]))
            for media, row in samples.items()
            # pseudo-fakes are made after the split and carry that of their source
            if row["label"] is not None
            and (splits[media]["split"] if media in splits else row["split"]) == "validation"
        }
        found: dict[str, list[tuple[str, float]]] = {}
        table = unit.tables["detections"].sort_by([("detector", "ascending"), ("media_id", "ascending")])
        for row in table.to_pylist():
            if row["fold"] is None and row["variant"] == "clean":
                mine = found.setdefault(row["detector"], [])
                if row["score"] is not None and row["media_id"] in validation:
                    mine.append((row["media_id"], row["score"]))
        rows = []
        for detector, scored in found.items():
            made = calibrated(detector, self._chosen(scored, validation), self.params)
            out.count(f"method_{made.method}")
            rows.append(made.row())
        out.keep("calibrations", pa.Table.from_pylist(rows, schema=schemas.get("calibrations/1")))

    def _chosen(
        self, scored: Sequence[tuple[str, float]], validation: Mapping[str, tuple[int, str, str]]
    ) -> Scored:
        rows: list[tuple[Any, ...]] = [(score, *validation[media]) for media, score in scored]
        others = [row for row in rows if row[2] != PSEUDO_FAKES]
        forged = sum(row[1] for row in others)
        wanted = self.params.pseudo_fakes
        if wanted == "never" or (wanted == "where_needed" and forged >= self.params.min_rows):
            rows = others
        return Scored(
            np.array([row[0] for row in rows], np.float64),
            np.array([row[1] for row in rows], np.int64),
            [row[3] for row in rows],
        )


def calibrated(detector: str, scored: Scored, params: CalibrateParams) -> Calibration:
    """The calibration of one detector; `Calibration.none` where too little is known of it."""
    labels, rows = scored.labels, len(scored.labels)
    if not rows or min(np.bincount(labels, minlength=2)) < params.min_rows:
        return Calibration.none(detector, rows)
    method = params.method
    if method == "isotonic" and rows <= _ISOTONIC_ROWS:
        method = "platt"
    weights = _weights(labels, params.prior)
    fitted = FITS[method](scored.scores, labels.astype(np.float64), weights)
    if fitted is None:
        return Calibration.none(detector, rows)
    knots, values = (np.round(part, _DIGITS) for part in fitted)
    kept = np.concatenate([[True], np.diff(knots) > 0])  # a steep map may have knots that rounding joins
    knots, values = knots[kept], values[kept]
    probabilities = np.interp(scored.scores, knots, values)
    low, high = abstention_band(labels, probabilities, params.alpha)
    threshold = choose_threshold(labels, probabilities, params)
    if low > high:  # the classes lie apart: each end may move towards the other, and both keep their promise
        low = high = min(max(threshold, high), low)
    figures = _cross_fitted(scored, weights, method)
    return Calibration(
        detector, method, tuple(knots.tolist()), tuple(values.tolist()),
        threshold, low, high, rows, figures.get("log_loss"), figures.get("ece"),
    )  # fmt: skip


def _weights(labels: npt.NDArray[np.int64], prior: float) -> Floats:
    """Weights that sum to the number of samples and give forged ones the share `prior`."""
    forged = labels.mean()
    return np.where(labels == 1, prior / forged, (1 - prior) / (1 - forged))


def choose_threshold(labels: npt.NDArray[np.int64], probabilities: Floats, params: CalibrateParams) -> float:
    """The probability from which on a sample is called forged: between two that occur."""
    values = np.unique(probabilities)
    between = (values[1:] + values[:-1]) / 2
    candidates = np.concatenate([[values[0] / 2], between, [(values[-1] + 1) / 2]])
    forged, real = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])
    tpr = 1 - np.searchsorted(forged, candidates) / len(forged)
    fpr = 1 - np.searchsorted(real, candidates) / len(real)
    if params.threshold == "fpr":
        return float(candidates[np.flatnonzero(fpr <= params.fpr + _ROUNDING)[0]])
    balanced = np.round((tpr + 1 - fpr) / 2, 12)
    best = candidates[balanced == balanced.max()]
    return float(best[(len(best) - 1) // 2])


def abstention_band(
    labels: npt.NDArray[np.int64], probabilities: Floats, alpha: float
) -> tuple[float, float]:
    """Split-conformal ends of the band in which nobody can tell, one for each class.

    Of n forged ones the k-th least probability, k = floor(alpha (n + 1)): a new one, exchangeable with
    them, lies below it with a probability of alpha at most; and the same from above for real ones (Vovk
    and others 2005, label-conditional). The map being monotone, it does not matter that it was fitted to
    the same samples. Samples of one person are not quite exchangeable with those of a new one.

    Returns:
        (low, high); 0 and 1 where there are too few to promise anything. `low` may be above `high`.
    """
    forged, real = np.sort(probabilities[labels == 1]), np.sort(probabilities[labels == 0])[::-1]
    below, above = (int(np.floor(alpha * (len(part) + 1) + _ROUNDING)) for part in (forged, real))
    low = float(forged[below - 1]) if below else 0.0
    high = float(real[above - 1]) if above else 1.0
    return low, high


def _cross_fitted(scored: Scored, weights: Floats, method: str) -> dict[str, float | None]:
    """Log-loss and calibration error of samples whose map was fitted without their cluster."""
    labels = scored.labels.astype(np.float64)
    folds = grouped_folds(scored.labels, scored.clusters, _FOLDS, "calibration")
    probabilities = np.full(len(labels), np.nan)
    for fold in range(_FOLDS):
        held = folds == fold
        if held.any() and len(set(scored.labels[~held].tolist())) == 2:
            fitted = FITS[method](scored.scores[~held], labels[~held], weights[~held])
            share = float((weights * labels)[~held].sum() / weights[~held].sum())
            probabilities[held] = share if fitted is None else np.interp(scored.scores[held], *fitted)
    known = np.isfinite(probabilities)
    if not known.any():
        return {}
    found = as_values(probability_metrics(scored.labels[known], probabilities[known], weights[known]))
    return {name: None if value is None else round(value, 6) for name, value in found.items()}
