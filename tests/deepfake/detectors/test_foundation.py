"""The foundation detector with small vision models of random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.foundation import FoundationDetector
from tests.deepfake.crops import crop, sample, texture

SMALL = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "image_size": 32, "patch_size": 8,
}  # fmt: skip


def head(folder: Path, count: int = 32) -> list[float]:
    weights = np.random.Generator(np.random.PCG64(1)).normal(size=count).tolist()
    model = {
        "names": [f"feature_{number:04d}" for number in range(count)], "mean": [0.0] * count,
        "scale": [0.5] * count, "weights": weights, "intercept": 0.25, "licence": "CC0-1.0",
    }  # fmt: skip
    (folder / "foundation.json").write_text(json.dumps(model))
    return weights


def opened(folder: Path, **params: Any) -> FoundationDetector:
    (detector,) = open_detectors({"foundation": params}, folder)
    assert isinstance(detector, FoundationDetector)
    return detector


def test_without_a_tower_or_a_head_it_abstains(tmp_path: Path) -> None:
    assert opened(tmp_path).score(sample([crop(texture(1))])).abstained is Abstained.NO_WEIGHTS
    head(tmp_path)
    assert opened(tmp_path).score(sample([crop(texture(1))])).abstained is Abstained.NO_WEIGHTS
    with pytest.raises(ConfigurationError, match=r"Set deepfake\.detectors\.foundation\.tower"):
        opened(tmp_path).features([texture(1)])


@pytest.fixture(scope="module", params=["clip", "siglip", "dinov2"])
def tower(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch", reason="needs the extra `torch`")
    transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    if request.param == "dinov2":
        sizes = {key: value for key, value in SMALL.items() if key != "intermediate_size"}
        transformers.Dinov2Model(transformers.Dinov2Config(**sizes)).save_pretrained(folder)
        transformers.BitImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ).save_pretrained(folder)
        return folder
    text = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "vocab_size": 20,
    }  # fmt: skip
    kind = {"clip": "CLIP", "siglip": "Siglip"}[request.param]
    config = getattr(transformers, f"{kind}Config")(text_config=text, vision_config=SMALL)
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    options = {"size": {"shortest_edge": 32}, "crop_size": size} if kind == "CLIP" else {"size": size}
    getattr(transformers, f"{kind}ImageProcessorPil")(**options).save_pretrained(folder)
    return folder


@pytest.mark.torch
def test_a_head_on_features_of_a_tower(tower: Path, tmp_path: Path) -> None:
    weights = head(tmp_path)
    detector = opened(tmp_path, tower=str(tower))
    images = [texture(seed, 128) for seed in range(18)]
    features = detector.features(images)
    assert features.shape == (18, 32) and features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(detector.features(images[:1]), features[:1], atol=1e-5)
    assert np.ptp(features, axis=0).max() > 1e-3
    found = detector.score(sample([crop(image) for image in images]))
    expected = features.astype(float) @ weights / 0.5 + 0.25
    np.testing.assert_allclose([frame.score for frame in found.frames], expected, atol=1e-3)
    assert detector.score(sample([crop(image) for image in images])) == found


@pytest.mark.torch
def test_a_head_of_another_tower_is_refused(tower: Path, tmp_path: Path) -> None:
    head(tmp_path, 48)
    with pytest.raises(ConfigurationError, match=r"foundation\.json: names: 48, but .* gives 32 features"):
        opened(tmp_path, tower=str(tower))


@pytest.mark.torch
def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `torch`")
    with pytest.raises(ConfigurationError, match="nothing is downloaded or unpickled"):
        opened(tmp_path, tower=str(tmp_path))
