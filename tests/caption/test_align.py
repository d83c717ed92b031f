"""Alternative texts scored against images: by rules, by a teacher, by a dual encoder."""

from pathlib import Path

import pyarrow as pa
import pytest

from components.caption.align import AlignStage, gate
from components.caption.reasons import CaptionReason
from components.caption.stage_params import AlignParams, MinAlignment
from components.core.errors import ConfigurationError
from tests.caption.caption_runs import image_rows, pair, picture, ran, rows
from tests.caption.rule_server import Answer, Question, pixels_of, rule_server

ONE, TWO, THREE, FOUR = (picture(seed) for seed in range(4))


def test_rules_score_the_text_alone_and_say_so(tmp_path: Path) -> None:
    texts = ["A blue square of Dotalwen", "dog", "Free shipping over $20", "IMG_2034.jpg", None]
    images = [picture(seed) for seed in range(len(texts))]
    stage = AlignStage(AlignParams())
    assert stage.max_processes is None
    found = ran(
        tmp_path,
        stage,
        pairs=rows("pairs/1", *(pair(image, text) for image, text in zip(images, texts, strict=True))),
        images=image_rows(*images),
    )
    assert [found.row(image)["score"] for image in images] == [1.0, 0.5, 0.0, 0.0, None]
    assert {row["method"] for row in found.rows} == {"lexical"}
    assert found.counters == {"scored_by_lexical": 4, "without_alt_text": 1}
    assert found.ledger == []


A_HAT = "a red hat"


def test_a_teacher_is_asked_about_image_and_text(tmp_path: Path) -> None:
    def rule(question: Question) -> Answer:
        if "broken" in question.text:
            return Answer("the endpoint's model is at fault", status=400)
        return Answer("yes", 0.75) if question.image == pixels_of(ONE) else Answer("no", 0.9)

    with rule_server(rule) as (teacher, asked):
        stage = AlignStage(AlignParams(judge=True, teacher=teacher))
        assert stage.max_processes == 1
        found = ran(
            tmp_path,
            stage,
            pairs=rows("pairs/1", pair(ONE, A_HAT), pair(TWO, A_HAT), pair(THREE, "broken"), pair(FOUR)),
            images=image_rows(ONE, TWO, THREE, FOUR),
        )
    assert found.row(ONE)["score"] == pytest.approx(0.75)
    assert found.row(TWO)["score"] == pytest.approx(0.1)
    assert found.row(FOUR)["score"] is None
    assert {row["method"] for row in found.rows} == {"judge"}
    assert [(line["action"], line["reason"]) for line in found.ledger] == [("failed", "engine_refused")]
    guided = [question for question in asked if question.choices]
    assert {question.choices for question in guided} == {("yes", "no")}
    assert {question.image for question in guided} == {pixels_of(image) for image in (ONE, TWO, THREE)}
    assert all(A_HAT in question.text for question in guided if question.image != pixels_of(THREE))


def test_an_image_that_is_not_there_fails_its_pair_only(tmp_path: Path) -> None:
    with rule_server(lambda question: Answer("yes", 0.9)) as (teacher, _):
        found = ran(
            tmp_path,
            AlignStage(AlignParams(method="judge", teacher=teacher)),
            pairs=rows("pairs/1", pair(ONE, "a hat"), pair(TWO, "a cat")),
            images=image_rows(TWO),
        )
    assert found.reasons("failed") == {pair(ONE)["id"]: "image_missing"}
    assert [row["id"] for row in found.rows] == [pair(TWO)["id"]]


@pytest.mark.parametrize(
    ("params", "method"),
    [({}, "lexical"), ({"judge": True}, "judge"), ({"model": "m", "judge": True}, "encoder"),
     ({"method": "lexical", "model": "m"}, "lexical")],
)  # fmt: skip
def test_auto_takes_the_best_that_is_given(params: dict[str, object], method: str) -> None:
    chosen = AlignParams(**params)  # type: ignore[arg-type]
    assert chosen.chosen == method
    assert (chosen.teacher is not None) == (method == "judge")  # else another teacher would score again
    assert AlignParams.model_validate(chosen.model_dump()) == chosen


def test_wrong_parameters_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="method encoder needs `model`"):
        AlignParams(method="encoder")
    with rule_server(lambda question: "yes") as (teacher, _):
        stage = AlignStage(AlignParams(judge=True, prompt="dense-v1", teacher=teacher))
        with pytest.raises(ConfigurationError, match='dense-v1 must offer the choices "yes" and "no"'):
            ran(tmp_path, stage, pairs=rows("pairs/1", pair(ONE, "a hat")), images=image_rows(ONE))


@pytest.mark.parametrize(
    ("alt", "found", "reason"),
    [
        (None, None, CaptionReason.NO_ALT_TEXT),
        ("a hat", None, CaptionReason.ALIGNMENT_UNKNOWN),
        ("a hat", {"score": 0.6, "method": "judge"}, None),
        ("a hat", {"score": 0.59, "method": "judge"}, CaptionReason.ALT_TEXT_UNRELATED),
        ("a hat", {"score": 0.1, "method": "encoder"}, None),
        ("a hat", {"score": 0.04, "method": "encoder"}, CaptionReason.ALT_TEXT_UNRELATED),
    ],
)
def test_the_gate_has_a_threshold_for_each_method(alt, found, reason) -> None:
    gated = gate(alt, found, MinAlignment(judge=0.6))
    assert gated.reason == reason
    assert gated.alt == (alt if reason is None else None)
    if reason == CaptionReason.ALT_TEXT_UNRELATED:
        assert (gated.score, gated.threshold) == (found["score"], MinAlignment(judge=0.6).of(found["method"]))


@pytest.mark.torch
def test_a_dual_encoder_compares_image_and_text(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
    pytest.importorskip("transformers", reason="transformers is not installed: see the extra `torch`")
    from tests.filter.test_similarity_model import by_hand, siglip

    model = tmp_path / "siglip"
    siglip(model)
    texts = {ONE: "a monkey drawn among stars", TWO: "penguins on the ice", THREE: "penguins on the ice"}
    broken = {
        "id": "0" * 64,
        "bytes": b"\x89PNG\r\n\x1a\ncut",
        "size": 11,
        "format": "png",
        "width": 9,
        "height": 9,
    }
    found = ran(
        tmp_path / "run",
        AlignStage(AlignParams(model=str(model), batch=2)),
        pairs=rows(
            "pairs/1", *(pair(*each) for each in texts.items()), {**pair(FOUR, "a hat"), "id": "0" * 64}
        ),
        images=pa.concat_tables([image_rows(*texts), rows("images/1", broken)]),
    )
    for image, text in texts.items():
        (cosine,) = by_hand(model, image, [text])
        assert found.row(image)["score"] == pytest.approx(cosine, abs=2e-4)
    assert found.row(TWO)["score"] != found.row(THREE)["score"]  # the same text, other pixels
    assert {row["method"] for row in found.rows} == {"encoder"}
    assert found.reasons("failed") == {"0" * 64: "image_undecodable"}
