"""The gate: metrics over all held-out images, with intervals, against thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.bootstrap import Estimate, by_group, estimates
from components.core.errors import GateFailed
from components.core.progress import emit
from components.core.stage import Output, Stage, Unit
from components.core.text_metrics import BLEU_WIDTH, Cider, bleu, bleu_counts, tokens
from components.distill.evaluation_params import GateParams
from components.distill.reasons import DistillReason

_SCHEMA: Final = "gate/1"
_DIGITS: Final = 6
"""Decimal places of a figure: the order in which sums are taken changes what lies below."""

MINIMA: Final = (
    "word_f1",
    "exact_match",
    "claim_precision",
    "claim_recall",
    "fact_recall",
    "follows_alt_text",
)
"""Metrics that have a parameter min_METRIC."""
_ADVICE: Final = {
    "word_f1": "train longer (distill.train.epochs) or on more pairs, or take a larger student",
    "exact_match": "train longer (distill.train.epochs) or on more pairs",
    "claim_precision": "the student says what the teacher does not: train on more pairs",
    "claim_recall": "the student leaves out what the teacher says: compare the lengths, train on more pairs",
    "fact_recall": "the student does not take over names: train longer (distill.train.epochs), or lower "
    "distill.training_set.alt_text_dropout",
    "follows_alt_text": "the student does not read the alternative text, or lets it change what is seen: "
    "train on more pairs",
    "degenerate": "raise caption.predict.max_tokens if captions are cut off, else train longer",
}
"""What to change where a metric falls short."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric over the held-out images and what became of it."""

    metric: str
    estimate: Estimate
    rows: int
    threshold: float | None = None
    passed: bool | None = None


class GateStage(Stage[GateParams]):
    """Decides whether the student may caption the rest.

    It derives a table, of a metric a row, out of all evaluations: nothing to conserve.
    """

    name = "gate"
    consumes = {"evaluations": "evaluations/1"}
    produces = {"gate": _SCHEMA}
    reasons = DistillReason
    grouping = "all"
    conserves = False
    columns = {"evaluations": ("id", "group", "reference", "prediction", "scores")}

    def run(self, unit: Unit, out: Output) -> None:
        """Make the figures and decide.

        Raises:
            GateFailed: where the student falls short or too few images tell, and `stop` is on.
        """
        params = self.params
        # shards may have been made in any number; the figures must not depend on it
        table = unit.tables["evaluations"].sort_by("id")
        enough = table.num_rows >= params.min_rows
        measured = measure(table, seed=params.seed, resamples=params.resamples) if table.num_rows else []
        figures = [self._decided(figure) for figure in measured] if enough else measured
        problems = self._problems(figures, table.num_rows)
        if problems and params.stop:
            raise GateFailed(" ".join(problems))
        for problem in problems:
            emit("gate", step=self.name, line=f"{self.name}: {problem}")
        out.keep(
            "gate", pa.Table.from_pylist([_row(figure) for figure in figures], schema=schemas.get(_SCHEMA))
        )

    def _threshold(self, metric: str) -> float | None:
        if metric == "degenerate":
            return self.params.max_degenerate
        return getattr(self.params, f"min_{metric}") if metric in MINIMA else None

    def _held(self, figure: Figure) -> float | None:
        """What is held against the threshold."""
        if self.params.decide_by == "value":
            return figure.estimate.value
        return figure.estimate.high if figure.metric == "degenerate" else figure.estimate.low

    def _decided(self, figure: Figure) -> Figure:
        threshold, held = self._threshold(figure.metric), self._held(figure)
        if threshold is None or held is None or figure.rows < self.params.min_metric_rows:
            return figure
        passed = held <= threshold if figure.metric == "degenerate" else held >= threshold
        return Figure(figure.metric, figure.estimate, figure.rows, threshold, passed)

    def _problems(self, figures: Sequence[Figure], rows: int) -> list[str]:
        """What keeps the student from going on, as sentences; none where it may."""
        if rows < self.params.min_rows:
            return [
                f"The gate can't decide: {rows} images are held out and distill.gate.min_rows wants "
                f"{self.params.min_rows}. Raise distill.training_set.heldout_share, give the teacher more "
                "pairs, or lower distill.gate.min_rows."
            ]
        by_name = {figure.metric: figure for figure in figures}
        found = []
        for metric in (*MINIMA, "degenerate"):
            if self._threshold(metric) is None:
                continue
            name = f"distill.gate.{'max' if metric == 'degenerate' else 'min'}_{metric}"
            figure = by_name.get(metric)
            if figure is None or figure.passed is None:
                found.append(
                    f"The gate can't judge {metric}: {figure.rows if figure else 0} held-out images have it, "
                    f"and it needs {self.params.min_metric_rows} (distill.gate.min_metric_rows) of two "
                    f"clusters at least; hold out more, or set {name} to null."
                )
            elif not figure.passed:
                found.append(self._shortfall(figure, name))
        if not found:
            return []
        return ["The student is not good enough to caption the rest.", *found]

    def _shortfall(self, figure: Figure, name: str) -> str:
        one = figure.estimate
        interval = f" (95 % interval {one.low:.3f} to {one.high:.3f})" if one.low is not None else ""
        by = "the worse end of the interval" if self.params.decide_by == "interval" else "the figure"
        side = "at most" if figure.metric == "degenerate" else "at least"
        return (
            f"{figure.metric} is {one.value:.3f}{interval} over {figure.rows} images; {by} must be {side} "
            f"{figure.threshold:g} ({name}): {_ADVICE[figure.metric]}."
        )


