"""Logistic regression on features."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra `torch`")

from components.core.errors import ConfigurationError
from components.deepfake.train_params import LinearTrainParams
from components.deepfake.training.linear_trainer import (
    FeatureTable,
    balanced_weights,
    fit,
    fold_methods,
)

pytestmark = pytest.mark.torch


def table(per_group: dict[str, int] | None = None) -> FeatureTable:
    """Two features: the first tells `easy` from real, the second tells nothing."""
    made = FeatureTable(("tells", "noise"))
    rng = np.random.Generator(np.random.PCG64(0))
    for number in range(12):
        split = "validation" if number >= 8 else "train"
        for method, label, middle in ((None, 0, 0.0), ("easy", 1, 4.0), ("hard", 1, 0.5)):
            row = {
                "id": f"{method}{number}", "dataset": "drawn", "group": f"g{number}",
                "label": label, "method": method, "family": method,
            }  # fmt: skip
            some = (per_group or {}).get(f"g{number}", 5)
            made.add(row, split, [np.array([middle, 100]) + rng.normal(size=2) for _ in range(some)])
    return made


def test_a_model_finds_what_tells() -> None:
    found = fit(table(), LinearTrainParams(), "frequency", "drawn", "CC0")
    assert found.validation["easy"] > 0.95
    assert found.validation["hard"] < 0.85
    assert found.model.weights[0] > 5 * abs(found.model.weights[1])
    assert found.model.reference == pytest.approx([0, 100], abs=0.5)
    assert (found.model.trained_on, found.model.licence) == ("drawn", "CC0")


def test_the_same_data_gives_the_same_model() -> None:
    one, other = (fit(table(), LinearTrainParams(), "frequency", "drawn", "CC0") for _ in range(2))
    assert one.model.model_dump_json() == other.model.model_dump_json()


def test_a_method_left_out_is_not_learnt_from() -> None:
    with_it = fit(table(), LinearTrainParams(strengths=[1.0]), "x", "", "CC0")
    without = fit(table(), LinearTrainParams(strengths=[1.0]), "x", "", "CC0", without="easy")
    assert set(without.validation) == {"hard"}
    assert without.model.weights[0] < 0.7 * with_it.model.weights[0]


def test_groups_methods_and_classes_count_alike_whatever_their_numbers() -> None:
    rows = [row for row in table({"g0": 500, "g1": 1}).rows if row["split"] == "train"]
    weights = balanced_weights(rows)
    assert weights.mean() == pytest.approx(1)
    shares = {
        key: sum(w for w, row in zip(weights, rows, strict=True) if (row["method"], row["group"]) == key)
        for key in {(row["method"], row["group"]) for row in rows}
    }
    for method in (None, "easy", "hard"):
        mine = [share for (name, _), share in shares.items() if name == method]
        assert mine == pytest.approx([mine[0]] * 8)
    assert shares[None, "g0"] == pytest.approx(2 * shares["easy", "g0"])


def test_methods_that_get_a_fold() -> None:
    rows = table().rows
    assert fold_methods(rows, None, 8) == ["easy", "hard"]
    assert fold_methods(rows, None, 9) == []
    assert fold_methods(rows, ["easy"], 1) == []  # nothing would be left


def test_one_class_alone_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"there are 40 real and 0 forged vectors"):
        fit(table(), LinearTrainParams(families=["swap"]), "frequency", "", "CC0")
