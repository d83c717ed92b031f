"""Classifiers of pictures in ONNX, run by onnxruntime on one thread of a processor.

A file of this project carries its card (how to feed it) in its own metadata, under `CARD`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.classifier_card import ClassifierCard, explain
from components.deepfake.sample import Floats, Pixels

CARD: Final = "kalemint.card"
"""Key of the metadata (`metadata_props`) under which a file carries its OnnxCard, as JSON."""
_BATCH: Final = 16
"""Pictures at a time: some 50 MB of activations of a small backbone."""


class OnnxCard(ClassifierCard):
    """A card that names the ports of the graph, too."""

    input: str = Field(default="input", description="name of the graph's input, (n, 3, side, side)")
    logit: str = Field(default="logit", description="name of the output that `output` describes")
    mask: str | None = Field(
        default=None,
        description="name of the output (n, 1, h, w) with logits of a map of what is forged; null: none",
    )


class OnnxClassifier:
    """A model that is ready to run. `open_onnx` gives one, and the same one for the same file."""

    def __init__(self, path: Path, card: OnnxCard | None = None) -> None:
        """Load a model.

        Args:
            path: the file.
            card: None where the file carries one in its metadata.

        Raises:
            ConfigurationError: naming file and field, where anything is not as it must be.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors: warnings on the exporter's initializers say nothing to users
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # noqa: BLE001 (onnxruntime has no base class of its own)
            raise ConfigurationError(f"{path} is no ONNX model that can be run: {error}") from None
        self.path = path
        self.card = card or self._own_card()
        self._one_by_one = self._check()

    def _own_card(self) -> OnnxCard:
        values: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        if CARD not in values:
            raise ConfigurationError(
                f"{self.path}: metadata has no {CARD}: how to feed the model is not known"
            )
        try:
            return OnnxCard.model_validate_json(values[CARD])
        except ValidationError as error:
            raise explain(self.path, error, CARD) from None

    def _check(self) -> bool:
        """Compare graph and card. Returns whether the graph takes one picture at a time."""
        inputs = {port.name: port for port in self._session.get_inputs()}
        outputs = {port.name for port in self._session.get_outputs()}
        if list(inputs) != [self.card.input]:
            raise ConfigurationError(
                f"{self.path}: input: {self.card.input!r}, but the graph has {list(inputs)}"
            )
        for field in ("logit", "mask"):
            name = getattr(self.card, field)
            if name is not None and name not in outputs:
                raise ConfigurationError(f"{self.path}: {field}: no output {name!r} but {sorted(outputs)}")
        port = inputs[self.card.input]
        side = self.card.side
        fits = len(port.shape) == 4 and port.shape[1] == 3
        if not fits or any(isinstance(size, int) and size != side for size in port.shape[2:]):
            raise ConfigurationError(
                f"{self.path}: side: {side} does not fit the input's shape {port.shape}; "
                f"(n, 3, {side}, {side}) is needed"
            )
        if port.type != "tensor(float)":
            raise ConfigurationError(f"{self.path}: input: {port.type}; 32-bit floats are needed")
        if isinstance(port.shape[0], int) and port.shape[0] != 1:
            raise ConfigurationError(f"{self.path}: input: a fixed batch of {port.shape[0]}; export with any")
        return isinstance(port.shape[0], int)

    def judge(self, images: Sequence[Pixels]) -> tuple[npt.NDArray[np.float64], Floats | None]:
        """Log-odds of forged, (n,), and the map of what is forged, (n, h, w) from 0 to 1, if there is one.

        Args:
            images: RGB, of any sizes.
        """
        wanted = [self.card.logit, *([self.card.mask] if self.card.mask else [])]
        step = 1 if self._one_by_one else _BATCH
        odds, maps = [], []
        for start in range(0, len(images), step):
            given = self.card.tensor(images[start : start + step])
            found = self._session.run(wanted, {self.card.input: given})
            if len(found[0]) != len(given):
                raise ConfigurationError(
                    f"{self.path}: logit: {len(found[0])} rows for {len(given)} pictures"
                )
            odds.append(self.card.log_odds(found[0], str(self.path)))
            if self.card.mask:
                maps.append(1 / (1 + np.exp(-np.clip(found[1][:, 0].astype(np.float32), -30, 30))))
        if not odds:
            return np.zeros(0), None
        return np.concatenate(odds), np.concatenate(maps) if maps else None


def open_onnx(path: Path) -> OnnxClassifier:
    """The model of a file that carries its card; loaded once a process as long as the file is the same."""
    status = path.stat()
    return _opened(path.resolve(), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=16)
def _opened(path: Path, changed: int, size: int) -> OnnxClassifier:
    return OnnxClassifier(path)


def add_metadata(model: bytes, values: Mapping[str, str]) -> bytes:
    """An ONNX model with entries of metadata added, such as {CARD: card.model_dump_json()}.

    In protobuf, fields of a message may come in any order, so that field 14 of ModelProto,
    `metadata_props`, can be appended to its bytes; no package for ONNX is needed.
    """
    for key, value in values.items():
        entry = _field(1, key.encode()) + _field(2, value.encode())
        model += _field(14, entry)
    return model


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field in protobuf's wire format."""
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = []
    while True:
        value, low = value >> 7, value & 0x7F
        parts.append(low | (0x80 if value else 0))
        if not value:
            return bytes(parts)
