"""The blending detector with a model of known weights and a map of what is red."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import Abstained, Detector
from tests.deepfake import tiny_onnx
from tests.deepfake.crops import crop, sample

GREY = np.full((256, 256, 3), 128, np.uint8)


def opened(folder: Path) -> Detector[Any]:
    (detector,) = open_detectors({"blending": {}}, folder)
    return detector


def test_the_boundary_is_shown_where_the_model_sees_it(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "blending.onnx", mask=True)
    edge = GREY.copy()
    edge[214:234, 90:166] = (255, 128, 0)
    found = opened(tmp_path).score(sample([crop(GREY), crop(edge, frame=3)]), evidence=True)
    assert found.score is not None and found.score > 0
    (shown,) = found.evidence
    assert shown.name == "blending boundary" and shown.values is not None
    assert shown.values.shape == (256, 256) and shown.seconds == 3 / 25
    assert shown.values[224, 128] > 0.99 and shown.values[60, 60] == pytest.approx(0.5, abs=0.01)
    assert "most in the ring region" in shown.text and "it is no proof" in shown.text


def test_a_face_without_a_boundary_is_said_to_have_none(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "blending.onnx", mask=True)
    blue = np.full((256, 256, 3), (0, 128, 255), np.uint8)
    found = opened(tmp_path).score(sample([crop(blue)]), evidence=True)
    assert found.score == pytest.approx(-8, abs=1e-3)
    assert found.evidence[0].text.startswith("No place of this face")


def test_weights_without_a_map_are_refused_and_none_mean_abstention(tmp_path: Path) -> None:
    assert opened(tmp_path).score(sample([crop(GREY)])).abstained is Abstained.NO_WEIGHTS
    tiny_onnx.write(tmp_path / "blending.onnx")
    with pytest.raises(ConfigurationError, match=r"blending\.onnx: outputs: no mask"):
        opened(tmp_path)
