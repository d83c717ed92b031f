"""The figures of one cell of the benchmark, with their intervals and remarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.core.bootstrap import Estimate
from components.deepfake.benchmark_samples import Floats, Said
from components.deepfake.calibration import Calibration
from components.deepfake.cluster_bootstrap import Clusters, Statistic, estimates
from components.deepfake.metrics import (
    Ranking,
    equal_error_rate,
    probability_metrics,
    ranking_metrics,
    roc_auc,
    threshold_metrics,
)
from components.deepfake.protocols import Against, Cell, Numbers

_DIGITS: Final = 6
"""Decimal places of a figure: the order in which sums are taken changes what lies below."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How intervals are made and when a figure is doubted."""

    resamples: int
    seed: int
    prior: float
    min_samples: int


@dataclass(frozen=True, slots=True)
class Subjects:
    """What figures need to know of the samples: label and group of each, and remarks by data set."""

    labels: npt.NDArray[np.int64]
    groups: Sequence[str]
    remarks: Mapping[tuple[str, str], list[str]]
    """(data set, family) to what holds for all its figures."""


class Figures:
    """Makes rows of benchmark/1."""

    def __init__(self, subjects: Subjects, settings: Settings) -> None:
        self._subjects = subjects
        self._settings = settings

    def media(
        self, cell: Cell, said: Said, calibration: Calibration, *, brief: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Figures over images and videos.

        Args:
            brief: those of a slice only: auc, and what becomes of samples at the threshold.
        """
        numbers, lost = _scored(cell.against.all, said)
        labels, scores = self._subjects.labels[numbers], said.score[numbers]
        probabilities = calibration.apply_all(scores)
        ranking = Ranking(labels, scores)

        def statistic(weights: Floats) -> dict[str, Floats]:
            curve = ranking.curve(weights)
            found = {"auc": roc_auc(curve)} if brief else ranking_metrics(curve)
            found.update(threshold_metrics(labels, probabilities, calibration.threshold, weights))
            if not brief:
                found.update(probability_metrics(labels, probabilities, weights))
            undecided = (probabilities >= calibration.low) & (probabilities <= calibration.high)
            found["undecided"] = _mean(undecided.astype(np.float64), weights)
            return found

        yield from self._rows(cell, "media", numbers, lost, statistic)
        if not brief:
            yield from self._coverage(cell, said, calibration, lost)

    def frames(self, cell: Cell, said: Said) -> Iterator[dict[str, Any]]:
        """Figures over frames, of detectors that score them; drawn by group as everything is.

        Probabilities and the threshold are made for whole samples: there are ranks only.
        """
        numbers, lost = _scored(cell.against.all, said)
        kept = np.array([number for number in numbers.tolist() if len(said.frames[number])], np.int64)
        if not len(kept):
            return
        owners = np.repeat(kept, [len(said.frames[number]) for number in kept.tolist()])
        ranking = Ranking(
            self._subjects.labels[owners], np.concatenate([said.frames[number] for number in kept.tolist()])
        )
        lost += len(numbers) - len(kept)
        yield from self._rows(
            cell, "frame", owners, lost, lambda weights: ranking_metrics(ranking.curve(weights))
        )

    def variant(
        self, cell: Cell, said: Said, clean: Said, calibration: Calibration
    ) -> Iterator[dict[str, Any]]:
        """Figures of a corrupted copy, and what changed against the clean ones.

        `auc_drop`, `tpr_drift` and `fpr_drift` are over the samples that have a score in both, paired: the
        first is clean minus corrupted, the others corrupted minus clean at the threshold, which stays.
        """
        numbers, lost = _scored(cell.against.all, said)
        yield from self._rows(
            cell, "media", numbers, lost, self._operating(numbers, said.score[numbers], calibration)
        )
        both = numbers[clean.scored[numbers]]
        now = self._operating(both, said.score[both], calibration)
        before = self._operating(both, clean.score[both], calibration)

        def change(weights: Floats) -> dict[str, Floats]:
            new, old = now(weights), before(weights)
            return {
                "auc_drop": old["auc"] - new["auc"],
                "tpr_drift": new["tpr"] - old["tpr"],
                "fpr_drift": new["fpr"] - old["fpr"],
            }

        lost += len(numbers) - len(both)
        yield from self._rows(cell, "media", both, lost, change)

    def versus(self, cell: Cell, said: Said, reference: Said) -> Iterator[dict[str, Any]]:
        """`auc_minus_reference`: over the samples that both detectors scored, paired."""
        tried = cell.against.all
        numbers = tried[said.scored[tried] & reference.scored[tried]]
        labels = self._subjects.labels[numbers]
        mine, other = (Ranking(labels, one.score[numbers]) for one in (said, reference))
        yield from self._rows(
            cell,
            "media",
            numbers,
            len(tried) - len(numbers),
            lambda weights: {
                "auc_minus_reference": roc_auc(mine.curve(weights)) - roc_auc(other.curve(weights))
            },
        )

    def alone(self, against: Against, name: str, estimate: Estimate) -> dict[str, Any]:
        """The row of what file facts alone achieve."""
        cell = Cell(name, "within", None, "clean", against)
        return self._row(cell, "media", "auc", estimate, self._counts(against.all, 0), set())

    def _operating(self, numbers: Numbers, scores: Floats, calibration: Calibration) -> Statistic:
        labels = self._subjects.labels[numbers]
        probabilities, ranking = calibration.apply_all(scores), Ranking(labels, scores)

        def statistic(weights: Floats) -> dict[str, Floats]:
            curve = ranking.curve(weights)
            return {
                "auc": roc_auc(curve),
                "eer": equal_error_rate(curve),
                **threshold_metrics(labels, probabilities, calibration.threshold, weights),
            }

        return statistic

    def _coverage(
        self, cell: Cell, said: Said, calibration: Calibration, lost: int
    ) -> Iterator[dict[str, Any]]:
        """Figures over all samples, those without a score too: they are part of how good a detector is."""
        numbers = cell.against.all[said.tried[cell.against.all]]
        scored = said.scored[numbers]
        filled = np.where(scored, said.score[numbers], calibration.neutral(self._settings.prior))
        ranking = Ranking(self._subjects.labels[numbers], filled)
        took = np.nan_to_num(said.milliseconds[numbers])
        asked = np.isfinite(said.milliseconds[numbers]).astype(np.float64)

        def statistic(weights: Floats) -> dict[str, Floats]:
            return {
                "auc_with_lost": roc_auc(ranking.curve(weights)),
                "coverage": _mean(scored.astype(np.float64), weights),
                "milliseconds": _mean(took, weights * asked),
            }

        yield from self._rows(cell, "media", numbers, lost, statistic)

    def _rows(
        self, cell: Cell, level: str, numbers: Numbers, lost: int, statistic: Statistic
    ) -> Iterator[dict[str, Any]]:
        labels = self._subjects.labels[numbers]
        clusters = Clusters(labels, [self._subjects.groups[number] for number in numbers.tolist()])
        found = estimates(
            statistic,
            clusters,
            samples=len(numbers),
            seed=self._settings.seed,
            resamples=self._settings.resamples,
        )
        counts = self._counts(numbers, lost)
        doubts = _chance(found.get("auc"))
        for metric, estimate in found.items():
            yield self._row(cell, level, metric, estimate, counts, doubts)

    def _counts(self, numbers: Numbers, lost: int) -> dict[str, int]:
        labels = self._subjects.labels[numbers]
        groups = {self._subjects.groups[number] for number in set(numbers.tolist())}
        forged, real = (numbers[labels == label].tolist() for label in (1, 0))
        least = min(len(set(forged)), len(set(real)))  # frames of few samples are few
        return {
            "forged": len(forged), "real": len(real), "groups": len(groups), "lost": lost, "least": least,
        }  # fmt: skip

    def _row(
        self,
        cell: Cell,
        level: str,
        metric: str,
        estimate: Estimate,
        counts: Mapping[str, int],
        doubts: set[str],
    ) -> dict[str, Any]:
        against = cell.against
        remarks = {*doubts, *self._subjects.remarks.get((against.dataset, against.family), ())}
        if counts["least"] < self._settings.min_samples or estimate.low is None:
            remarks.add("too_few")
        if against.other_reals:
            remarks.add("other_reals")
        return {
            "detector": cell.detector,
            "dataset": against.dataset,
            "family": against.family,
            "method": against.method,
            "slice": against.slice,
            "protocol": cell.protocol,
            "variant": cell.variant,
            "level": level,
            "metric": metric,
            "value": _rounded(estimate.value),
            "low": _rounded(estimate.low),
            "high": _rounded(estimate.high),
            **{name: counts[name] for name in ("forged", "real", "groups", "lost")},
            "remark": ", ".join(sorted(remarks)) or None,
        }


def _scored(numbers: Numbers, said: Said) -> tuple[Numbers, int]:
    """Those with a score, and how many of those asked about have none."""
    tried = numbers[said.tried[numbers]]
    scored = tried[said.scored[tried]]
    return scored, len(tried) - len(scored)


def _mean(values: Floats, weights: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(weights @ values / weights.sum(axis=-1))


def _chance(auc: Estimate | None) -> set[str]:
    """Whether the interval holds 0.5, or lies below it."""
    if auc is None or auc.low is None or auc.high is None:
        return set()
    if auc.high < 0.5:
        return {"below_chance"}
    return {"chance_level"} if auc.low <= 0.5 else set()


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(value, _DIGITS)
