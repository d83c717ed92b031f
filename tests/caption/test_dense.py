"""Dense captions through the runner: a server that answers by rule, and a real model of small size."""

from pathlib import Path

import pytest

from components.caption.dense import DenseStage
from components.caption.engines.params import EngineParams
from components.caption.stage_params import DenseParams
from components.core.errors import ConfigurationError
from components.core.plan import StepPlan
from components.core.prompts import load_prompt
from components.core.runner import request_retry
from components.core.store import open_store
from tests.caption.caption_runs import Ran, alignment, image_id, image_rows, pair, picture, ran, rows
from tests.caption.rule_server import Answer, Question, Rule, pixels_of, rule_server

ONE, TWO, THREE, FOUR = (picture(seed) for seed in range(4))
NO_ALIGNMENTS = rows("alignments/1")


def captioned(
    folder: Path, rule: Rule, pairs: list[dict], images: list[bytes], alignments=None, **params
) -> Ran:
    with rule_server(rule) as (teacher, _):
        return ran(
            folder,
            DenseStage(DenseParams(teacher=teacher, **params)),
            pairs=rows("pairs/1", *pairs),
            images=image_rows(*images),
            alignments=NO_ALIGNMENTS if alignments is None else alignments,
        )


def test_captions_and_what_they_were_made_with(tmp_path: Path) -> None:
    texts = {
        pixels_of(ONE): "**A blue square** and a dog.",
        pixels_of(TWO): "Caption: A red circle on grass.",
    }
    seen: list[Question] = []

    def rule(question: Question) -> str:
        seen.append(question)
        return texts[question.image or ""]

    found = captioned(tmp_path, rule, [pair(ONE, "Rex"), pair(TWO)], [ONE, TWO], max_tokens=77)
    row = found.row(ONE)
    assert (row["kind"], row["text"], row["dense"], row["alt"]) == (
        "dense",
        *2 * ["A blue square and a dog."],
        None,
    )
    assert (row["url"], row["words"], row["claims"], row["fuser"]) == (pair(ONE)["url"], 6, None, None)
    assert found.row(TWO)["text"] == "A red circle on grass."
    prompt = load_prompt("dense-v1")
    assert row["captioner"]["model"] == "rule"
    assert row["captioner"]["prompt"] == "dense-v1"
    assert row["captioner"]["prompt_digest"] == prompt.digest[:16]
    assert row["captioner"]["engine_version"]
    assert {(question.text, question.max_tokens) for question in seen} == {(prompt.user, 77)}
    tokens_in = 2 * len(prompt.user.split())
    assert found.counters == {"images": 2, "tokens_in": tokens_in, "tokens_out": 6 + 6, "words": 6 + 5}
    assert found.ledger == []


def test_degenerate_answers_are_dropped_and_lost_ones_failed(tmp_path: Path) -> None:
    texts = {
        pixels_of(ONE): "I'm sorry, I cannot describe this.",
        pixels_of(TWO): Answer("A dog on a", finish="length"),
        pixels_of(THREE): Answer("broken", status=400),
        pixels_of(FOUR): "A cat on a mat.",
    }
    gone = picture(9)
    found = captioned(
        tmp_path,
        lambda question: texts[question.image or ""],
        [pair(image) for image in (ONE, TWO, THREE, FOUR, gone)],
        [ONE, TWO, THREE, FOUR],
    )
    assert found.reasons("dropped") == {image_id(ONE): "refused_by_model", image_id(TWO): "cut_off_output"}
    assert found.reasons("failed") == {image_id(THREE): "engine_refused", image_id(gone): "image_missing"}
    assert [row["text"] for row in found.rows] == ["A cat on a mat."]
    assert {line["record_kind"] for line in found.ledger} == {"image"}


def test_a_broken_image_fails(tmp_path: Path) -> None:
    head = {"id": "0" * 64, "size": 11, "format": "png", "width": 9, "height": 9}
    broken = rows("images/1", {**head, "bytes": b"\x89PNG\r\n\x1a\ncut"})
    with rule_server(lambda question: "A cat on a mat.") as (teacher, _):
        found = ran(
            tmp_path,
            DenseStage(DenseParams(teacher=teacher)),
            pairs=rows("pairs/1", {**pair(ONE), "id": "0" * 64}),
            images=broken,
            alignments=NO_ALIGNMENTS,
        )
    assert found.reasons("failed") == {"0" * 64: "image_undecodable"}
    assert found.rows == []


def test_one_caption_for_everything_is_dropped_but_near_duplicates_count_once(tmp_path: Path) -> None:
    images = [picture(seed) for seed in range(6)]
    pairs = [pair(image) for image in images]
    pairs[1]["group"] = pairs[0]["group"]
    found = captioned(tmp_path, lambda question: "A grey image.", pairs, images, max_same_caption=3)
    assert found.rows == []
    lines = [(line["reason"], line["score"], line["threshold"]) for line in found.ledger]
    assert lines == [("same_caption", 5, 3)] * 6
    few = captioned(tmp_path / "few", lambda question: "A grey image.", pairs, images, max_same_caption=5)
    assert len(few.rows) == 6
    off = captioned(tmp_path / "off", lambda question: "A grey image.", pairs, images, max_same_caption=0)
    assert len(off.rows) == 6


