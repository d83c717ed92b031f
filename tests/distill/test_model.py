"""What a student is put together of, and that other programs read it as we do."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("torch", reason="needs the extra `torch`")

import torch
from safetensors import safe_open
from transformers import (
    AutoProcessor,
    LlavaForConditionalGeneration,
    Qwen3Config,
    Qwen3ForCausalLM,
    SiglipConfig,
    SiglipModel,
    SiglipTextConfig,
    SiglipVisionConfig,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from components.core.errors import ConfigurationError
from components.distill.encode import Row, RowEncoder, messages
from components.distill.model import Student, assemble, load, train_tokenizer
from components.distill.rows import from_folder
from components.distill.train import TrainResult, train
from components.distill.train_params import StudentParams, TrainParams
from tests.distill import scenes

pytestmark = pytest.mark.torch

TEXTS = [text for row in scenes.rows(40) for text in (row["user"], row["target"])]
SMALL = scenes.tiny()["student"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A student that has learnt a small task, over its whole way: rows, training, folder."""
    folder = tmp_path_factory.mktemp("trained")
    rows = from_folder(scenes.write(folder / "rows", scenes.rows(256), shards=2))
    rates = {part: {"lr": 1e-2} for part in ("vision", "projector", "language")}
    params = scenes.tiny(steps=150, batch=32, micro_batch=32, checkpoint_steps=200, sample_steps=200, **rates)
    return train(rows, TrainParams.model_validate(params), folder / "out")


def asked() -> list[dict[str, Any]]:
    return scenes.rows(8, seed=77)


def generated(folder: Path, rows: list[dict[str, Any]]) -> tuple[list[list[int]], list[list[int]]]:
    """Prompt tokens and greedy tokens by transformers alone, row by row."""
    from PIL import Image

    processor = AutoProcessor.from_pretrained(folder)
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    prompts, answers = [], []
    for row in rows:
        content: list[dict[str, Any]] = [{"type": "text", "text": row["user"]}]
        if row["image"] is not None:
            content.insert(0, {"type": "image", "image": Image.open(io.BytesIO(row["image"])).convert("RGB")})
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt",
        )  # fmt: skip
        with torch.no_grad():
            made = model.generate(**inputs, max_new_tokens=24)
        length = inputs["input_ids"].shape[1]
        prompts.append(inputs["input_ids"][0].tolist())
        answers.append(made[0, length:].tolist())
    return prompts, answers


