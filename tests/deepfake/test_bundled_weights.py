"""The detectors that come with the package can be opened, judge, and are described."""

from __future__ import annotations

import pytest

from components.deepfake.calibration import from_json
from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import WEIGHTS
from components.deepfake.onnx_models import open_onnx
from tests.deepfake.crops import crop, sample, texture

FILES = {
    "blending.onnx": 2_000_000,
    "spatial.onnx": 2_000_000,
    "frequency.json": 50_000,
    "temporal.json": 50_000,
}


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_file_is_small_and_described(file: str) -> None:
    assert (WEIGHTS / file).stat().st_size <= FILES[file]
    assert f"`{file}`" in (WEIGHTS / "README.md").read_text()


@pytest.mark.parametrize("name", ["blending", "spatial", "frequency"])
def test_a_detector_of_faces_judges_with_them(name: str) -> None:
    (detector,) = open_detectors({name: {}})
    scores = [detector.score(sample([crop(texture(seed))])).score for seed in (1, 2)]
    assert None not in scores
    assert scores[0] != scores[1]
    assert detector.score(sample([crop(texture(1))])).score == scores[0]


def test_a_picture_without_a_face_is_judged_by_its_patches() -> None:
    (detector,) = open_detectors({"frequency": {}})
    assert detector.score(sample(patches=(crop(texture(1), landmarks=None),))).score is not None


def test_they_say_what_they_were_trained_on() -> None:
    for name in ("blending", "spatial"):
        card = open_onnx(WEIGHTS / f"{name}.onnx").card
        assert "GRID real: 8 samples of 7 groups" in card.trained_on
        assert card.licence.startswith("Apache-2.0")


def test_a_detector_that_finds_nothing_real_abstains_by_its_calibration() -> None:
    calibrations = from_json((WEIGHTS / "calibration.json").read_bytes())
    assert set(calibrations) == {"blending", "frequency", "spatial", "temporal"}
    for calibration in calibrations.values():
        assert calibration.answer(calibration.apply(5.0)) == "cannot_tell"
