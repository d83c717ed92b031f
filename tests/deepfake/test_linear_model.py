"""Logistic regression kept as JSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.linear_model import LinearModel, read_model

VALUES: dict[str, Any] = {
    "names": ["a", "b"],
    "mean": [1.0, 2.0],
    "scale": [2.0, 0.5],
    "weights": [1.0, -3.0],
    "intercept": 0.5,
    "licence": "CC0-1.0",
}


def test_log_odds() -> None:
    model = LinearModel.model_validate(VALUES)
    assert model.log_odds([3.0, 2.5]) == pytest.approx(0.5 + 1 - 3)
    assert model.log_odds(np.ones((4, 2))).shape == (4,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": [1.0]}, "mean: 1 numbers for 2 names"),
        ({"scale": [1.0, 0.0]}, "scale: b is not above 0"),
        ({"names": ["a", "a"]}, "names: one comes twice"),
        ({"weights": [1.0, "x"]}, r"m\.json: weights\.1: "),
        ({"licence": ""}, r"m\.json: licence: "),
        ({"other": 1}, r"m\.json: other: "),
    ],
)
def test_messages_name_file_and_field(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps({**VALUES, **change}))
    with pytest.raises(ConfigurationError, match=message):
        read_model(path, LinearModel)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        read_model(tmp_path / "m.json", LinearModel)
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"m\.json: Invalid JSON"):
        read_model(tmp_path / "m.json", LinearModel)
    (tmp_path / "m.json").write_text(json.dumps({**VALUES, "intercept": 1e999}))
    with pytest.raises(ConfigurationError, match=r"m\.json"):
        read_model(tmp_path / "m.json", LinearModel)


def test_features_must_be_those_it_was_made_for() -> None:
    model = LinearModel.model_validate(VALUES)
    model.expects(["a", "b"], Path("m.json"))
    with pytest.raises(ConfigurationError, match=r"m\.json: names: number 1 is 'b'; 'c' is computed"):
        model.expects(["a", "c"], Path("m.json"))
    with pytest.raises(ConfigurationError, match=r"m\.json: names: 2; 3 features"):
        model.expects(["a", "b", "c"], Path("m.json"))
