"""Tiny classifiers in ONNX, written in protobuf's wire format: mean colour, one linear layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

METADATA = {"side": 64, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "licence": "CC0-1.0"}
BRIGHTER_RED = [[4.0], [0.0], [-4.0]]
"""Weights (channels, outputs): log-odds rise with red and fall with blue."""


def write(
    path: Path,
    weights: Sequence[Sequence[float]] = BRIGHTER_RED,
    bias: Sequence[float] = (0.0,),
    *,
    metadata: Mapping[str, Any] = METADATA,
    batch: int | str = "n",
    side: int = 64,
    mask: bool = False,
    outputs: str = "logit",
) -> Path:
    """A model: logit = mean colour (after normalization) @ weights + bias; mask = sigmoid(red - blue)."""
    nodes = [
        _node("GlobalAveragePool", ["pixels"], ["pooled"]),
        _node("Flatten", ["pooled"], ["flat"]),
        _node("Gemm", ["flat", "w", "b"], [outputs]),
    ]
    tensors = [_tensor("w", np.array(weights, np.float32)), _tensor("b", np.array(bias, np.float32))]
    ports = [_port(outputs, [batch, len(bias)])]
    if mask:
        kernel = np.array([4.0, 0.0, -4.0], np.float32).reshape(1, 3, 1, 1)
        tensors.append(_tensor("k", kernel))
        nodes += [_node("Conv", ["pixels", "k"], ["conv"]), _node("Sigmoid", ["conv"], ["mask"])]
        ports.append(_port("mask", [batch, 1, side, side]))
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, b"tiny")
    graph += b"".join(_bytes(5, tensor) for tensor in tensors)
    graph += _bytes(11, _port("pixels", [batch, 3, side, side]))
    graph += b"".join(_bytes(12, port) for port in ports)
    model = _number(1, 8) + _bytes(8, _bytes(1, b"") + _number(2, 17)) + _bytes(7, graph)
    for key, value in metadata.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model += _bytes(14, _bytes(1, key.encode()) + _bytes(2, text.encode()))
    path.write_bytes(model)
    return path


def _node(kind: str, inputs: list[str], outputs: list[str]) -> bytes:
    names = b"".join(_bytes(1, name.encode()) for name in inputs)
    return names + b"".join(_bytes(2, name.encode()) for name in outputs) + _bytes(4, kind.encode())


def _tensor(name: str, values: np.ndarray) -> bytes:
    sizes = b"".join(_number(1, size) for size in values.shape)
    return sizes + _number(2, 1) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _port(name: str, shape: list[int | str]) -> bytes:
    sizes = b"".join(
        _bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size.encode())) for size in shape
    )
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, sizes)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
