"""Logistic regression on features of samples: what the detectors of spectra and of change in time learn.

Every group counts the same within its class and method, and so does every method, however many crops it has;
the two classes weigh alike. scikit-learn's solver is used; the model is kept as JSON (`linear_model`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.deepfake.linear_model import LinearModel
from components.deepfake.metrics import Ranking, roc_auc
from components.deepfake.train_params import LinearTrainParams
from components.deepfake.training.crop_batches import trains_on

Doubles = npt.NDArray[np.float64]

_DIGITS = 8
"""Significant digits of the numbers kept: below them lies what processors do differently."""
_ITERATIONS = 10_000


@dataclass
class FeatureTable:
    """Feature vectors with the labels of their samples."""

    names: tuple[str, ...]
    vectors: list[Doubles] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Mapping[str, Any], split: str, vectors: Sequence[Doubles]) -> None:
        """The vectors of a sample.

        Args:
            row: of samples/1.
        """
        labels = {name: row[name] for name in ("dataset", "group", "label", "method", "family")}
        labels["media_id"] = row["id"]
        for vector in vectors:
            if np.isfinite(vector).all():
                self.vectors.append(vector)
                self.rows.append({**labels, "split": split})


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model and how it did on the validation split: method → AUC over its vectors; empty without any."""

    model: LinearModel
    strength: float
    validation: dict[str, float]


def fit(
    table: FeatureTable,
    params: LinearTrainParams,
    name: str,
    trained_on: str,
    licence: str,
    without: str | None = None,
) -> Fitted:
    """Fit a model for every strength and keep the one that does best on the validation split.

    Without a validation split, or with one class only, the least strength is taken.

    Args:
        without: a method that is left out.

    Raises:
        ConfigurationError: where one class is missing.
    """
    wanted = [
        number
        for number, row in enumerate(table.rows)
        if row["label"] == 0 or trains_on(row, params.families, without)
    ]
    train = [number for number in wanted if table.rows[number]["split"] == "train"]
    labels = np.array([table.rows[number]["label"] for number in train], np.int64)
    if len(set(labels.tolist())) < 2:
        raise ConfigurationError(
            f"train.{name} needs real and forged samples with what it looks at in the training split; there "
            f"are {int((labels == 0).sum())} real and {int((labels == 1).sum())} forged vectors: give more "
            f"media, or set train.{name} to null."
        )
    vectors = np.stack([table.vectors[number] for number in train])
    weights = balanced_weights([table.rows[number] for number in train])
    mean = np.average(vectors, axis=0, weights=weights)
    spread = np.sqrt(np.average((vectors - mean) ** 2, axis=0, weights=weights))
    scale = np.where(spread > 1e-9, spread, 1.0)
    real = labels == 0
    reference = np.average(vectors[real], axis=0, weights=weights[real])
    heldout = [number for number in wanted if table.rows[number]["split"] == "validation"]
    best: Fitted | None = None
    for strength in sorted(params.strengths):
        slopes, intercept = _solve((vectors - mean) / scale, labels, weights, strength)
        model = LinearModel(
            names=list(table.names),
            mean=_rounded(mean),
            scale=_rounded(scale),
            weights=_rounded(slopes),
            intercept=_rounded(np.array([intercept]))[0],
            reference=_rounded(reference),
            trained_on=trained_on,
            licence=licence,
        )
        found = Fitted(model, strength, validation_aucs(model.log_odds, table, heldout))
        if best is None or _mean(found.validation) > _mean(best.validation):
            best = found
    assert best is not None  # there is at least one strength
    return best


def validation_aucs(
    score: Callable[[Doubles], Doubles], table: FeatureTable, numbers: Sequence[int]
) -> dict[str, float]:
    """Method → AUC of its vectors against the real ones; empty where one of both is missing."""
    scores: dict[str, list[int]] = {}
    for number in numbers:
        row = table.rows[number]
        scores.setdefault("" if row["label"] == 0 else row["method"] or "forged", []).append(number)
    real = scores.pop("", [])
    if not real or not scores:
        return {}
    aucs = {}
    for method in sorted(scores):
        both = [*scores[method], *real]
        labels = [1] * len(scores[method]) + [0] * len(real)
        values = score(np.stack([table.vectors[number] for number in both]))
        aucs[method] = float(roc_auc(Ranking(labels, values).curve()))
    return aucs


def balanced_weights(rows: Sequence[Mapping[str, Any]]) -> Doubles:
    """Weights of mean 1: classes alike, methods alike within theirs, groups alike within a method."""
    methods: dict[int, set[str | None]] = {}
    groups: dict[tuple[int, str | None], set[str]] = {}
    vectors: dict[tuple[int, str | None, str], int] = {}
    for row in rows:
        label, method, group = row["label"], row["method"], row["group"]
        methods.setdefault(label, set()).add(method)
        groups.setdefault((label, method), set()).add(group)
        vectors[label, method, group] = vectors.get((label, method, group), 0) + 1
    weights = np.array(
        [
            1
            / (
                len(methods[row["label"]])
                * len(groups[row["label"], row["method"]])
                * vectors[row["label"], row["method"], row["group"]]
            )
            for row in rows
        ]
    )
    return weights / weights.mean()


def fold_methods(rows: Sequence[Mapping[str, Any]], families: Sequence[str] | None, least: int) -> list[str]:
    """Methods that get a fold: enough groups in the training split, and another method to learn from."""
    groups: dict[str, set[str]] = {}
    for row in rows:
        if row["label"] == 1 and row["split"] == "train" and row["method"] and trains_on(row, families, None):
            groups.setdefault(row["method"], set()).add(row["group"])
    return (
        sorted(method for method, found in groups.items() if len(found) >= least) if len(groups) > 1 else []
    )


def _solve(vectors: Doubles, labels: Any, weights: Doubles, strength: float) -> tuple[Doubles, float]:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    solver = LogisticRegression(C=strength, tol=1e-6, max_iter=_ITERATIONS)
    with threadpool_limits(1):  # sums in another order would give other last digits
        solver.fit(vectors, labels, sample_weight=weights)
    return solver.coef_[0].astype(np.float64), float(solver.intercept_[0])


def _rounded(values: Doubles) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def _mean(aucs: Mapping[str, float]) -> float:
    return sum(aucs.values()) / len(aucs) if aucs else 0.0
