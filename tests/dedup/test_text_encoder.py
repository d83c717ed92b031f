from pathlib import Path

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.core.store import Stores
from components.dedup.text_encoder import TextEncoder
from components.dedup.unit_vectors import SCALE
from tests.dedup.tiny_encoder import onnx_model, write_encoder

WORDS = ["red", "green", "blue", "stone", "river"]


def encoder(folder: Path, max_tokens: int = 16, batch: int = 2) -> TextEncoder:
    return TextEncoder(str(write_encoder(folder, WORDS)), Stores(), max_tokens, batch)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(float), b.astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_a_text_is_the_mean_of_its_tokens(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).standard_normal((6, 64)).astype(np.float32)
    wanted = (2 * weights[1] + weights[5]) / 3
    (found,) = encoder(tmp_path).encode(["red river red"])
    assert np.abs(found - wanted / np.linalg.norm(wanted) * SCALE).max() <= 0.51


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_batches_and_padding_do_not_matter(tmp_path: Path, batch: int) -> None:
    texts = ["red", "green blue stone river", "river", "blue blue red", "stone " * 9]
    alone = np.concatenate([encoder(tmp_path).encode([text]) for text in texts])
    assert np.abs(encoder(tmp_path, batch=batch).encode(texts) - alone).max() <= 1


def test_long_texts_are_cut(tmp_path: Path) -> None:
    short, long = encoder(tmp_path, max_tokens=8).encode(["red " * 8, "red " * 8 + "blue " * 5000])
    assert cosine(short, long) > 0.999


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="lacks model"):
        TextEncoder(str(tmp_path), Stores(), 8, 2)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    write_encoder(tmp_path, WORDS)
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ConfigurationError, match="can't be loaded"):
        TextEncoder(str(tmp_path), Stores(), 8, 2)


def test_a_model_with_other_inputs_is_refused(tmp_path: Path) -> None:
    write_encoder(tmp_path, WORDS)
    (tmp_path / "model.onnx").write_bytes(onnx_model(np.ones((6, 4), np.float32), ["pixel_values"]))
    with pytest.raises(ConfigurationError, match=r"takes \['pixel_values'\]"):
        TextEncoder(str(tmp_path), Stores(), 8, 2)
