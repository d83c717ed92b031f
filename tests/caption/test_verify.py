"""The truth layer through the runner: by words, by a server that answers by rule, by a real small model."""

from pathlib import Path

import pytest

from components.caption.engines.params import EngineParams
from components.caption.stage_params import VerifyParams
from components.caption.verify import VerifyStage
from tests.caption.caption_runs import Ran, caption, image_id, image_rows, pair, picture, ran, rows
from tests.caption.rule_server import Answer, Question, Rule, pixels_of, rule_server

ONE, TWO, THREE = (picture(seed) for seed in range(3))
DENSE = "A blue square and a yellow square."
FUSED = "A blue square and a yellow square, named Dotalwen."
LEXICAL = VerifyParams(judge="lexical")


def fused(image: bytes, text: str, alt: str | None = "Dotalwen hd", dense: str | None = DENSE) -> dict:
    return caption(image, text, "fused", dense=dense, alt=alt)


def verified(folder: Path, params: VerifyParams, *captions: dict, pairs: list[dict] | None = None) -> Ran:
    images = (ONE, TWO, THREE)
    return ran(
        folder,
        VerifyStage(params),
        captions=rows("captions/1", *captions),
        pairs=rows("pairs/1", *(pairs or map(pair, images))),
        images=image_rows(*images),
    )


def by_rule(folder: Path, rule: Rule, *captions: dict, **params) -> Ran:
    with rule_server(rule) as (teacher, _):
        return verified(folder, VerifyParams(teacher=teacher, **params), *captions)


def claims(row: dict) -> list[tuple[str, str, str, bool]]:
    return [(one["text"], one["source"], one["verdict"], one["removed"]) for one in row["claims"]]


def test_every_claim_is_attributed_and_what_nothing_supports_goes(tmp_path: Path) -> None:
    text = "A red square and a yellow square, named Dotalwen. A purple elephant."
    found = verified(tmp_path, LEXICAL, fused(ONE, text))
    row = found.row(ONE)
    assert row["text"] == "A yellow square, named Dotalwen."
    assert (row["words"], row["kind"], row["dense"], row["alt"]) == (5, "fused", DENSE, "Dotalwen hd")
    assert claims(row) == [
        ("A red square", "none", "contradicted", True),
        ("a yellow square", "pixels", "supported", False),
        ("named Dotalwen", "alt_text", "supported", False),
        ("A purple elephant", "none", "unsupported", True),
    ]
    assert row["judge"]["engine"] == "lexical"
    assert found.lines(ONE) == [
        ("changed", "contradicted_claim", "A red square"),
        ("changed", "unsupported_claim", "A purple elephant"),
    ]
    assert found.counters == {
        "claims": 4, "claims_pixels": 1, "claims_alt_text": 1, "claims_page": 0, "claims_unsupported": 1,
        "claims_contradicted": 1, "claims_removed": 2, "claims_judged_lexically": 4,
        "claims_believed_unjudged": 0, "captions_with_removals": 1, "captions_fallen_back": 0,
    }  # fmt: skip


def test_flagged_claims_stay(tmp_path: Path) -> None:
    params = VerifyParams(judge="lexical", policy="flag")
    found = verified(tmp_path, params, fused(ONE, FUSED, alt="Kesluvi"))
    assert found.row(ONE)["text"] == FUSED
    assert claims(found.row(ONE))[2] == ("named Dotalwen", "none", "unsupported", False)
    assert found.ledger == []
    assert (found.counters["claims_unsupported"], found.counters["claims_removed"]) == (1, 0)


def test_what_can_not_stand_alone_goes_along(tmp_path: Path) -> None:
    found = verified(tmp_path, LEXICAL, fused(ONE, "A circle, named Dotalwen. A yellow square."))
    assert found.row(ONE)["text"] == "A yellow square."
    assert claims(found.row(ONE))[1] == ("named Dotalwen", "alt_text", "supported", True)
    assert [line[1] for line in found.lines(ONE)] == ["unsupported_claim", "orphaned_claim"]
    assert found.counters["claims_removed"] == 2


def test_the_page_is_evidence_but_an_alternative_text_that_did_not_fit_is_none(tmp_path: Path) -> None:
    pairs = [pair(ONE, "Dotalwen", title="Squares of Kesluvi"), pair(TWO), pair(THREE)]
    text = "A blue square, named Dotalwen, in Kesluvi."
    found = verified(tmp_path, LEXICAL, fused(ONE, text, alt=None), pairs=pairs)
    assert found.row(ONE)["text"] == "A blue square, in Kesluvi."
    assert [one["source"] for one in found.row(ONE)["claims"]] == ["pixels", "none", "page"]


