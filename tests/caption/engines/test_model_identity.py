"""A model is known by its content, wherever its folder lies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.caption.engines import EngineParams
from components.caption.engines import model_identity as module
from components.caption.engines.model_identity import folder_digest, identity


def _model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llava"}')
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\1" * 8)
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").write_text("x")
    (folder / "README.md").write_text("card")
    return folder


def test_the_digest_is_of_the_content_and_not_of_the_place(tmp_path: Path) -> None:
    one, two = _model(tmp_path / "a" / "teacher"), _model(tmp_path / "b" / "teacher")
    params = [EngineParams(engine="vllm", model=str(folder)) for folder in (one, two)]
    assert identity(params[0], "1") == identity(params[1], "1")
    assert identity(params[0], "1")["model"] == "teacher"
    assert str(tmp_path) not in json.dumps(identity(params[0], "1"))


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"]
)
def test_every_file_that_decides_an_answer_counts(tmp_path: Path, name: str) -> None:
    model = _model(tmp_path / "m")
    before = folder_digest(model)
    data = (model / name).read_bytes()
    (model / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert folder_digest(model) != before


def test_cards_and_logs_do_not_count(tmp_path: Path) -> None:
    model = _model(tmp_path / "m")
    before = folder_digest(model)
    (model / "README.md").write_text("another card")
    (model / "training_log.json").write_text("[1, 2]")
    (model / "checkpoints").mkdir()
    assert folder_digest(model) == before


def test_large_weights_count_by_size_and_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WHOLE_BYTES", 50)
    model = _model(tmp_path / "m")
    weights = model / "model.safetensors"
    before, data = folder_digest(model), weights.read_bytes()
    weights.write_bytes(data + b"\1")
    assert folder_digest(model) != before
    weights.write_bytes(data.replace(b"[2]", b"[3]"))
    assert folder_digest(model) != before
    weights.write_bytes(data)
    assert folder_digest(model) == before


def test_every_sampling_parameter_is_recorded(tmp_path: Path) -> None:
    model = str(_model(tmp_path / "m"))
    plain = identity(EngineParams(engine="vllm", model=model), "1")
    for change in (
        {"temperature": 0.7},
        {"top_p": 0.9},
        {"seed": 4},
        {"max_side": 980},
        {"max_side": None},
        {"repetition_penalty": 1.1},
        {"chat_template_options": {"enable_thinking": False}},
    ):
        assert identity(EngineParams(engine="vllm", model=model, **change), "1") != plain  # type: ignore[arg-type]
    assert identity(EngineParams(engine="vllm", model=model), "1", device="cuda") != plain


def test_a_hub_model_keeps_its_name_and_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = identity(EngineParams(engine="vllm", model="Qwen/Qwen3-VL-2B", revision="abc"), "1")
    assert (found["model"], found["revision"]) == ("Qwen/Qwen3-VL-2B", "abc")
