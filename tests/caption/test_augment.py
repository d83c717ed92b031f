"""Merging captions with alternative texts, through the runner. The server answers by rule."""

from pathlib import Path

import pyarrow as pa
import pytest

from components.caption.augment import AugmentStage
from components.caption.engines.params import EngineParams
from components.caption.stage_params import AugmentParams
from components.core.prompts import load_prompt
from tests.caption.caption_runs import Ran, alignment, caption, image_id, pair, picture, ran, rows
from tests.caption.rule_server import Answer, Question, Rule, rule_server

ONE, TWO, THREE, FOUR = (picture(seed) for seed in range(4))
DENSE = "A blue square and a yellow square."
FUSED = "A blue square and a yellow square, named Dotalwen."


def augmented(
    folder: Path, rule: Rule, captions: pa.Table, pairs: pa.Table, alignments: pa.Table, **params
) -> Ran:
    with rule_server(rule) as (fuser, _):
        return ran(
            folder,
            AugmentStage(AugmentParams(fuser=fuser, **params)),
            captions=captions,
            pairs=pairs,
            alignments=alignments,
        )


def merged(folder: Path, answer: str | Answer, alt: str = "img of Dotalwen hd", **params) -> Ran:
    """One caption whose alternative text fits."""
    return augmented(
        folder,
        lambda question: answer,
        rows("captions/1", caption(ONE, DENSE)),
        rows("pairs/1", pair(ONE, alt)),
        rows("alignments/1", alignment(ONE, 0.9)),
        **params,
    )


def test_a_fitting_alternative_text_is_merged(tmp_path: Path) -> None:
    asked: list[Question] = []

    def rule(question: Question) -> str:
        asked.append(question)
        return f"New Sentence: {FUSED}"

    found = augmented(
        tmp_path,
        rule,
        rows("captions/1", caption(ONE, DENSE, tokens_in=9)),
        rows("pairs/1", pair(ONE, "img of Dotalwen hd")),
        rows("alignments/1", alignment(ONE, 0.9)),
        max_tokens=99,
    )
    row = found.row(ONE)
    assert (row["kind"], row["text"], row["dense"]) == ("fused", FUSED, DENSE)
    assert (row["alt"], row["words"], row["captioner"]["model"]) == ("img of Dotalwen hd", 9, "given")
    assert (row["fuser"]["model"], row["fuser"]["prompt"]) == ("rule", "fuse-v1")
    (question,) = asked
    assert question.text == load_prompt("fuse-v1").render(alt_text="img of Dotalwen hd", dense_caption=DENSE)
    assert (question.image, question.max_tokens, row["tokens_in"]) == (None, 99, len(question.text.split()))
    assert found.ledger == []
    assert found.counters["fused"] == 1


def test_the_gate_keeps_the_dense_caption_and_says_why(tmp_path: Path) -> None:
    images = (ONE, TWO, THREE, FOUR)
    found = augmented(
        tmp_path,
        lambda question: Answer("nobody may be asked", status=500),
        rows("captions/1", *(caption(image, DENSE) for image in images)),
        rows("pairs/1", pair(ONE), pair(TWO, "A purple cross"), pair(THREE, "Dotalwen"), pair(FOUR, "a cat")),
        rows("alignments/1", alignment(ONE, None), alignment(TWO, 0.1), alignment(FOUR, 0.049, "encoder")),
    )
    assert [(row["kind"], row["text"], row["alt"], row["fuser"]) for row in found.rows] == 4 * [
        ("dense", DENSE, None, None)
    ]
    assert found.reasons("changed") == {
        image_id(ONE): "no_alt_text",
        image_id(TWO): "alt_text_unrelated",
        image_id(THREE): "alignment_unknown",
        image_id(FOUR): "alt_text_unrelated",
    }
    (line,) = [line for line in found.ledger if line["record_id"] == image_id(TWO)]
    assert (line["score"], line["threshold"], line["detail"]) == (pytest.approx(0.1), 0.5, "A purple cross")
    assert found.counters["dense"] == 4


def test_artefacts_go_sentence_by_sentence(tmp_path: Path) -> None:
    found = merged(tmp_path, f"{FUSED} It keeps the sentence structure of Sentence 2.")
    assert found.row(ONE)["text"] == FUSED
    assert found.row(ONE)["words"] == 9
    (line,) = found.lines(ONE)
    assert line[:2] == ("changed", "artefact_sentence")
    assert "It keeps the sentence structure of Sentence 2." in (line[2] or "")
    assert found.counters["artefact_sentences"] == 1


