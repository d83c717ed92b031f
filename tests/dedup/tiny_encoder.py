"""A text encoder small enough to write by hand: ONNX in protobuf's wire format, and its tokenizer.

The hidden state of a token is a fixed random vector, so that a text's embedding is its bag of words.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

INT64, FLOAT = 7, 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _value_info(name: str, kind: int, axes: Sequence[str | int]) -> bytes:
    shape = b"".join(_field(1, _field(2, a) if isinstance(a, str) else _field(1, a)) for a in axes)
    tensor = _field(1, kind) + _field(2, shape)
    return _field(1, name) + _field(2, _field(1, tensor))


def onnx_model(weights: np.ndarray, inputs: Sequence[str] = ("input_ids", "attention_mask")) -> bytes:
    """last_hidden_state = weights[input_ids]; weights: shape (words, dimensions), float32."""
    tensor = _field(1, weights.shape[0]) + _field(1, weights.shape[1]) + _field(2, FLOAT)
    tensor += _field(8, "weights") + _field(9, weights.astype("<f4").tobytes())
    node = _field(1, "weights") + _field(1, inputs[0]) + _field(2, "last_hidden_state") + _field(4, "Gather")
    graph = _field(1, node) + _field(2, "tiny") + _field(5, tensor)
    for name in inputs:
        graph += _field(11, _value_info(name, INT64, ["batch", "tokens"]))
    graph += _field(12, _value_info("last_hidden_state", FLOAT, ["batch", "tokens", int(weights.shape[1])]))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))


def write_encoder(folder: Path, words: Sequence[str], dimensions: int = 64) -> Path:
    """A folder with model.onnx and tokenizer.json that knows these words."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = np.random.default_rng(1).standard_normal((len(words) + 1, dimensions)).astype(np.float32)
    (folder / "model.onnx").write_bytes(onnx_model(weights))
    vocabulary = {"[UNK]": 0} | {word: number for number, word in enumerate(words, 1)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder
