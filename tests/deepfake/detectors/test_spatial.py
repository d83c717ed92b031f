"""The spatial detector with a model of known weights: red is forged, blue is real."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import Abstained, Detector
from tests.deepfake import tiny_onnx
from tests.deepfake.crops import crop, sample

BLUE = np.full((256, 256, 3), (0, 100, 255), np.uint8)
RED = np.full((256, 256, 3), (255, 100, 0), np.uint8)
GREY = np.full((256, 256, 3), 100, np.uint8)


def opened(folder: Path, name: str = "spatial", **params: Any) -> Detector[Any]:
    (detector,) = open_detectors({name: params}, folder)
    return detector


def test_scores_are_mean_over_a_track_and_maximum_over_tracks(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "spatial.onnx")
    found = opened(tmp_path).score(sample([crop(BLUE), crop(BLUE)], [crop(RED), crop(GREY)]))
    assert [frame.score for frame in found.frames] == [-8, -8, 8, 0]
    assert found.score == 4 and found.detector == "spatial" and found.evidence == ()


def test_samples_in_one_batch_get_their_own_scores(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "spatial.onnx")
    many = [
        sample([crop(RED)]),
        sample(),
        sample([crop(BLUE)] * 20, [crop(GREY)]),
        sample([crop(RED, face_pixels=20)]),
    ]
    detector = opened(tmp_path)
    found = detector.scores(many)
    assert [one.score for one in found] == [8, None, 0, None]
    assert [one.abstained for one in found] == [None, Abstained.NO_FACE, None, Abstained.FACE_TOO_SMALL]
    assert found == [detector.score(one) for one in many]


def test_the_occlusion_map_shows_what_is_red(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "spatial.onnx")
    image = GREY.copy()
    image[100:130, 60:90] = (255, 100, 0)
    (shown,) = opened(tmp_path).score(sample([crop(GREY), crop(image, frame=5)]), evidence=True).evidence
    assert shown.kind == "heat_map" and shown.values is not None and shown.values.shape == (256, 256)
    row, column = np.unravel_index(shown.values.argmax(), shown.values.shape)
    assert abs(row - 115) < 40 and abs(column - 75) < 40
    assert shown.seconds == 5 / 25 and shown.track == 0


def test_without_weights_it_abstains_and_broken_ones_stop(tmp_path: Path) -> None:
    assert opened(tmp_path).score(sample([crop(RED)])).abstained is Abstained.NO_WEIGHTS
    tiny_onnx.write(tmp_path / "spatial.onnx", metadata={})
    with pytest.raises(ConfigurationError, match=r"spatial\.onnx: metadata: side is missing"):
        opened(tmp_path)