def test_a_phrase_of_the_alternative_text_stays(tmp_path: Path) -> None:
    text = "Two squares of Dotalwen in a real-world scene."
    found = merged(tmp_path, text, alt="Dotalwen, real-world scene")
    assert (found.row(ONE)["text"], found.ledger) == (text, [])


def test_nothing_but_artefacts_leaves_the_dense_caption(tmp_path: Path) -> None:
    found = merged(tmp_path, "Sentence 1 has real-world information.")
    assert (found.row(ONE)["kind"], found.row(ONE)["text"], found.row(ONE)["alt"]) == ("dense", DENSE, None)
    assert [line[1] for line in found.lines(ONE)] == ["artefact_sentence", "only_artefacts"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty_output"),
        ("I'm sorry, I cannot help with that.", "refused_by_model"),
        ("a dog a dog a dog a dog a dog a dog a dog", "looping_output"),
        (Answer("Two squares named", finish="length"), "cut_off_output"),
    ],
)
def test_a_degenerate_merge_leaves_the_dense_caption(
    tmp_path: Path, answer: str | Answer, reason: str
) -> None:
    found = merged(tmp_path, answer)
    assert (found.row(ONE)["kind"], found.row(ONE)["text"]) == ("dense", DENSE)
    assert found.reasons("changed") == {image_id(ONE): reason}


def test_a_question_that_is_not_answered_fails_its_record(tmp_path: Path) -> None:
    found = augmented(
        tmp_path,
        lambda question: Answer("no", status=400) if "Kesluvi" in question.text else FUSED,
        rows("captions/1", caption(ONE, DENSE), caption(TWO, DENSE)),
        rows("pairs/1", pair(ONE, "Kesluvi"), pair(TWO, "Dotalwen")),
        rows("alignments/1", alignment(ONE, 1.0), alignment(TWO, 1.0)),
    )
    assert found.reasons("failed") == {image_id(ONE): "engine_refused"}
    assert [row["id"] for row in found.rows] == [image_id(TWO)]


def test_one_pass_captions_are_cleaned_and_not_merged(tmp_path: Path) -> None:
    given = [
        caption(ONE, f"{FUSED} The notes below say so.", "one_pass", alt="Dotalwen"),
        caption(TWO, "The alt text is real-world.", "one_pass"),
    ]
    found = augmented(
        tmp_path,
        lambda question: Answer("nobody may be asked", status=500),
        rows("captions/1", *given),
        rows("pairs/1", pair(ONE, "Dotalwen"), pair(TWO, "a dog")),
        rows("alignments/1", alignment(ONE, 1.0), alignment(TWO, 1.0)),
    )
    assert (found.row(ONE)["text"], found.row(ONE)["kind"], found.row(ONE)["words"]) == (FUSED, "one_pass", 9)
    assert found.reasons("dropped") == {image_id(TWO): "only_artefacts"}


def test_the_teacher_merges_where_there_is_no_fuser() -> None:
    teacher, fuser = EngineParams(model="teacher"), EngineParams(model="fuser")
    assert AugmentParams(teacher=teacher).fuser == teacher
    both = AugmentParams(teacher=teacher, fuser=fuser)
    assert both.fuser == fuser
    assert both == AugmentParams(teacher=EngineParams(model="another"), fuser=fuser)
    assert AugmentParams.model_validate(both.model_dump()) == both


@pytest.mark.torch
def test_a_real_model_goes_through(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
    pytest.importorskip("transformers", reason="transformers is not installed: see the extra `torch`")
    from tests.caption.tiny_llava import tiny_llava

    engine = EngineParams(engine="transformers", model=str(tiny_llava()), device="cpu")
    found = ran(
        tmp_path,
        AugmentStage(AugmentParams(teacher=engine, prompt="scenes-fuse-v1", max_tokens=12)),
        captions=rows("captions/1", caption(ONE, DENSE), caption(TWO, DENSE)),
        pairs=rows("pairs/1", pair(ONE, "Dotalwen"), pair(TWO, "Kesluvi")),
        alignments=rows("alignments/1", alignment(ONE, 1.0), alignment(TWO, 1.0)),
    )
    assert len(found.rows) == 2  # whatever random weights say, no caption is lost
    assert found.counters["tokens_out"] > 0
    for row in found.rows:
        assert (row["kind"] == "fused") == (row["id"] not in found.reasons("changed"))
        assert row["kind"] == "fused" or row["text"] == DENSE
