"""External weights behind one YAML: ONNX here, TorchScript and transformers where torch is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.core.errors import ConfigurationError
from components.deepfake.detectors import default_detectors, open_detectors, registry
from components.deepfake.detectors.base import Abstained
from tests.deepfake import tiny_onnx
from tests.deepfake.crops import crop, sample, texture

RED = np.full((256, 256, 3), (255, 0, 0), np.uint8)
BLUE = np.full((256, 256, 3), (0, 0, 255), np.uint8)
CARD = {
    "weights": "m.onnx", "format": "onnx", "side": 64, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    "licence": "CC0-1.0",
}  # fmt: skip


def card(folder: Path, name: str = "card.yaml", **change: Any) -> str:
    path = folder / name
    path.write_text(yaml.safe_dump({**CARD, **change}))
    return str(path)


def scores(path: str, *images: np.ndarray) -> list[float]:
    (detector,) = open_detectors({"external": {"card": path}})
    found = detector.score(sample([crop(image) for image in images]))
    return [frame.score for frame in found.frames]


def test_an_onnx_file_of_somebody_else(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "m.onnx", metadata={}, outputs="output_0")
    assert scores(card(tmp_path), RED, BLUE) == [8, -8]
    assert scores(card(tmp_path, colour="bgr"), RED, BLUE) == [-8, 8]
    assert scores(card(tmp_path, calibration={"slope": 0.5, "intercept": 1}), RED) == [5]


def test_two_logits_and_the_centre_alone(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "m.onnx", [[4, 0], [0, 0], [0, 4]], (0, 0), metadata={})
    framed = BLUE.copy()
    framed[64:192, 64:192] = (255, 0, 0)
    path = card(tmp_path, output="two_logits", class_index=0, centre_share=0.5)
    assert scores(path, framed) == pytest.approx([8])
    assert scores(card(tmp_path, output="two_logits"), framed) == pytest.approx([4], abs=0.5)


def test_several_go_side_by_side_under_their_names(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "m.onnx", metadata={})
    one, other = card(tmp_path), card(tmp_path, "other.yaml", class_index=0)
    wanted = {"external:one": {"card": one}, "external:other": {"card": other}}
    found = [detector.score(sample([crop(RED)])) for detector in open_detectors(wanted)]
    assert [(each.detector, each.score) for each in found] == [("external:one", 8), ("external:other", -8)]
    for name in ("external:", "spatial:mine", "nothing"):
        with pytest.raises(ConfigurationError, match=f"no detector '{name}'"):
            open_detectors({name: {}})


def test_without_a_card_it_abstains_and_is_no_default() -> None:
    (detector,) = open_detectors({"external": {}})
    assert detector.score(sample([crop(RED)])).abstained is Abstained.NO_WEIGHTS
    assert [*default_detectors()] == [name for name in registry() if name != "external"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licence": None}, r"card\.yaml: licence: "),
        ({"size": 3}, r"card\.yaml: size: Extra inputs"),
        ({"format": "pickle"}, r"card\.yaml: format: "),
        ({"std": [1, 1]}, r"card\.yaml: std\.2: Field required"),
        ({"weights": "https://host/m.onnx"}, r"card\.yaml: weights: .* is an address"),
        ({"weights": "none.onnx"}, r"card\.yaml: weights: there is no .*; nothing is downloaded"),
        ({"side": 32}, r"m\.onnx: side: 32 does not fit"),
    ],
)
def test_messages_name_the_key(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    tiny_onnx.write(tmp_path / "m.onnx", metadata={})
    with pytest.raises(ConfigurationError, match=message):
        open_detectors({"external": {"card": card(tmp_path, **change)}})


def test_cards_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        open_detectors({"external": {"card": str(path)}})
    for text, message in (("a: [", "is no YAML"), ("- 1", "must be a mapping"), ("\x00", "is no YAML")):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=message):
            open_detectors({"external": {"card": str(path)}})


@pytest.mark.torch
def test_torchscript_gives_what_the_network_gives(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `torch`")
    torch.manual_seed(1)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 5, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(2)
    ).eval()
    image = texture(1, 64)
    pixels = torch.from_numpy((image.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5).float()
    with torch.no_grad():
        expected = network(pixels)[0]
    torch.jit.trace(network, pixels).save(str(tmp_path / "m.pt"))
    path = card(tmp_path, weights="m.pt", format="torchscript", output="two_logits")
    assert scores(path, image) == pytest.approx([float(expected[1] - expected[0])], abs=1e-3)


@pytest.mark.torch
def test_pickles_are_never_opened(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `torch`")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "m.pt")
    with pytest.raises(ConfigurationError, match=r"card\.yaml: format: .*pickled weights"):
        scores(card(tmp_path, weights="m.pt", format="torchscript"), RED)
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save({"weight": torch.zeros(3)}, folder / "pytorch_model.bin")
    with pytest.raises(ConfigurationError, match=r"weights: .* holds no \*\.safetensors"):
        scores(card(tmp_path, weights="checkpoint", format="transformers"), RED)


@pytest.mark.torch
def test_a_checkpoint_of_transformers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `torch`")
    transformers = pytest.importorskip("transformers", reason="needs the extra `torch`")
    torch.manual_seed(1)
    config = transformers.ViTConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=64,
        patch_size=16, num_labels=2,
    )  # fmt: skip
    network = transformers.ViTForImageClassification(config).eval()
    network.save_pretrained(tmp_path / "checkpoint")
    image = texture(2, 64)
    pixels = torch.from_numpy((image.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5).float()
    with torch.no_grad():
        expected = network(pixel_values=pixels).logits[0]
    path = card(tmp_path, weights="checkpoint", format="transformers", output="two_logits")
    found = scores(path, image, texture(3, 64))
    assert found[0] == pytest.approx(float(expected[1] - expected[0]), abs=1e-3)
    assert found[1] != found[0]


def test_the_order_in_which_detectors_are_named_does_not_show() -> None:
    """A mapping that went through an orchestrator comes back in another order: digests must not follow it."""
    names = ["spatial", "blending", "provenance"]
    opened = [detector.name for detector in open_detectors({name: {} for name in names})]
    assert opened == [detector.name for detector in open_detectors({name: {} for name in sorted(names)})]
