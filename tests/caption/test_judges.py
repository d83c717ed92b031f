"""Who supports a claim: decided by words, or by a model behind a server that answers by rule."""

import pytest

from components.caption.engines.open import open_engine
from components.caption.judges import Case, Judgement, LexicalJudge, ModelJudge, Unjudged
from components.core.claims import split_claims
from components.core.errors import ConfigurationError
from components.core.prompts import load_prompt
from tests.caption.caption_runs import picture
from tests.caption.rule_server import Answer, Question, Rule, rule_server

DENSE = "A blue square and a yellow square."
ONE = picture(1)


def case(caption: str, dense: str | None = DENSE, alt: str | None = None, page: str | None = None) -> Case:
    return Case(caption, split_claims(caption), dense, alt, page, ONE)


def lexical(*args: str | None) -> list[tuple[str, str]]:
    (found,) = LexicalJudge(0.6).judge([case(*args)])  # type: ignore[arg-type]
    assert not isinstance(found, Unjudged)
    return [(one.source, one.verdict) for one in found]


NOTHING = ("none", "unsupported")
CLASH = ("none", "contradicted")
PIXELS = ("pixels", "supported")
ALT = ("alt_text", "supported")
PAGE = ("page", "supported")


@pytest.mark.parametrize(
    ("caption", "alt", "page", "found"),
    [
        (f"{DENSE[:-1]}, named Dotalwen.", "img of Dotalwen hd", None, [PIXELS, PIXELS, ALT]),
        (f"{DENSE[:-1]}, named Dotalwen.", None, "Dotalwen\nA town.", [PIXELS, PIXELS, PAGE]),
        (f"{DENSE[:-1]}, named Dotalwen.", "Kesluvi", None, [PIXELS, PIXELS, NOTHING]),
        ("A red square and a yellow square.", None, None, [CLASH, PIXELS]),
        ("Three squares, with no yellow square.", None, None, [CLASH, CLASH]),
        ("A purple elephant.", None, None, [NOTHING]),
        ("A purple elephant.", "purple elephants", None, [ALT]),
        ("It was painted in 1912.", "painted 1912", None, [ALT]),
        ("It was painted in 1913.", "painted 1912", None, [NOTHING]),
    ],
)
def test_words_decide(caption: str, alt: str | None, page: str | None, found: list) -> None:
    assert lexical(caption, DENSE, alt, page) == found


def test_without_another_caption_of_the_pixels_words_can_only_check_names() -> None:
    assert lexical(DENSE, DENSE) == [PIXELS, PIXELS]
    text = "A blue square, named Dotalwen."
    assert lexical(text, None, "Dotalwen") == [PIXELS, ALT]
    assert lexical(text, None, None) == [PIXELS, NOTHING]
    assert lexical('A sign that reads "Dotalwen".', None, None) == [PIXELS]
    (found,) = LexicalJudge(0.6).judge([case(DENSE)])
    assert [one.score for one in found] == [None, None]  # type: ignore[union-attr] - believed, not judged


def test_the_lexical_judge_says_that_it_is_one() -> None:
    who = LexicalJudge(0.6).identity()
    assert (who["model"], who["engine"], who["prompt"]) == ("lexical", "lexical", None)
    assert who["sampling"] == '{"min_coverage": 0.6}'


def by_model(
    rule: Rule, *cases: Case, entail: str | None = "judge-entail-v1", claim: str = "judge-claim-v1"
) -> tuple[list[list[Judgement] | Unjudged], list[Question]]:
    with rule_server(rule) as (params, asked):
        engine = open_engine(params)
        judge = ModelJudge(
            engine,
            load_prompt(claim),
            engine if entail else None,
            load_prompt(entail) if entail else None,
            min_probability=0.5,
            min_coverage=0.6,
        )
        found = judge.judge(cases)
        assert judge.identity()["model"] == "rule"
        engine.close()
        return found, asked


