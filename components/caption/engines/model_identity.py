"""Which model answered: a name and a digest that do not depend on where its folder lies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from components.caption.engines.params import EngineParams

_WHOLE_BYTES: Final = 100_000_000
_WEIGHTS: Final = (".safetensors", ".safetensors.index.json", ".gguf", ".model")
_CONFIGURATION: Final = (
    "config.", "generation_config.", "processor_config.", "preprocessor_config.", "chat_template.",
    "tokenizer", "special_tokens_map.", "added_tokens.", "vocab.", "merges.", "pytorch_model",
)  # fmt: skip
"""How the names of files begin that decide an answer; logs and cards beside them do not."""


def identity(params: EngineParams, version: str | None, **more: Any) -> dict[str, str | None]:
    """The columns of the struct `captioner` that do not depend on the prompt.

    Args:
        version: of the engine; None where it does not tell.
        more: what else decides an answer (device, dtype), recorded with the sampling parameters.
    """
    folder = Path(params.model)
    local = params.engine != "openai" and folder.is_dir()
    sampling = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "repetition_penalty": params.repetition_penalty,
        "seed": params.seed,
        "max_side": params.max_side,
        **({"chat_template_options": params.chat_template_options} if params.chat_template_options else {}),
        **more,
    }
    return {
        "model": folder.resolve().name if local else params.model,
        "revision": f"sha256:{folder_digest(folder)}" if local else params.revision,
        "engine": params.engine,
        "engine_version": version,
        "sampling": json.dumps(sampling, sort_keys=True),
    }


def folder_digest(folder: Path) -> str:
    """First 32 hex digits of the SHA-256 of a model's configuration, tokenizer and weights.

    Of files from 100 MB on, the size and the safetensors header (names, shapes, offsets) count, or the
    first MiB of another format: reading 100 GB of weights would take longer than captioning a shard.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file() and (path.name.endswith(_WEIGHTS) or path.name.startswith(_CONFIGURATION)):
            size = path.stat().st_size
            digest.update(f"{path.name}\0{size}\0".encode())
            for chunk in _head(path) if size >= _WHOLE_BYTES else _whole(path):
                digest.update(chunk)
    return digest.hexdigest()[:32]


def _whole(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            yield chunk


def _head(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        if path.suffix == ".safetensors":
            length = stream.read(8)
            yield length
            yield stream.read(min(int.from_bytes(length, "little"), 100_000_000))
        else:
            yield stream.read(1 << 20)
