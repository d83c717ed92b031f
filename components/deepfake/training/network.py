"""A detector of forged face crops: a backbone, a small head, and the map of the blending boundary.

The head's two outputs follow Face X-ray (Li et al., arXiv 1912.13458): where two pictures were blended, and
whether. The boundary is 4 M (1 - M) of the soft mask M (their equation 2); a real face has none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn
from torch.nn import functional

from components.core.errors import ConfigurationError
from components.deepfake.train_params import LITE0, NetworkTrainParams
from components.deepfake.training.lite0 import Lite0, load_imagenet

_IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_SOFTEN: Final = 16
"""A mask with hard edges is blurred over this part of its side, so that it has a boundary to find."""


class Checkpoint(nn.Module):
    """A vision model of transformers as a map of features.

    Args:
        folder: a local checkpoint with safetensors; nothing is downloaded, nothing unpickled.

    Attributes:
        channels: of the map.
        mean, std: that pictures are normalized with.

    Raises:
        ConfigurationError: where there is no such folder, or it holds no vision model.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel

        if not (Path(folder) / "config.json").is_file():
            raise ConfigurationError(
                f"{folder} is no folder of a checkpoint: train.*.backbone is {LITE0} or such a folder; "
                "nothing is downloaded."
            )
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model: Any = AutoModel.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
        self.model = getattr(model, "vision_model", model)
        sizes = getattr(config, "vision_config", config)
        widths = getattr(sizes, "hidden_sizes", None) or [getattr(sizes, "hidden_size", 0)]
        self.channels = int(widths[-1])
        if not self.channels:
            raise ConfigurationError(f"{folder} holds no vision model: its config.json has no hidden_size.")
        self.mean, self.std = _normalization(Path(folder))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, side, side) to (n, channels, h, w)."""
        states: torch.Tensor = self.model(pixel_values=pixels).last_hidden_state
        if states.ndim == 4:
            return states
        side = int(states.shape[1] ** 0.5)  # the tokens of places come last, after those of the whole
        places = states[:, states.shape[1] - side * side :]
        return places.transpose(1, 2).reshape(states.shape[0], states.shape[2], side, side)


class DetectorNet(nn.Module):
    """Pixels to log-odds, and to the probability of a blending boundary at every place.

    Normalization layers of the backbone keep the statistics they were made with: batches are small.

    Args:
        masks: whether there is a map.
        pretrained: False: the backbone's weights are random, for those that are loaded next.
    """

    def __init__(self, params: NetworkTrainParams, seed: int, pretrained: bool = True) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if params.backbone == LITE0:
                backbone: Any = Lite0(params.blocks)
                if pretrained:
                    load_imagenet(backbone)
            else:
                backbone = Checkpoint(params.backbone)
            self.backbone = backbone
            width = params.channels
            self.neck = nn.Sequential(nn.Conv2d(backbone.channels, width, 1), nn.ReLU6())
            self.masks = nn.Conv2d(width, 1, 1) if params.mask_weight else None
            self.logit = nn.Linear(2 * width, 1)
        self.mean, self.std = tuple(backbone.mean), tuple(backbone.std)
        if not params.train_backbone:
            backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> DetectorNet:
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(n, 3, side, side), normalized, to log-odds (n,) and, with masks, their log-odds (n, 1, h, w)."""
        places = self.neck(self.backbone(pixels))
        pooled = torch.cat([places.mean((2, 3)), places.amax((2, 3))], 1)
        logit = self.logit(pooled).squeeze(1)
        return (logit,) if self.masks is None else (logit, self.masks(places))


class Exported(nn.Module):
    """The network with what its file gives: log-odds, and probabilities for the map."""

    def __init__(self, network: DetectorNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As `DetectorNet.forward`; the map is 0 to 1."""
        logit, *masks = self.network(pixels)
        return (logit, *(torch.sigmoid(mask) for mask in masks))


def normalized(pixels: torch.Tensor, network: DetectorNet) -> torch.Tensor:
    """Bytes (n, side, side, 3) as the network takes them: (n, 3, side, side)."""
    mean = torch.tensor(network.mean, device=pixels.device).view(1, 3, 1, 1)
    std = torch.tensor(network.std, device=pixels.device).view(1, 3, 1, 1)
    return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std


def boundary(masks: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """The blending boundary of masks (n, side, side) in bytes, at the map's size: (n, 1, h, w), 0 to 1."""
    soft = masks.unsqueeze(1).float() / 255
    radius = max(1, soft.shape[-1] // _SOFTEN)
    soft = functional.avg_pool2d(soft, 2 * radius + 1, 1, radius, count_include_pad=False)
    return functional.adaptive_avg_pool2d(4 * soft * (1 - soft), size)


def loss(
    outputs: tuple[torch.Tensor, ...],
    labels: torch.Tensor,
    masks: torch.Tensor,
    known: torch.Tensor,
    mask_weight: float,
) -> torch.Tensor:
    """Cross-entropy of the label, plus that of the boundary where the mask is known."""
    total = functional.binary_cross_entropy_with_logits(outputs[0].float(), labels)
    if len(outputs) > 1 and bool(known.any()):
        found = outputs[1][known].float()
        wanted = boundary(masks[known], (found.shape[2], found.shape[3]))
        total = total + mask_weight * functional.binary_cross_entropy_with_logits(found, wanted)
    return total


def _normalization(folder: Path) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation that the checkpoint's own preprocessor uses; ImageNet's where it names none."""
    path = folder / "preprocessor_config.json"
    values = json.loads(path.read_text()) if path.is_file() else {}
    mean, std = values.get("image_mean", _IMAGENET[0]), values.get("image_std", _IMAGENET[1])
    return tuple(map(float, mean)), tuple(map(float, std))
