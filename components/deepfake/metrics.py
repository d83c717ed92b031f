"""Detection metrics, weighted by counts, so that a thousand resamples are one pass over sorted scores.

Forged is the positive class, and a higher score means forged. `weights` have the shape (..., n): how often
each of n samples counts; every figure then has the shape (...). A figure that is not defined (nothing
counted, or one class only where two are needed) is NaN, and `None` in `as_values`: never 0.5, never an error.

From scores to samples: the score of a video is made by its detector, the mean of the log-odds of the frames
of a track and the largest of its tracks, so that one swapped face among many is found. Samples without a
score are left out of these figures and counted as lost; `components.deepfake.benchmark` gives a second
figure in which they count with the prior.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PARTIAL_FPR: Final = 0.1
"""False positive rate up to which the partial area counts."""
FPR_TARGETS: Final = (0.01, 0.05)
"""False positive rates at which the true positive rate is given."""
CLIP: Final = 1e-6
"""Probabilities are kept so far from 0 and 1 in the log-loss: one sure mistake costs 13.8 nats at most."""
ECE_BINS: Final = 10
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Curve:
    """Counts above each threshold, from the highest threshold down; ties are passed at once.

    Attributes:
        forged, real: shape (..., k + 1) for k distinct scores; the first is 0, the last the total.
    """

    forged: Floats
    real: Floats

    @property
    def tpr(self) -> Floats:
        """Share of forged ones found; NaN where there are none."""
        return _ratio(self.forged, self.forged[..., -1:])

    @property
    def fpr(self) -> Floats:
        """Share of real ones called forged; NaN where there are none."""
        return _ratio(self.real, self.real[..., -1:])


def _ratio(part: Floats, whole: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


class Ranking:
    """Samples sorted once; `curve` counts them under any weights."""

    def __init__(self, labels: npt.ArrayLike, scores: npt.ArrayLike) -> None:
        """Sort.

        Args:
            labels: n of 1 (forged) or 0 (real).
            scores: n numbers, infinite ones too.

        Raises:
            ValueError: for scores that are NaN, labels other than 0 and 1, or lengths that differ.
        """
        forged, values = _checked(labels, scores)
        self._order = np.argsort(-values, kind="stable")
        ordered = values[self._order]
        self._forged = forged[self._order].astype(np.float64)
        self._starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]][: len(ordered)])

    def curve(self, weights: Floats | None = None) -> Curve:
        """Counts above each distinct score."""
        counts = np.ones(len(self._order)) if weights is None else weights[..., self._order]
        forged = counts * self._forged
        return Curve(self._above(forged), self._above(counts - forged))

    def _above(self, counts: Floats) -> Floats:
        sums = np.zeros((*counts.shape[:-1], len(self._starts) + 1))
        if len(self._starts):
            np.cumsum(np.add.reduceat(counts, self._starts, axis=-1), axis=-1, out=sums[..., 1:])
        return sums


def _checked(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Bools, Floats]:
    given, values = np.asarray(labels), np.asarray(scores, np.float64)
    if given.shape != values.shape or given.ndim != 1:
        raise ValueError(f"{given.shape} labels and {values.shape} scores: one of each for every sample")
    if not np.isin(given, (0, 1)).all():
        raise ValueError("a label is 1 (forged) or 0 (real)")
    if np.isnan(values).any():
        raise ValueError("a score is NaN: a detector that has none abstains")
    return given.astype(bool), values


def _both(curve: Curve) -> Bools:
    both: Bools = (curve.forged[..., -1] > 0) & (curve.real[..., -1] > 0)
    return both


def roc_auc(curve: Curve) -> Floats:
    """Probability that a forged one scores higher than a real one, ties counted half (Mann-Whitney)."""
    below = np.diff(curve.forged) * (curve.real[..., -1:] - (curve.real[..., 1:] + curve.real[..., :-1]) / 2)
    return _ratio(below.sum(axis=-1), curve.forged[..., -1] * curve.real[..., -1])


def average_precision(curve: Curve) -> Floats:
    """Precision at each threshold weighted by the recall gained there. It depends on the prevalence."""
    found = curve.forged[..., 1:] + curve.real[..., 1:]
    precision = np.divide(curve.forged[..., 1:], found, out=np.zeros_like(found), where=found > 0)
    area = (np.diff(curve.forged) * precision).sum(axis=-1)
    return np.where(curve.real[..., -1] > 0, _ratio(area, curve.forged[..., -1]), np.nan)


def equal_error_rate(curve: Curve) -> Floats:
    """Where the false positive rate equals the false negative rate, on straight lines between vertices.

    Not the nearest vertex, and not the convex hull: points between two vertices are reached by tossing
    a coin between their thresholds.
    """
    fpr, gap = curve.fpr, curve.fpr - (1 - curve.tpr)  # rises from -1 to 1
    after = np.argmax(gap >= 0, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    low, high = np.take_along_axis(gap, before, -1), np.take_along_axis(gap, after, -1)
    share = _ratio(-low, high - low)
    start, end = np.take_along_axis(fpr, before, -1), np.take_along_axis(fpr, after, -1)
    return (start + share * (end - start))[..., 0]


def partial_auc(curve: Curve, most: float = PARTIAL_FPR) -> Floats:
    """Area left of a false positive rate, scaled so that 0.5 is chance and 1 perfect (McClish 1989)."""
    fpr, tpr = curve.fpr, curve.tpr
    start, low = fpr[..., :-1], tpr[..., :-1]
    width = fpr[..., 1:] - start
    used = np.clip(most - start, 0, width)
    slope = np.divide(tpr[..., 1:] - low, width, out=np.zeros_like(width), where=width > 0)
    area = (used * (low + used * slope / 2)).sum(axis=-1)
    chance = most * most / 2
    return np.where(_both(curve), (1 + (area - chance) / (most - chance)) / 2, np.nan)


def tpr_at_fpr(curve: Curve, most: float) -> Floats:
    """The largest true positive rate of a threshold whose false positive rate is at most `most`.

    Thresholds that exist, nothing between them: with fewer than 1 / `most` real ones it means none of
    them may be called forged.
    """
    allowed = curve.fpr <= most + _ROUNDING
    best = np.where(allowed, curve.tpr, 0).max(axis=-1)
    return np.where(_both(curve), best, np.nan)


def ranking_metrics(curve: Curve) -> dict[str, Floats]:
    """Figures that need no threshold: auc, ap, eer, pauc, tpr_at_fpr_1, tpr_at_fpr_5."""
    return {
        "auc": roc_auc(curve),
        "ap": average_precision(curve),
        "eer": equal_error_rate(curve),
        "pauc": partial_auc(curve),
        **{f"tpr_at_fpr_{round(100 * target)}": tpr_at_fpr(curve, target) for target in FPR_TARGETS},
    }


def threshold_metrics(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, threshold: float, weights: Floats | None = None
) -> dict[str, Floats]:
    """Figures at a threshold that was chosen elsewhere: accuracy, balanced_accuracy, tpr, fpr.

    A probability at the threshold or above it means forged. The accuracy depends on the prevalence, and
    is given for one class, too; the balanced one needs both.
    """
    forged, values = _checked(labels, probabilities)
    counts = np.ones(len(values)) if weights is None else weights
    called = values >= threshold

    def total(which: Bools) -> Floats:
        return np.asarray(counts @ which.astype(np.float64))

    tpr = _ratio(total(called & forged), total(forged))
    fpr = _ratio(total(called & ~forged), total(~forged))
    right = _ratio(total(called == forged), counts.sum(axis=-1))
    return {"accuracy": right, "balanced_accuracy": (tpr + 1 - fpr) / 2, "tpr": tpr, "fpr": fpr}


def probability_metrics(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: Floats | None = None
) -> dict[str, Floats]:
    """Figures of calibrated probabilities: log_loss (nats), brier and ece. One class is enough."""
    forged, values = _checked(labels, probabilities)
    counts = np.ones(len(values)) if weights is None else weights
    total = counts.sum(axis=-1)
    kept = np.clip(values, CLIP, 1 - CLIP)
    losses = -np.where(forged, np.log(kept), np.log1p(-kept))
    return {
        "log_loss": _ratio(np.asarray(counts @ losses), total),
        "brier": _ratio(np.asarray(counts @ (values - forged) ** 2), total),
        "ece": expected_calibration_error(forged, values, counts),
    }


def expected_calibration_error(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: Floats | None = None, bins: int = ECE_BINS
) -> Floats:
    """Mean distance between the mean probability and the share of forged ones in bins of equal counts.

    Samples of one probability share a bin, the one in which the middle of them lies, so that the order
    of the samples can't matter. With few samples to a bin it is above 0 for a perfect detector, too, and
    its resamples lie above it: the lower end of its interval is the one to doubt.
    """
    forged, values = _checked(labels, probabilities)
    order = np.argsort(values, kind="stable")
    ordered, hits = values[order], forged[order].astype(np.float64)
    counts = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    if not len(values):
        return np.full(counts.shape[:-1], np.nan)
    flat = counts.reshape(-1, len(values))[:, order]
    total = flat.sum(axis=1)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    tied = np.add.reduceat(flat, starts, axis=1)
    middle = np.cumsum(tied, axis=1) - tied / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nan_to_num(middle / total[:, None])
    number = np.minimum((bins * share + _ROUNDING).astype(np.int64), bins - 1)
    gaps = np.add.reduceat(flat * (ordered - hits), starts, axis=1)
    rows = len(flat)
    places = (number + bins * np.arange(rows)[:, None]).ravel()
    summed = np.bincount(places, weights=gaps.ravel(), minlength=rows * bins).reshape(rows, bins)
    return _ratio(np.abs(summed).sum(axis=1), total).reshape(counts.shape[:-1])


def as_values(figures: Mapping[str, Floats]) -> dict[str, float | None]:
    """Single figures as plain numbers; None where one is not defined."""
    return {name: float(value) if np.isfinite(value) else None for name, value in figures.items()}