def test_nothing_left_falls_back_to_the_dense_caption_or_is_dropped(tmp_path: Path) -> None:
    wrong = "A purple elephant."
    found = verified(
        tmp_path,
        LEXICAL,
        fused(ONE, wrong),
        fused(TWO, "A sail, in Kesluvi.", alt=None, dense=None),
        caption(THREE, DENSE),
    )
    row = found.row(ONE)
    assert (row["kind"], row["text"], row["words"]) == ("dense", DENSE, 7)
    assert claims(row) == [
        ("A purple elephant", "none", "unsupported", True),
        ("A blue square", "pixels", "supported", False),
        ("a yellow square", "pixels", "supported", False),
    ]
    assert [line[1] for line in found.lines(ONE)] == ["unsupported_claim", "nothing_supported"]
    assert found.row(TWO)["text"] == "A sail."
    assert [row["id"] for row in found.rows] == [image_id(image) for image in (ONE, TWO, THREE)]
    assert found.counters["captions_fallen_back"] == 1


def test_a_model_looks_at_the_image(tmp_path: Path) -> None:
    seen = {pixels_of(ONE): {"A blue square", "a yellow square"}, pixels_of(TWO): {"A blue square"}}

    def rule(question: Question) -> Answer:
        claim = question.text.partition("Claim: ")[2].partition("\n")[0]
        return Answer("yes" if claim in seen.get(question.image or "", ()) else "no", 0.9)

    found = by_rule(
        tmp_path, rule, fused(ONE, FUSED), fused(TWO, FUSED), fused(THREE, FUSED), entail_prompt=None
    )
    assert [found.row(image)["text"] for image in (ONE, TWO)] == [FUSED, "A blue square, named Dotalwen."]
    # nothing that can be seen is left of the third, nor of its dense caption
    assert found.reasons("dropped") == {image_id(THREE): "nothing_supported"}
    row = found.row(ONE)
    assert [one["score"] for one in row["claims"]] == [pytest.approx(0.9), pytest.approx(0.9), 1.0]
    assert (row["judge"]["model"], row["judge"]["prompt"]) == ("rule", "judge-claim-v1")
    assert "claims_judged_lexically" not in found.counters


def test_an_unanswered_question_fails_its_caption_only(tmp_path: Path) -> None:
    def rule(question: Question) -> str | Answer:
        return Answer("broken", status=400) if question.image == pixels_of(TWO) else "yes"

    found = by_rule(tmp_path, rule, fused(ONE, FUSED), fused(TWO, FUSED), caption(picture(9), "A cat."))
    assert found.reasons("failed") == {image_id(TWO): "engine_refused", image_id(picture(9)): "image_missing"}
    assert [row["id"] for row in found.rows] == [image_id(ONE)]


def test_a_lexical_judge_needs_no_model_and_takes_every_processor() -> None:
    assert VerifyStage(LEXICAL).max_processes is None
    assert VerifyStage(VerifyParams(teacher=EngineParams(model="m"))).max_processes == 1
    engine = EngineParams(model="m")
    assert VerifyParams(judge="lexical", teacher=engine) == LEXICAL  # another teacher changes nothing
    assert VerifyParams(teacher=engine).fuser == engine
    assert VerifyParams(teacher=engine, entail_prompt=None).fuser is None
    for params in (LEXICAL, VerifyParams(teacher=engine)):
        assert VerifyParams.model_validate(params.model_dump()) == params


@pytest.mark.torch
def test_a_real_model_judges_the_same_way_twice(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
    pytest.importorskip("transformers", reason="transformers is not installed: see the extra `torch`")
    from tests.caption.tiny_llava import tiny_llava

    engine = EngineParams(engine="transformers", model=str(tiny_llava()), device="cpu")
    params = VerifyParams(teacher=engine, min_probability=0, policy="flag")
    digests = []
    for name in ("one", "two"):
        found = verified(tmp_path / name, params, fused(ONE, FUSED), fused(TWO, "A cat sits. A dog, in red."))
        assert [row["text"] for row in found.rows] == [FUSED, "A cat sits. A dog, in red."]
        scores = [one["score"] for row in found.rows for one in row["claims"] if one["source"] == "pixels"]
        assert all(0 < score <= 1 for score in scores)
        assert found.row(ONE)["judge"]["engine"] == "transformers"
        assert found.row(ONE)["judge"]["prompt"] == "judge-claim-v1+judge-entail-v1"
        digests.append([shard.sha256 for shard in found.manifest.shards])
    assert digests[0] == digests[1]
