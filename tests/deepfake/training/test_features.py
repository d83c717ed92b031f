"""Which features of which samples linear models see."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.deepfake.detectors import open_detectors
from components.deepfake.detectors.foundation import FoundationDetector
from components.deepfake.spectra import feature_names
from components.deepfake.train_params import LinearTrainParams
from components.deepfake.training.features import PATCH, altered, gather
from tests.deepfake.crops import texture
from tests.deepfake.training.labelled import PARAMS, split_map, tables


def row(label: int, family: str | None, method: str | None = None) -> dict[str, object]:
    return {"label": label, "family": family, "method": method or family}


@pytest.mark.parametrize(
    ("given", "what", "expected"),
    [
        (row(0, None), "patches", True),
        (row(1, "self_blend"), "faces", True),
        (row(1, "self_blend"), "patches", False),
        (row(1, "upsample"), "patches", True),
        (row(1, "lip_offset"), "faces", False),
        (row(1, "swap", "FaceSwap"), "faces", True),
        (row(1, "swap", "FaceSwap"), "patches", False),
        (row(1, "entire_synthesis", "StyleGAN2"), "patches", True),
    ],
)
def test_what_was_not_altered_is_not_learnt_from(given: dict[str, object], what: str, expected: bool) -> None:
    assert altered(given, what) is expected  # type: ignore[arg-type]


def test_features_are_gathered_with_their_labels() -> None:
    found = gather(tables, split_map(), PARAMS)
    assert set(found) == {"frequency", PATCH}
    frequency = found["frequency"]
    assert frequency.names == feature_names(True)
    assert len(frequency.vectors) == 6 * 3 * 2
    assert {len(vector) for vector in frequency.vectors} == {len(frequency.names)}
    shown = [one["method"] for one in found[PATCH].rows]
    assert shown.count(None) == shown.count("rough") == len(shown) / 2 == 6
    validation = [one for one in frequency.rows if one["split"] == "validation"]
    assert {one["group"] for one in validation} == {"g4", "g5"}


def test_only_wanted_models_are_computed() -> None:
    params = PARAMS.model_copy(update={"frequency": None})
    assert gather(tables, split_map(), params) == {}


@pytest.mark.torch
def test_features_of_a_vision_checkpoint_are_those_its_detector_sees(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra `torch`")
    transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32,
        patch_size=16,
    )  # fmt: skip
    transformers.ViTModel(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    linear = LinearTrainParams(crops=1)
    params = PARAMS.model_copy(
        update={"frequency": None, "foundation": linear, "foundation_tower": str(tmp_path)}
    )
    found = gather(tables, split_map(), params)["foundation"]
    assert len(found.vectors) == 18
    (detector,) = open_detectors({"foundation": {"tower": str(tmp_path)}}, tmp_path)
    real = next(row for row, one in enumerate(found.rows) if one["label"] == 0)
    face = texture(1)  # the middle one of three frames of the first group
    assert isinstance(detector, FoundationDetector)
    assert found.vectors[real] == pytest.approx(detector.features([face])[0], abs=1e-6)
