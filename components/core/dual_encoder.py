"""A model that gives images and texts embeddings of one space, run by transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.core.torchvision_ops import mend_torchvision

Pixels = npt.NDArray[np.uint8]
"""A picture: blue, green, red; shape (height, width, 3)."""


class DualEncoder:
    """A SigLIP, SigLIP 2 or CLIP checkpoint, on a GPU where there is one.

    On a processor it takes one thread: the runner keeps every core busy. Numbers are 32-bit floats on
    both, so that a threshold means the same.

    Args:
        model: local folder or Hugging Face id.
        revision: commit on the hub.
        setting: the parameter that names the model, for messages.

    Raises:
        ConfigurationError: where torch is not installed, the model can't be read, or is no dual encoder.
    """

    def __init__(self, model: str, revision: str | None, setting: str) -> None:
        try:
            mend_torchvision()
            import torch
            from transformers import AutoModel, AutoProcessor
        except ImportError as error:
            raise ConfigurationError(
                f"Image-text similarity needs torch and transformers ({error}): pip install kalemint[torch], "
                f"or set {setting} to null."
            ) from None
        self._torch = torch
        try:
            # Pillow's resizing: the same numbers whether or not torchvision is installed
            processors: Any = AutoProcessor
            self._processor: Any = processors.from_pretrained(model, revision=revision, backend="pil")
            network: Any = AutoModel.from_pretrained(model, revision=revision, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"The model {model!r} is no folder or Hugging Face id that can be loaded: {error}"
            ) from None
        if not hasattr(network, "get_image_features") or not hasattr(network, "get_text_features"):
            raise ConfigurationError(
                f"The model {model!r} is a {type(network).__name__}, no dual encoder of images and texts."
            )
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if self._device == "cpu":
            torch.set_num_threads(1)
        self._network = network.to(self._device).eval()
        self._tokens = int(network.config.text_config.max_position_embeddings)

    def images(self, pictures: Sequence[Pixels]) -> npt.NDArray[np.float32]:
        """Embeddings of length 1, shape (n, d), of blue-green-red pictures of any sizes."""
        from PIL import Image

        rgb = [Image.fromarray(pixels[:, :, ::-1]) for pixels in pictures]
        inputs = self._processor(images=rgb, return_tensors="pt")
        return self._embed(self._network.get_image_features, inputs)

    def texts(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embeddings of length 1, shape (n, d); a text is cut after as many tokens as the model reads."""
        # SigLIP was trained on padded texts and needs them
        inputs = self._processor(
            text=list(texts),
            padding="max_length",
            truncation=True,
            max_length=self._tokens,
            return_tensors="pt",
        )
        return self._embed(self._network.get_text_features, inputs)

    def _embed(self, features: Any, inputs: Any) -> npt.NDArray[np.float32]:
        with self._torch.inference_mode():
            vectors = features(**inputs.to(self._device)).pooler_output
            unit = self._torch.nn.functional.normalize(vectors, dim=-1)
        found: npt.NDArray[np.float32] = unit.cpu().numpy()
        return found
