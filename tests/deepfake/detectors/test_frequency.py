"""The frequency detector with a model fitted here: smoothed faces against textured ones."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import Abstained, Detector
from components.deepfake.spectra import feature_names, frequency_features
from tests.deepfake.crops import crop, sample, texture


def smooth(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def fitted(face: bool, seeds: range) -> dict[str, Any]:
    """Difference of means over scale, on few features: what a regression would find here."""
    options: dict[str, Any] = {} if face else {"landmarks": None}
    real = np.array([frequency_features(crop(texture(seed), **options)) for seed in seeds])
    forged = np.array([frequency_features(crop(smooth(texture(seed)), **options)) for seed in seeds])
    both = np.concatenate([real, forged])
    scale = both.std(0) + 1e-3
    weights = (forged.mean(0) - real.mean(0)) / scale / 50
    return {
        "names": list(feature_names(face)),
        "mean": both.mean(0).tolist(),
        "scale": scale.tolist(),
        "weights": weights.tolist(),
        "reference": real.mean(0).tolist(),
        "licence": "CC0-1.0",
    }


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    model = {**fitted(True, range(3)), "patch": fitted(False, range(3))}
    (folder / "frequency.json").write_text(json.dumps(model))
    return folder


def opened(weights: Path, **params: Any) -> Detector[Any]:
    (detector,) = open_detectors({"frequency": params}, weights)
    return detector


def test_unseen_textures_are_told_apart(weights: Path) -> None:
    detector = opened(weights)
    for seed in (30, 31):
        real = detector.score(sample([crop(texture(seed))]))
        forged = detector.score(sample([crop(smooth(texture(seed)))]))
        assert real.score is not None and forged.score is not None
        assert real.score < 0 < forged.score


def test_one_forged_face_among_real_ones_is_found(weights: Path) -> None:
    real = [crop(texture(seed), frame=seed) for seed in (40, 41)]
    forged = [crop(smooth(texture(seed)), frame=seed) for seed in (42, 43)]
    found = opened(weights).score(sample(real, forged))
    assert found.score == pytest.approx(np.mean([frame.score for frame in found.frames[2:]]), abs=1e-4)
    assert [frame.track for frame in found.frames] == [0, 0, 1, 1]
    assert [frame.seconds for frame in found.frames] == [40 / 25, 41 / 25, 42 / 25, 43 / 25]


def test_evidence_is_a_spectrum_against_the_reference_and_a_residual_map(weights: Path) -> None:
    face = crop(smooth(texture(50)))
    plain = opened(weights).score(sample([face]))
    found = opened(weights).score(sample([face]), evidence=True)
    assert (plain.score, plain.frames, plain.evidence) == (found.score, found.frames, ())
    spectrum, heat = found.evidence
    assert spectrum.kind == "spectrum" and spectrum.values is not None and spectrum.values.shape == (64, 2)
    assert spectrum.values[40:, 1].max() < -1  # less power at high frequencies than real ones have
    assert "real training pictures" in spectrum.text
    assert heat.values is not None and heat.values.shape == (256, 256)
    assert heat.values.min() == 0 and heat.values.max() == 1


def test_patches_are_judged_where_there_is_no_face(weights: Path, tmp_path: Path) -> None:
    patches = (crop(smooth(texture(60, 200)), landmarks=None), crop(smooth(texture(61)), landmarks=None))
    found = opened(weights).score(sample(patches=patches))
    assert found.score is not None and found.score > 0
    assert {frame.track for frame in found.frames} == {-1}
    tiny = (crop(texture(62, 63), landmarks=None),)
    assert opened(weights).score(sample(patches=tiny)).abstained is Abstained.IMAGE_TOO_SMALL
    model = json.loads((weights / "frequency.json").read_text())
    (tmp_path / "frequency.json").write_text(json.dumps({**model, "patch": None}))
    assert opened(tmp_path).score(sample(patches=patches)).abstained is Abstained.NO_FACE


def test_abstentions(weights: Path, tmp_path: Path) -> None:
    assert opened(weights).score(sample()).abstained is Abstained.NO_FACE
    narrow = sample([crop(texture(1), face_pixels=40)], patches=(crop(texture(1), landmarks=None),))
    assert opened(weights).score(narrow).abstained is Abstained.FACE_TOO_SMALL
    assert opened(weights, least_face=40).score(narrow).score is not None
    assert opened(tmp_path).score(narrow).abstained is Abstained.NO_WEIGHTS


def test_a_model_of_other_features_is_refused(weights: Path, tmp_path: Path) -> None:
    model = json.loads((weights / "frequency.json").read_text())
    model["names"][3] = "spectrum_3"
    (tmp_path / "frequency.json").write_text(json.dumps(model))
    with pytest.raises(ConfigurationError, match=r"frequency\.json: names: number 3 is 'spectrum_3'"):
        opened(tmp_path)
