"""Published classifiers from local files: ONNX, TorchScript, or a checkpoint of transformers in safetensors.

Nothing is downloaded and nothing is unpickled: a file that would need either is refused.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field, ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.classifier_card import ClassifierCard, explain
from components.deepfake.heat_maps import LogOdds
from components.deepfake.onnx_models import OnnxClassifier
from components.deepfake.sample import Pixels

_BATCH: Final = 16


class ExternalCard(ClassifierCard):
    """The YAML beside weights of somebody else. Every key but those with defaults must be there."""

    weights: str = Field(
        min_length=1,
        description="file or folder; relative to the card where it is no absolute path; never downloaded",
    )
    format: Literal["onnx", "torchscript", "transformers"] = Field(description="what `weights` is")


def read_card(path: Path) -> tuple[ExternalCard, Path]:
    """A card and the place of its weights.

    Raises:
        ConfigurationError: naming the file and the key that is wrong.
    """
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The card {path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The card {path} is no YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigurationError(f"The card {path} must be a mapping of keys to values")
    try:
        card = ExternalCard.model_validate(values)
    except ValidationError as error:
        raise explain(path, error) from None
    if "://" in card.weights:
        raise ConfigurationError(f"{path}: weights: {card.weights} is an address; give a local path")
    weights = path.parent / card.weights
    if not weights.exists():
        raise ConfigurationError(f"{path}: weights: there is no {weights}; nothing is downloaded")
    return card, weights


def open_external(path: Path) -> LogOdds:
    """A function from RGB pictures of any size to log-odds of forged, (n,).

    Args:
        path: of the card.

    Raises:
        ConfigurationError: naming the file and the key that is wrong.
    """
    card, weights = read_card(path)
    if card.format == "onnx":
        model = OnnxClassifier(weights, card)
        return lambda images: model.judge(images)[0]
    try:
        import torch
    except ImportError as error:
        raise ConfigurationError(
            f"{path}: format: {card.format} needs torch ({error}): pip install kalemint[torch], or use onnx"
        ) from None
    opened = _torchscript if card.format == "torchscript" else _transformers
    forward = opened(weights, path)
    torch.set_num_threads(1)

    def log_odds(images: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        found = []
        for start in range(0, len(images), _BATCH):
            tensor = torch.from_numpy(card.tensor(images[start : start + _BATCH]))
            with torch.inference_mode():
                given = forward(tensor)
            if not isinstance(given, torch.Tensor) or len(given) != len(tensor):
                raise ConfigurationError(f"{path}: weights: the model gives no tensor of a row a picture")
            found.append(card.log_odds(given.float().cpu().numpy(), str(path)))
        return np.concatenate(found) if found else np.zeros(0)

    return log_odds


def _torchscript(weights: Path, card: Path) -> Callable[[Any], Any]:
    import torch

    # a pickled nn.Module or state dict is a zip, too; only TorchScript has code and constants
    names = zipfile.ZipFile(weights).namelist() if zipfile.is_zipfile(weights) else []
    if not any(name.endswith("/constants.pkl") for name in names):
        raise ConfigurationError(
            f"{card}: format: {weights} is no TorchScript; pickled weights can run code and stay shut"
        )
    try:
        model: Any = torch.jit.load(str(weights), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise ConfigurationError(f"{card}: weights: {weights} is no TorchScript: {error}") from None
    model.eval()

    def forward(tensor: Any) -> Any:
        return model(tensor)

    return forward


def _transformers(weights: Path, card: Path) -> Callable[[Any], Any]:
    try:
        from components.core.torchvision_ops import mend_torchvision

        mend_torchvision()
        import torch
        from transformers import AutoModelForImageClassification
    except ImportError as error:
        raise ConfigurationError(
            f"{card}: format: transformers is not installed ({error}): pip install kalemint[torch]"
        ) from None
    if not any(weights.glob("*.safetensors")):
        raise ConfigurationError(
            f"{card}: weights: {weights} holds no *.safetensors; other files are refused"
        )
    loader: Any = AutoModelForImageClassification
    try:
        model: Any = loader.from_pretrained(
            weights, local_files_only=True, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        ).eval()
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"{card}: weights: {weights} can't be loaded: {error}") from None

    def forward(tensor: Any) -> Any:
        return model(pixel_values=tensor).logits

    return forward
