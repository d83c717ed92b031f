"""Text embeddings by a model in ONNX form, on one thread of the processor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.core.store import Stores, as_uri
from components.dedup.unit_vectors import I16, quantised

_CHARACTERS_A_TOKEN: Final = 16


class TextEncoder:
    """Mean of a model's last hidden states over the tokens of a text, as a unit vector.

    Args:
        folder: path or URI of a folder with `model.onnx` and `tokenizer.json`, as sentence-transformers
            exports them.
        stores: opens them.
        max_tokens: what is beyond is cut off.
        batch: texts that the model sees at a time.

    Raises:
        ConfigurationError: where a file or a package is missing, or is not what it should be.
    """

    def __init__(self, folder: str, stores: Stores, max_tokens: int, batch: int) -> None:
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ConfigurationError(
                f"dedup.semantic.model needs onnxruntime and tokenizers ({error}): install both"
            ) from None
        self._batch, self._characters = batch, max_tokens * _CHARACTERS_A_TOKEN
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        base = as_uri(folder).rstrip("/")
        try:
            model, tokens = stores.read(f"{base}/model.onnx"), stores.read(f"{base}/tokenizer.json")
            providers = ["CPUExecutionProvider"]
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=providers)
            self._tokenizer: Any = Tokenizer.from_str(tokens.decode())
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"dedup.semantic.model: {folder} lacks model.onnx or tokenizer.json ({error})"
            ) from None
        except Exception as error:  # noqa: BLE001 - both libraries raise classes of their own
            raise ConfigurationError(f"dedup.semantic.model: {folder} can't be loaded: {error}") from None
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding(length=None)
        self._inputs = {given.name for given in self._session.get_inputs()}
        shapes = [output.shape for output in self._session.get_outputs()]
        if not self._inputs <= {"input_ids", "attention_mask", "token_type_ids"} or len(shapes[0]) != 3:
            raise ConfigurationError(
                f"dedup.semantic.model: {folder} takes {sorted(self._inputs)} and gives shape {shapes[0]}; a "
                "text encoder takes input_ids and attention_mask and gives (batch, tokens, dimensions)."
            )

    def encode(self, texts: Sequence[str]) -> I16:
        """The unit vectors of texts, shape (n, dimensions), times `unit_vectors.SCALE`.

        Texts of like length share a batch, so that little is padding.
        """
        order = sorted(range(len(texts)), key=lambda number: (len(texts[number]), number))
        vectors: dict[int, npt.NDArray[np.float32]] = {}
        for start in range(0, len(order), self._batch):
            numbers = order[start : start + self._batch]
            means = self._means([texts[number][: self._characters] for number in numbers])
            vectors |= dict(zip(numbers, means, strict=True))
        return quantised(np.array([vectors[number] for number in range(len(texts))]))

    def _means(self, texts: list[str]) -> npt.NDArray[np.float32]:
        encoded = self._tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in encoded], np.int64)
        feed = {
            "input_ids": np.array([one.ids for one in encoded], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        states = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        weights = mask[:, :, None].astype(np.float32)
        means: npt.NDArray[np.float32] = (states * weights).sum(1) / np.maximum(weights.sum(1), 1)
        return means
