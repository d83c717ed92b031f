import dataclasses

import numpy as np
import pytest

from components.filter.rules.gopher_quality import GopherQualityParams, gopher_quality
from tests.filter.samples import CHINESE, ENGLISH, GERMAN, judged, text_facts


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ENGLISH, None),
        ("a b c d of it I to be and", "word_length"),
        ("Donaudampfschifffahrtsgesellschaft the and", "word_length"),
        ("the rock # band # and # hash # of signs", "too_many_symbols"),
        ("the start... and of it... more", "too_many_symbols"),
        ("\n".join(["- the first and second item"] * 10), "bullet_lines"),
        ("\n".join([f"{ENGLISH}..."] * 2), "ellipsis_lines"),
        ("the and 12 34 56 78 90 of 11 12", "too_few_alphabetic_words"),
        ("colourless green ideas sleep furiously", "too_few_stop_words"),
        (CHINESE, None),
    ],
)
def test_published_bounds(value: str, reason: str | None) -> None:
    params = GopherQualityParams()
    if reason == "too_few_alphabetic_words":
        params = GopherQualityParams(min_mean_word_length=None)
    assert judged(gopher_quality, text_facts(value), params) == [reason]


@pytest.mark.parametrize(("language", "reason"), [("de", None), ("en", "too_few_stop_words")])
def test_stop_words_are_asked_of_english_texts_only(language: str, reason: str | None) -> None:
    seen = text_facts(GERMAN)
    documents = dataclasses.replace(seen.documents, language=np.array([language], object))
    assert judged(gopher_quality, dataclasses.replace(seen, documents=documents), GopherQualityParams()) == [
        reason
    ]


@pytest.mark.parametrize(("counted", "reason"), [(False, None), (True, "too_few_alphabetic_words")])
def test_punctuation_is_no_word_unless_asked_for(counted: bool, reason: str | None) -> None:
    quoted = '"We won," he said, "and, of course, that is good." "Is it?" they asked; "yes," he told them.'
    params = GopherQualityParams(count_punctuation=counted)
    assert judged(gopher_quality, text_facts(quoted), params) == [reason]


def test_can_be_switched_off() -> None:
    bounds = set(GopherQualityParams.model_fields) - {"count_punctuation"}
    params = GopherQualityParams(**dict.fromkeys(bounds))
    assert judged(gopher_quality, text_facts("# # 1 2 ...", ""), params) == [None, None]
