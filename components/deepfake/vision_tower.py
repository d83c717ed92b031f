"""Features of pictures by a frozen vision model (CLIP, SigLIP, DINOv2 ...) of a local folder."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image as PilImage

from components.core.errors import ConfigurationError
from components.core.torchvision_ops import mend_torchvision
from components.deepfake.sample import Floats, Pixels

_BATCH: Final = 16


class VisionTower:
    """The vision part of a checkpoint; on a GPU where there is one. `open_tower` gives one.

    Nothing is downloaded, nothing is unpickled. Numbers are 32-bit floats.

    Args:
        folder: a checkpoint of transformers with config.json, preprocessor_config.json and safetensors.
        setting: the parameter that names the folder, for messages.

    Raises:
        ConfigurationError: where torch is not installed, or the folder is no such checkpoint.
    """

    def __init__(self, folder: Path, setting: str) -> None:
        try:
            mend_torchvision()
            import torch
            from transformers import AutoImageProcessor, AutoModel
        except ImportError as error:
            raise ConfigurationError(
                f"{setting} needs torch and transformers ({error}): pip install kalemint[torch]"
            ) from None
        if not any(folder.glob("*.safetensors")):
            raise ConfigurationError(
                f"{setting}: {folder} is no folder with *.safetensors; nothing is downloaded or unpickled"
            )
        self._torch = torch
        processors: Any = AutoImageProcessor
        models: Any = AutoModel
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._processor: Any = processors.from_pretrained(folder, backend="pil", **local)
            whole = models.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **local)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"{setting}: {folder} can't be loaded: {error}") from None
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            torch.set_num_threads(1)
        self._network: Any = getattr(whole, "vision_model", whole).to(self._device).eval()
        if self.features([np.zeros((32, 32, 3), np.uint8)]).ndim != 2:
            raise ConfigurationError(f"{setting}: {folder} gives no pooled features of a picture")

    def features(self, images: Sequence[Pixels]) -> Floats:
        """Pooled features of RGB pictures of any size, (n, d), of length 1."""
        rows = []
        for start in range(0, len(images), _BATCH):
            pictures = [PilImage.fromarray(image) for image in images[start : start + _BATCH]]
            inputs = self._processor(images=pictures, return_tensors="pt").to(self._device)
            with self._torch.inference_mode():
                given = self._network(pixel_values=inputs["pixel_values"])
                pooled = getattr(given, "pooler_output", None)
                if pooled is None:  # no pooling of its own: the mean of its tokens
                    pooled = given.last_hidden_state.mean(1)
                unit = self._torch.nn.functional.normalize(pooled.flatten(1), dim=-1)
            rows.append(unit.float().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)


@functools.lru_cache(maxsize=2)
def open_tower(folder: Path, setting: str) -> VisionTower:
    """The tower of a folder, loaded once a process: folds of a detector share it."""
    return VisionTower(folder, setting)