def test_one_pass_shows_texts_that_fit_and_the_page(tmp_path: Path) -> None:
    told = {"title": "Castles", "before": "It was built", "after": "in 1287."}
    asked: dict[str, str] = {}

    def rule(question: Question) -> str:
        asked[question.image or ""] = question.text
        return f"A castle, number {len(asked)}."

    found = captioned(
        tmp_path,
        rule,
        [pair(ONE, "Dotalwen", **told), pair(TWO, "Buy now"), pair(THREE), pair(FOUR, "unscored")],
        [ONE, TWO, THREE, FOUR],
        rows("alignments/1", alignment(ONE, 0.9), alignment(TWO, 0.2), alignment(THREE, None)),
        mode="one_pass",
    )
    row = found.row(ONE)
    assert (row["kind"], row["alt"], row["dense"]) == ("one_pass", "Dotalwen", None)
    assert row["captioner"]["prompt"] == "one-pass-v1"
    for told_text in ("Alt text: Dotalwen", "Page title: Castles", "It was built … in 1287."):
        assert told_text in asked[pixels_of(ONE)]
    assert "Buy now" not in asked[pixels_of(TWO)]
    assert found.row(TWO)["alt"] is None
    assert found.reasons("changed") == {
        image_id(TWO): "alt_text_unrelated",
        image_id(FOUR): "alignment_unknown",
    }
    (line,) = [line for line in found.ledger if line["record_id"] == image_id(TWO)]
    assert (line["score"], line["threshold"]) == (pytest.approx(0.2), 0.5)


def test_a_prompt_without_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="fuse-v1 shows no image"):
        captioned(tmp_path, lambda question: "", [pair(ONE)], [ONE], prompt="fuse-v1")


def test_no_model_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="set `model`"):
        ran(
            tmp_path,
            DenseStage(DenseParams()),
            pairs=rows("pairs/1", pair(ONE)),
            images=image_rows(ONE),
            alignments=NO_ALIGNMENTS,
        )


@pytest.mark.torch
def test_a_real_model_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
    pytest.importorskip("transformers", reason="transformers is not installed: see the extra `torch`")
    from tests.caption.tiny_llava import tiny_llava

    teacher = EngineParams(engine="transformers", model=str(tiny_llava()), device="cpu")
    output = {"min_words": 0, "max_loops": 1000, "max_loop_share": 1.0}  # random weights mean nothing
    digests = []
    for name in ("one", "two"):
        found = ran(
            tmp_path / name,
            DenseStage(DenseParams(teacher=teacher, max_tokens=12, output=output)),  # type: ignore[arg-type]
            pairs=rows("pairs/1", *(pair(image) for image in (ONE, TWO, THREE))),
            images=image_rows(ONE, TWO, THREE),
            alignments=NO_ALIGNMENTS,
        )
        decided = [line["reason"] for line in found.ledger]
        assert len(found.rows) + len(decided) == 3
        assert set(decided) <= {"cut_off_output", "empty_output"}
        assert found.counters["tokens_out"] > 0
        assert found.counters["tokens_in"] > 3 * 16  # a picture is 16 tokens
        digests.append([shard.sha256 for shard in [*found.manifest.shards, *found.manifest.ledger]])
    assert digests[0] == digests[1]


@pytest.mark.vllm
def test_vllm_in_the_runners_process_says_what_transformers_says(tmp_path: Path) -> None:
    pytest.importorskip("vllm", reason="vllm is not installed: see the extra `vllm`")
    from tests.caption.tiny_llava import tiny_llava

    output = {"min_words": 0, "max_loops": 1000, "max_loop_share": 1.0}
    said = []
    for name in ("transformers", "vllm"):
        teacher = EngineParams(engine=name, model=str(tiny_llava()), device="cpu", dtype="float32")  # type: ignore[arg-type]
        found = ran(
            tmp_path / name,
            DenseStage(DenseParams(teacher=teacher, max_tokens=8, output=output)),  # type: ignore[arg-type]
            pairs=rows("pairs/1", *(pair(image) for image in (ONE, TWO, THREE))),
            images=image_rows(ONE, TWO, THREE),
            alignments=NO_ALIGNMENTS,
        )
        texts = {row["id"]: row["text"] for row in found.rows}
        said.append((texts, [(line["record_id"], line["reason"], line["detail"]) for line in found.ledger]))
    assert said[0] == said[1]


def test_a_retry_asks_for_the_failed_record_alone(tmp_path: Path) -> None:
    broken = {pixels_of(TWO)}
    asked: list[str | None] = []

    def rule(question: Question) -> Answer:
        asked.append(question.image)
        return Answer("busy", status=503) if question.image in broken else Answer("A cat on a mat.")

    with rule_server(rule) as (teacher, _):
        stage = DenseStage(DenseParams(teacher=teacher))
        inputs = {
            "pairs": rows("pairs/1", pair(ONE), pair(TWO)),
            "images": image_rows(ONE, TWO),
            "alignments": NO_ALIGNMENTS,
        }
        found = ran(tmp_path, stage, **inputs)
        assert found.reasons("failed") == {image_id(TWO): "engine_unavailable"}
        broken.clear()
        asked.clear()
        (unit,) = StepPlan(stage, found.inputs).units
        request_retry(open_store(tmp_path.as_uri()), "dense", {unit.fingerprint: [image_id(TWO)]})
        again = ran(tmp_path, stage, **inputs)
    assert asked == [pixels_of(TWO)]
    assert [row["id"] for row in again.rows] == [image_id(ONE), image_id(TWO)]
    assert again.ledger == []
