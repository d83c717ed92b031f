"""From trained weights to a folder that transformers and vLLM load: safetensors in the Hugging Face
layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from components.distill.model import Student

_HERE: Final = "vision_tower."
_THERE: Final = "vision_tower.vision_model."


def export(
    student: Student, weights: dict[str, torch.Tensor], dtype: torch.dtype, folder: Path, card: str
) -> None:
    """Write the model folder; it replaces one of the same name when it is whole.

    Args:
        student: its configuration and processor are saved.
        weights: by name in `student.model`, on the processor.
        dtype: what weights are saved as.
        folder: where it goes.
        card: the model card, Markdown.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    saved = {name: tensor.to(dtype) for name, tensor in weights.items()}
    student.model.save_pretrained(partial, state_dict=saved)
    rename_vision_keys(partial)
    _state_dtype(partial / "config.json", str(dtype).removeprefix("torch."))
    student.processor.save_pretrained(partial)
    _without_circumstances(partial / "tokenizer_config.json")
    (partial / "README.md").write_text(card)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def rename_vision_keys(folder: Path) -> None:
    """Call the tower's weights as vLLM does: `vision_tower.vision_model.*`.

    transformers 5 saves them without `vision_model` and loads both; vLLM 0.32 knows only the older name.
    """
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            tensors = {_renamed(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            metadata = file.metadata()
        save_file(tensors, path, metadata=metadata)
        path.chmod(0o644)  # safetensors writes for the owner only; what serves the model may be another user
    index = folder / "model.safetensors.index.json"
    if index.exists():
        content: dict[str, Any] = json.loads(index.read_text())
        content["weight_map"] = {_renamed(name): file for name, file in content["weight_map"].items()}
        index.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def _state_dtype(path: Path, dtype: str) -> None:
    """Name the type of the weights in the configuration: transformers writes that of the model in memory."""
    config: dict[str, Any] = json.loads(path.read_text())
    for part in (config, config["text_config"], config["vision_config"]):
        part["dtype"] = dtype
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _without_circumstances(path: Path) -> None:
    """Take out how the tokenizer was loaded, with a hub or without: it says nothing of the training."""
    config: dict[str, Any] = json.loads(path.read_text())
    config.pop("local_files_only", None)
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def _renamed(name: str) -> str:
    if _HERE in name and _THERE not in name:
        return name.replace(_HERE, _THERE, 1)
    return name