def test_the_loss_falls_and_the_folder_answers_in_transformers(trained: TrainResult) -> None:
    assert trained.last_loss < 0.2 * trained.first_loss
    assert sorted(path.name for path in trained.model.iterdir()) == [
        "README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors",
        "processor_config.json", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert (trained.model / "model.safetensors").stat().st_mode & 0o044 == 0o044
    rows = asked()
    prompts, answers = generated(trained.model, rows)
    student = load(trained.model)
    table = pa.Table.from_pylist(rows, schema=scenes.SCHEMA)
    encoded = RowEncoder(student, 128).rows(table)
    for prompt, row in zip(prompts, encoded, strict=True):
        assert isinstance(row, Row)
        assert row.tokens[: row.prompt].tolist() == prompt  # trained on what is asked
    end = student.tokenizer.eos_token_id
    texts = [student.tokenizer.decode(answer[:-1]) for answer in answers]
    assert all(answer[-1] == end for answer in answers)
    assert all(text.startswith("A ") and " named " in text for text in texts)


@pytest.mark.vllm
def test_greedy_captions_are_the_same_in_vllm(trained: TrainResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    vllm = pytest.importorskip("vllm", reason="needs the extra `vllm`", exc_type=ImportError)
    rows = [*asked(), {"image": None, "system": None, "user": "Say Dota.", "target": ""}]
    prompts, answers = generated(trained.model, rows)
    engine = vllm.LLM(
        str(trained.model), dtype="float32", enforce_eager=True, distributed_executor_backend="uni",
        max_model_len=128, limit_mm_per_prompt={"image": 1},
    )  # fmt: skip
    chats = []
    for row in rows:
        content: list[dict[str, Any]] = [{"type": "text", "text": row["user"]}]
        if row["image"] is not None:
            uri = "data:image/png;base64," + base64.b64encode(row["image"]).decode()
            content.insert(0, {"type": "image_url", "image_url": {"url": uri}})
        chats.append([{"role": "user", "content": content}])
    done = engine.chat(chats, vllm.SamplingParams(temperature=0, max_tokens=24))
    assert [list(one.prompt_token_ids) for one in done] == prompts
    assert [list(one.outputs[0].token_ids) for one in done] == answers
    del engine


def test_weights_carry_the_names_that_vllm_knows(trained: TrainResult) -> None:
    with safe_open(trained.model / "model.safetensors", framework="pt") as file:
        names = set(file.keys())
    towers = {name for name in names if "vision_tower" in name}
    assert towers
    assert all("vision_tower.vision_model." in name for name in towers)
    assert not any("lm_head" in name for name in names)  # tied
    config = json.loads((trained.model / "config.json").read_text())
    assert config["architectures"] == ["LlavaForConditionalGeneration"]
    assert (config["vision_feature_layer"], config["vision_feature_select_strategy"]) == (-1, "full")


def test_the_same_seed_gives_the_same_student() -> None:
    params = StudentParams.model_validate(SMALL)
    one, same, other = (assemble(params, TEXTS, seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    tokenizers = [train_tokenizer(TEXTS, 320).backend_tokenizer.to_str() for _ in range(3)]
    assert len(set(tokenizers)) == 1


def test_any_text_can_be_encoded_and_read_back() -> None:
    tokenizer = train_tokenizer(TEXTS, 300)
    for text in ("", "A red square.", "  two\n\nlines\t", "naïve 天文台 🎈", "\x00\x7f"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_student_starts_from_another(trained: TrainResult) -> None:
    started = assemble(StudentParams(start=str(trained.model)), [], 0)
    before = load(trained.model)
    assert _equal(started.model, before.model)
    assert started.tokenizer.chat_template == before.tokenizer.chat_template
    sizes = SMALL["language"]
    tower = assemble(
        StudentParams.model_validate({"vision": str(trained.model), "language": sizes}), TEXTS, 0
    )
    assert _equal(tower.model.model.vision_tower, before.model.model.vision_tower)
    assert not _equal(tower.model.model.language_model, before.model.model.language_model)


def _equal(one: Any, other: Any) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A SigLIP with both its halves and a Qwen3 whose tokenizer knows no image, as hubs hold them."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(5)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    vision = SiglipVisionConfig(image_size=48, patch_size=16, **sizes)
    text = SiglipTextConfig(vocab_size=40, max_position_embeddings=8, **sizes)
    SiglipModel(SiglipConfig(vision_config=vision, text_config=text)).save_pretrained(folder / "siglip")
    SiglipImageProcessorPil(
        size={"height": 48, "width": 48}, image_mean=[0.4] * 3, image_std=[0.3] * 3
    ).save_pretrained(folder / "siglip")
    tokenizer = train_tokenizer(TEXTS, 300)
    plain = json.loads(tokenizer.backend_tokenizer.to_str().replace("<image>", "<other>"))
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(plain)), eos_token="<|im_end|>"
    ).save_pretrained(folder / "qwen3")
    config = Qwen3Config(
        vocab_size=300, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
        head_dim=16, intermediate_size=48, max_position_embeddings=128, tie_word_embeddings=False,
    )  # fmt: skip
    Qwen3ForCausalLM(config).save_pretrained(folder / "qwen3")
    return folder / "siglip", folder / "qwen3"


@pytest.mark.parametrize("side", [None, 80, 32])
def test_pretrained_parts_at_another_resolution(
    checkpoints: tuple[Path, Path], side: int | None, tmp_path: Path
) -> None:
    siglip, qwen = (str(path) for path in checkpoints)
    params = TrainParams.model_validate(
        scenes.tiny(steps=3, student={"vision": siglip, "language": qwen, "image_size": side})
    )
    student: Student = assemble(params.student, [], 0)
    patches = (side or 48) // 16
    assert (student.image_size, student.image_tokens) == (side or 48, patches**2)
    assert list(student.processor.image_processor.image_mean) == [0.4] * 3
    image = student.model.config.image_token_id
    assert image >= 300
    assert student.model.get_input_embeddings().num_embeddings % 64 == 0
    whole = SiglipModel.from_pretrained(siglip).vision_model
    ours = student.model.model.vision_tower
    assert torch.equal(ours.encoder.layers[1].mlp.fc1.weight, whole.encoder.layers[1].mlp.fc1.weight)
    old, new = whole.embeddings.position_embedding.weight, ours.embeddings.position_embedding.weight
    if side is None:
        assert torch.equal(old, new)
    else:
        assert new.shape == (patches**2, 32)
        assert float((new.mean(0) - old.mean(0)).detach().abs().max()) < 0.5 * float(old.detach().std())
    rows = from_folder(scenes.write(tmp_path / "rows", scenes.rows(32)))
    made = train(rows, params, tmp_path / "out")
    prompts, answers = generated(made.model, asked()[:2])
    assert all(prompt.count(image) == patches**2 for prompt in prompts)
    assert all(answers)


def test_messages_put_the_image_before_the_text() -> None:
    (system, user) = messages("Be brief.", "What is it?", image=True)
    assert system["content"] == [{"type": "text", "text": "Be brief."}]
    assert [part["type"] for part in user["content"]] == ["image", "text"]


@pytest.mark.parametrize(
    ("student", "sentence"),
    [
        ({**SMALL, "vision": "/no/such/folder"}, "'/no/such/folder' is no folder"),
        ({**SMALL, "language": "/no/such/folder"}, "'/no/such/folder' is no folder"),
        ({"start": "/no/such/folder"}, "'/no/such/folder' is no folder"),
    ],
)
def test_what_can_not_be_loaded_is_named(student: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        assemble(StudentParams.model_validate(student), TEXTS, 0)


def test_a_tower_of_another_kind_is_refused(checkpoints: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigurationError, match=r"is a qwen3: student\.vision takes SigLIP"):
        assemble(StudentParams.model_validate({**SMALL, "vision": str(checkpoints[1])}), TEXTS, 0)
