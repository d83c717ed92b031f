"""ONNX classifiers: what they compute, and what is said of files that are not as they must be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.onnx_models import open_onnx
from tests.deepfake import tiny_onnx
from tests.deepfake.crops import texture


def plain(red: int, green: int, blue: int, side: int = 64) -> np.ndarray:
    return np.full((side, side, 3), (red, green, blue), np.uint8)


def test_log_odds_are_those_of_the_closed_form(tmp_path: Path) -> None:
    model = open_onnx(tiny_onnx.write(tmp_path / "m.onnx", bias=(0.25,), mask=True))
    odds, maps = model.judge([plain(255, 0, 0), plain(0, 255, 255), plain(51, 9, 51, 100)])
    np.testing.assert_allclose(odds, [8.25, -7.75, 0.25], atol=1e-5)
    assert maps is not None and maps.shape == (3, 64, 64)
    np.testing.assert_allclose(maps[:, 0, 0], [1 / (1 + np.exp(-8)), 1 / (1 + np.exp(8)), 0.5], atol=1e-5)


def test_batches_and_single_pictures_agree(tmp_path: Path) -> None:
    images = [texture(seed, 80) for seed in range(19)]
    many = open_onnx(tiny_onnx.write(tmp_path / "m.onnx"))
    one = open_onnx(tiny_onnx.write(tmp_path / "one.onnx", batch=1))
    odds = many.judge(images)[0]
    assert odds.shape == (19,) and np.ptp(odds) > 0
    np.testing.assert_allclose(odds, np.concatenate([many.judge([image])[0] for image in images]), atol=1e-6)
    np.testing.assert_allclose(odds, one.judge(images)[0], atol=1e-6)
    assert many.judge([])[0].shape == (0,)


def test_a_file_is_loaded_once_until_it_changes(tmp_path: Path) -> None:
    path = tiny_onnx.write(tmp_path / "m.onnx")
    first = open_onnx(path)
    assert open_onnx(path) is first
    tiny_onnx.write(path, bias=(1.0,), metadata={**tiny_onnx.METADATA, "trained_on": "x"})
    assert open_onnx(path) is not first
    assert open_onnx(path).judge([plain(9, 9, 9)])[0] == pytest.approx([1.0])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"side": None}, {}, r"m\.onnx: metadata: side is missing"),
        ({"licence": None}, {}, r"m\.onnx: metadata: licence is missing"),
        ({"mean": "0.5,0.5"}, {}, r"m\.onnx: metadata: mean: no JSON"),
        ({"mean": [0.5]}, {}, r"m\.onnx: metadata: mean\.1: Field required"),
        ({"std": [0.5, 0, 0.5]}, {}, r"m\.onnx: metadata: .*std: must be above 0"),
        ({"colour": "grey"}, {}, r"m\.onnx: metadata: colour: "),
        ({"side": 128}, {}, r"m\.onnx: side: 128 does not fit the input's shape \['n', 3, 64, 64\]"),
        ({}, {"batch": 4}, r"m\.onnx: input: a fixed batch of 4"),
        ({}, {"outputs": "score", "mask": True}, r"m\.onnx: outputs: none of \['score', 'mask'\]"),
    ],
)
def test_messages_name_file_and_field(
    tmp_path: Path, change: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    metadata = {key: value for key, value in {**tiny_onnx.METADATA, **change}.items() if value is not None}
    path = tiny_onnx.write(tmp_path / "m.onnx", metadata=metadata, **options)
    with pytest.raises(ConfigurationError, match=message):
        open_onnx(path)


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"no model")
    with pytest.raises(ConfigurationError, match=r"m\.onnx is no ONNX model"):
        open_onnx(path)