def measure(table: pa.Table, *, seed: int, resamples: int) -> list[Figure]:
    """All metrics over rows of `evaluations/1`, at least one, with their intervals, in alphabetical order.

    Means are over the images that have the score; BLEU is that of the corpus, 0 to 1.
    """
    predictions = [tokens(text or "") for text in table.column("prediction").to_pylist()]
    references = [tokens(text) for text in table.column("reference").to_pylist()]
    cider = Cider(references)
    scores: list[dict[str, float]] = [dict(pairs) for pairs in table.column("scores").to_pylist()]
    for row, prediction, reference in zip(scores, predictions, references, strict=True):
        row["cider_d"] = cider.score(prediction, reference)
    names = sorted(set().union(*scores))
    values = np.array([[row.get(name, np.nan) for name in names] for row in scores])
    present = np.isfinite(values)
    overlaps = np.array(
        [bleu_counts(*pair) for pair in zip(predictions, references, strict=True)], np.float64
    )
    sums = np.concatenate([np.where(present, values, 0.0), present, overlaps], axis=1)

    def statistic(total: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        added, counted = total[..., : len(names)], total[..., len(names) : -BLEU_WIDTH]
        with np.errstate(divide="ignore", invalid="ignore"):
            means = added / counted
        return np.concatenate([means, bleu(total[..., -BLEU_WIDTH:])[..., None]], axis=-1)

    found = estimates(
        by_group(table.column("group").to_pylist(), sums), statistic, seed=seed, resamples=resamples
    )
    rows = [*present.sum(axis=0).tolist(), table.num_rows]
    figures = [Figure(*one) for one in zip([*names, "bleu"], map(_rounded, found), rows, strict=True)]
    return sorted(figures, key=lambda figure: figure.metric)


def _rounded(one: Estimate) -> Estimate:
    low, high = (None if end is None else round(end, _DIGITS) for end in (one.low, one.high))
    return Estimate(round(one.value, _DIGITS), low, high)


def _row(figure: Figure) -> dict[str, Any]:
    return {
        "metric": figure.metric,
        "value": figure.estimate.value,
        "low": figure.estimate.low,
        "high": figure.estimate.high,
        "threshold": figure.threshold,
        "passed": figure.passed,
        "rows": figure.rows,
    }
