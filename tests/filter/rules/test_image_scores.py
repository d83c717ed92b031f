"""The rules on one stored score each, and the one on images without any."""

import pytest
from pydantic import ValidationError

from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules import STORED_IMAGE_RULES
from components.filter.rules.base import ImageFacts, Verdict
from components.filter.rules.image_broken import image_broken
from components.filter.rules.image_frequency import image_frequency
from components.filter.rules.image_nsfw import image_nsfw
from components.filter.rules.image_sharpness import image_sharpness
from components.filter.rules.image_similarity import image_similarity
from components.filter.rules.image_text_density import image_text_density

RULES = {
    "nsfw": (image_nsfw, "max_nsfw", FilterReason.IMAGE_NSFW),
    "sharpness": (image_sharpness, "min_sharpness", FilterReason.IMAGE_BLURRED),
    "text_density": (image_text_density, "max_text_density", FilterReason.IMAGE_TEXT),
    "similarity": (image_similarity, "min_similarity", FilterReason.IMAGE_UNRELATED),
    "documents": (image_frequency, "max_image_documents", FilterReason.IMAGE_FREQUENT),
}


def facts(**scores: float) -> ImageFacts:
    return ImageFacts("html", None, 640, 480, has_bytes=True, scores=scores)


@pytest.mark.parametrize(
    ("score", "limit", "passes", "fails"),
    [
        ("nsfw", 0.8, 0.8, 0.8001),
        ("sharpness", 100, 100, 99.99),
        ("text_density", 0.05, 0.05, 0.0501),
        ("similarity", 0.15, 0.15, 0.1499),
        ("documents", 10, 10, 11),
    ],
)
def test_the_limit_itself_passes(score: str, limit: float, passes: float, fails: float) -> None:
    rule, name, reason = RULES[score]
    params = DecideParams(**{name: limit})
    assert rule(facts(**{score: passes}), params) is None
    verdict = rule(facts(**{score: fails}), params)
    assert verdict is not None
    assert (verdict.reason, verdict.score, verdict.threshold) == (reason, fails, limit)


@pytest.mark.parametrize("score", RULES)
def test_an_image_without_the_score_passes_and_none_turns_a_rule_off(score: str) -> None:
    rule, name, _ = RULES[score]
    assert rule(facts(), DecideParams(**{name: 1})) is None
    for value in (-1.0, 1.0, 1e9):
        assert rule(facts(**{score: value}), DecideParams(**{name: None})) is None


def test_what_is_judged_by_default_is_what_mint_judged() -> None:
    params = DecideParams()
    assert (params.max_nsfw, params.nsfw_scope, params.max_image_documents) == (0.8, "document", 10)
    assert (params.min_sharpness, params.max_text_density, params.min_similarity) == (None, None, None)
    bad = facts(nsfw=0.1, sharpness=1.0, text_density=1.0, similarity=-1.0, documents=1.0)
    assert [rule(bad, params) for rule in STORED_IMAGE_RULES] == [None] * len(STORED_IMAGE_RULES)


def test_nsfw_is_asked_first_so_that_nothing_hides_it() -> None:
    worst = ImageFacts("html", "https://x/logo.png", 1, 1, True, {"nsfw": 0.99, "sharpness": 0.0})
    first = next(v for rule in STORED_IMAGE_RULES if (v := rule(worst, DecideParams())))
    assert (first.reason, first.scope) == (FilterReason.IMAGE_NSFW, "document")


@pytest.mark.parametrize("scope", ["image", "document"])
def test_scope_of_nsfw(scope: str) -> None:
    verdict = image_nsfw(facts(nsfw=0.9), DecideParams(nsfw_scope=scope))  # type: ignore[arg-type]
    assert verdict is not None
    assert verdict.scope == scope


@pytest.mark.parametrize("scope", ["image", "document"])
@pytest.mark.parametrize(
    ("has_bytes", "scores", "reason"),
    [
        (False, {}, FilterReason.IMAGE_MISSING),
        (True, {"documents": 1.0}, FilterReason.IMAGE_UNDECODABLE),
        (True, {"documents": 1.0, "sharpness": 0.0}, None),
        (None, {}, None),
    ],
)
def test_broken_images(scope: str, has_bytes, scores, reason) -> None:
    image = ImageFacts("html", "https://x/a.jpg", None, None, has_bytes, scores)
    params = DecideParams(missing_images=scope, undecodable_images=scope)  # type: ignore[arg-type]
    assert image_broken(image, params) == (Verdict(reason, scope=scope) if reason else None)  # type: ignore[arg-type]
    assert image_broken(image, DecideParams(missing_images="keep", undecodable_images="keep")) is None


def test_by_default_images_need_not_be_fetched_but_those_that_are_must_be_whole() -> None:
    missing = ImageFacts("html", "https://x/a.jpg", None, None, False)
    assert image_broken(missing, DecideParams()) is None
    verdict = image_broken(ImageFacts("html", None, 640, 480, True), DecideParams())
    assert verdict == Verdict(FilterReason.IMAGE_UNDECODABLE, scope="image")


@pytest.mark.parametrize("values", [{"max_nsfw": 1.1}, {"min_similarity": -2}, {"max_image_documents": 0}])
def test_limits_that_no_score_can_have_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        DecideParams(**values)  # type: ignore[arg-type]