def verdicts(found: list[Judgement] | Unjudged) -> list[tuple[str, str]]:
    assert not isinstance(found, Unjudged)
    return [(one.source, one.verdict) for one in found]


def claim_of(question: Question) -> str:
    return question.text.partition("Claim: ")[2].partition("\n")[0]


def test_names_come_from_texts_and_the_rest_is_looked_at() -> None:
    def rule(question: Question) -> Answer:
        assert question.image
        return Answer({"A blue square": "yes", "a red circle": "no"}[claim_of(question)], 0.9)

    caption = "A blue square, a red circle, named Dotalwen."
    (found,), asked = by_model(rule, case(caption, alt="Dotalwen hd"), entail=None)
    assert verdicts(found) == [PIXELS, CLASH, ALT]
    assert [one.score for one in found] == [0.9, 0.9, 1.0]  # type: ignore[union-attr]
    assert len(asked) == 2  # a name that is in the alternative text needs no question


def test_a_hesitant_yes_does_not_count() -> None:
    (found,), _ = by_model(lambda question: Answer("yes", 0.4), case("A dog."), entail=None)
    assert verdicts(found) == [NOTHING]


def test_a_no_of_a_prompt_without_unsure_may_mean_not_seen() -> None:
    cases = [case("A purple elephant."), case("A red square.")]
    found, asked = by_model(lambda question: "no", *cases, entail=None, claim="scenes-judge-claim-v1")
    assert [verdicts(one) for one in found] == [[NOTHING], [CLASH]]  # squares of other colours were seen
    assert {question.choices for question in asked} == {("yes", "no")}


def test_a_clash_with_what_is_seen_is_not_settled_by_a_name() -> None:
    (found,), asked = by_model(lambda question: "no", case("A red square of Dotalwen.", alt="Dotalwen"))
    assert verdicts(found) == [CLASH]
    assert len(asked) == 1


def test_texts_settle_what_the_image_leaves_open() -> None:
    def rule(question: Question) -> str:
        if question.image:
            return "unsure"
        evidence = question.text.partition("Evidence: ")[2].partition("\n")[0]
        return "yes" if ("Wales" in evidence) == ("Welsh" in question.text) else "no"

    caption = "A Welsh castle. It is old."
    (found,), asked = by_model(rule, case(caption, "A castle.", None, "Castles of Wales"))
    assert verdicts(found) == [PAGE, NOTHING]
    texts = [question.text for question in asked if not question.image]
    assert len(texts) == 2
    assert any("Castles of Wales A castle." in text for text in texts)  # what is named has to be seen, too
    (found,), asked = by_model(rule, case("It is old.", "A castle.", None, None))
    assert verdicts(found) == [NOTHING]
    assert all(question.image for question in asked)


def test_without_an_entailment_prompt_words_of_the_texts_count() -> None:
    (found,), asked = by_model(
        lambda question: "unsure", case("An old castle.", DENSE, "old castle"), entail=None
    )
    assert verdicts(found) == [ALT]
    assert len(asked) == 1


def test_a_question_that_is_not_answered_leaves_its_caption_unjudged() -> None:
    def rule(question: Question) -> str | Answer:
        return Answer("broken", status=400) if "dog" in question.text else "yes"

    found, _ = by_model(rule, case("A cat. A dog."), case("A cat."))
    assert isinstance(found[0], Unjudged)
    assert found[0].reason == "engine_refused"
    assert verdicts(found[1]) == [PIXELS]
    found, _ = by_model(lambda question: "well, maybe", case("A cat."))
    assert isinstance(found[0], Unjudged)
    assert found[0].reason == "engine_garbage"


@pytest.mark.parametrize(
    ("claim", "message"), [("dense-v1", "choices"), ("judge-entail-v1", "shows no image")]
)
def test_prompts_that_can_not_judge_are_refused(claim: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        by_model(lambda question: "yes", case("A cat."), claim=claim)
