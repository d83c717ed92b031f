"""Can forged be told from real without looking at a picture? Then a detector's figure may mean just that.

A model of file facts alone (bytes, resolution, rate, duration, width of the face, container, sound) is
cross-validated over groups. Where it does well, real and forged come from different cameras, sites or
encoders, and a detector that learnt those would look good.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.core.bootstrap import Estimate
from components.deepfake.cluster_bootstrap import RESAMPLES, Clusters, estimates
from components.deepfake.grouped_folds import grouped_folds
from components.deepfake.metrics import Ranking, roc_auc

Floats = npt.NDArray[np.float64]

COLUMNS: Final = ("kind", "format", "size", "width", "height", "seconds", "fps", "has_audio")
"""Columns of samples/1 that the model sees, beside the width of the face."""
FOLDS: Final = 5
_ROUNDS: Final = 60
_RATE: Final = 0.3
_CUTS: Final = 16
"""Thresholds tried of each fact."""
_RIDGE: Final = 1.0


def file_facts(samples: Sequence[Mapping[str, Any]], face_pixels: Mapping[str, float]) -> Floats:
    """What the model sees of each sample, shape (n, facts).

    Args:
        samples: rows with `COLUMNS` and `id`.
        face_pixels: mean width of the faces of a sample, by its id.
    """
    formats = sorted({row["format"] for row in samples})
    return np.array(
        [
            [
                np.log1p(row["width"]),
                np.log1p(row["height"]),
                np.log1p(row["size"]),
                np.log1p(row["size"] / max(row["seconds"], 1.0)),
                np.log1p(row["size"]) - np.log1p(row["width"] * row["height"]),
                row["seconds"],
                row["fps"],
                face_pixels.get(row["id"], 0.0),
                float(row["has_audio"]),
                float(row["kind"] == "video"),
                *(float(row["format"] == name) for name in formats),
            ]
            for row in samples
        ],
        np.float64,
    )


def confounding(
    facts: Floats,
    labels: npt.NDArray[np.int64],
    groups: Sequence[str],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Estimate | None:
    """AUC of file facts alone, every sample scored by a model that saw none of its group.

    Returns:
        None where a class has fewer than two groups: nothing can be cross-validated.
    """
    clusters = Clusters(labels, groups)
    if len(set(labels.tolist())) < 2 or not clusters.enough:
        return None
    folds = grouped_folds(labels, groups, FOLDS, "source confounding")
    scores = np.zeros(len(labels))
    for fold in range(FOLDS):
        held = folds == fold
        if held.any():
            scores[held] = boosted_stumps(facts[~held], labels[~held], facts[held])
    ranking = Ranking(labels, scores)
    found = estimates(
        lambda weights: {"auc": roc_auc(ranking.curve(weights))},
        clusters,
        samples=len(labels),
        seed=seed,
        resamples=resamples,
    )
    return found["auc"]


def boosted_stumps(facts: Floats, labels: npt.NDArray[np.int64], asked: Floats) -> Floats:
    """Log-odds by additive one-split trees, fitted by Newton boosting (Friedman, Hastie, Tibshirani 2000).

    Splits on both sides of a value can be learnt, which one line through the facts can't: 640 and 1,280
    pixels wide are forged, 720 is real. Classes count alike.
    """
    known, found = np.zeros(len(labels)), np.zeros(len(asked))
    share = labels.mean() if len(labels) else 0.0
    if share in (0.0, 1.0):
        return found
    weights = np.where(labels == 1, 0.5 / share, 0.5 / (1 - share))
    cuts = [
        (column, cut)
        for column in range(facts.shape[1])
        for cut in np.unique(np.quantile(facts[:, column], np.linspace(0, 1, _CUTS + 1)[:-1]))
        if cut < facts[:, column].max()
    ]
    if not cuts:
        return found
    above = np.stack([facts[:, column] > cut for column, cut in cuts]).astype(np.float64)
    for _ in range(_ROUNDS):
        p = 1 / (1 + np.exp(-known))
        gradient, curvature = weights * (labels - p), weights * p * (1 - p)
        up, bend = above @ gradient, above @ curvature
        down, flat = gradient.sum() - up, curvature.sum() - bend
        gain = up * up / (bend + _RIDGE) + down * down / (flat + _RIDGE)
        best = int(np.argmax(np.round(gain, 9)))
        column, cut = cuts[best]
        high, low = _RATE * up[best] / (bend[best] + _RIDGE), _RATE * down[best] / (flat[best] + _RIDGE)
        known += np.where(above[best] > 0, high, low)
        found += np.where(asked[:, column] > cut, high, low)
    return found
