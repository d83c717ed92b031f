"""Classifiers of pictures in ONNX, run by onnxruntime on one thread of a processor.

A file of this project says in its own metadata (`metadata_props`) how it is fed: a property for each field
of ClassifierCard, `mean`, `std`, `side` and other values that are no text as JSON. Others are left alone.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.classifier_card import ClassifierCard, explain
from components.deepfake.sample import Floats, Pixels

_LOGIT: Final = "logit"
_MASK: Final = "mask"
_NEEDED: Final = ("side", "mean", "std", "licence")
"""Properties without which a file is refused: no silent default for how a model is fed."""
_TEXTS: Final = ("colour", "output", "licence", "citation", "trained_on")
_BATCH: Final = 16
"""Pictures at a time: some 50 MB of activations of a small backbone."""


class OnnxClassifier:
    """A model that is ready to run. `open_onnx` gives one, and the same one for the same file.

    Its graph has one input, (n, 3, side, side), and either one output or one named `logit`; an output `mask`,
    (n, 1, h, w) from 0 to 1, is a map of what is forged.

    Attributes:
        card: how it is fed.
        has_mask: whether it gives that map.
    """

    def __init__(self, path: Path, card: ClassifierCard | None = None) -> None:
        """Load a model.

        Args:
            path: the file.
            card: None where the file says it in its metadata.

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
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors have no base class of their own
            raise ConfigurationError(f"{path} is no ONNX model that can be run: {error}") from None
        self.path = path
        self.card = card or self._own_card()
        outputs = [port.name for port in self._session.get_outputs()]
        if _LOGIT not in outputs and len(outputs) > 1:
            raise ConfigurationError(f"{path}: outputs: none of {outputs} is named {_LOGIT!r}")
        self._score = _LOGIT if _LOGIT in outputs else outputs[0]
        self.has_mask = _MASK in outputs
        self._input, self._one_by_one = self._checked_input()

    def _own_card(self) -> ClassifierCard:
        given: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        for field in _NEEDED:
            if field not in given:
                raise ConfigurationError(f"{self.path}: metadata: {field} is missing")
        values: dict[str, Any] = {}
        for field in ClassifierCard.model_fields:
            if field not in given:
                continue
            try:
                values[field] = given[field] if field in _TEXTS else json.loads(given[field])
            except ValueError:
                raise ConfigurationError(f"{self.path}: metadata: {field}: no JSON") from None
        try:
            return ClassifierCard.model_validate(values)
        except ValidationError as error:
            raise explain(self.path, error, "metadata") from None

    def _checked_input(self) -> tuple[str, bool]:
        """The input's name, and whether the graph takes one picture at a time."""
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ConfigurationError(f"{self.path}: inputs: {[port.name for port in inputs]}; one is needed")
        (port,) = inputs
        side = self.card.side
        fits = len(port.shape) == 4 and (port.shape[1] == 3 or not isinstance(port.shape[1], int))
        if not fits or any(isinstance(size, int) and size != side for size in port.shape[2:]):
            raise ConfigurationError(
                f"{self.path}: side: {side} does not fit the input's shape {port.shape}; "
                f"(n, 3, {side}, {side}) is needed"
            )
        if port.type != "tensor(float)":
            raise ConfigurationError(f"{self.path}: input: {port.type}; 32-bit floats are needed")
        if isinstance(port.shape[0], int) and port.shape[0] != 1:
            raise ConfigurationError(f"{self.path}: input: a fixed batch of {port.shape[0]}; export with any")
        return port.name, isinstance(port.shape[0], int)

    def judge(self, images: Sequence[Pixels]) -> tuple[npt.NDArray[np.float64], Floats | None]:
        """Log-odds of forged, (n,), and the map of what is forged, (n, h, w) from 0 to 1, if there is one.

        Args:
            images: RGB, of any sizes.
        """
        wanted = [self._score, *([_MASK] if self.has_mask else [])]
        step = 1 if self._one_by_one else _BATCH
        odds, maps = [], []
        for start in range(0, len(images), step):
            given = self.card.tensor(images[start : start + step])
            found = self._session.run(wanted, {self._input: given})
            if len(found[0]) != len(given):
                raise ConfigurationError(
                    f"{self.path}: logit: {len(found[0])} rows for {len(given)} pictures"
                )
            odds.append(self.card.log_odds(found[0], str(self.path)))
            if self.has_mask:
                maps.append(self._map(found[1], len(given)))
        if not odds:
            return np.zeros(0), None
        return np.concatenate(odds), np.concatenate(maps) if maps else None

    def _map(self, found: Floats, rows: int) -> Floats:
        if found.ndim != 4 or found.shape[:2] != (rows, 1):
            raise ConfigurationError(
                f"{self.path}: mask: shape {found.shape}; ({rows}, 1, height, width) is needed"
            )
        if found.min() < -1e-3 or found.max() > 1 + 1e-3:
            raise ConfigurationError(f"{self.path}: mask: numbers outside 0 to 1")
        return np.clip(found[:, 0], 0, 1).astype(np.float32)


def open_onnx(path: Path) -> OnnxClassifier:
    """The model of a file that carries its card; loaded once a process as long as the file is the same."""
    status = path.stat()
    return _opened(path.resolve(), status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=16)
def _opened(path: Path, changed: int, size: int) -> OnnxClassifier:
    return OnnxClassifier(path)
