import dataclasses

import numpy as np
import pytest

from components.filter.rules.word_count import WordCountParams, word_count
from tests.filter.samples import judged, text_facts


@pytest.mark.parametrize(
    ("words", "reason"),
    [(0, "too_few_words"), (19, "too_few_words"), (20, None), (100_000, None), (100_001, "too_many_words")],
)
def test_published_bounds_are_inclusive(words: int, reason: str | None) -> None:
    seen = text_facts("Some text.")
    scores = {**seen.documents.scores, "words": np.array([float(words)])}
    seen = dataclasses.replace(seen, documents=dataclasses.replace(seen.documents, scores=scores))
    assert judged(word_count, seen, WordCountParams()) == [reason]


def test_punctuation_is_no_word() -> None:
    assert judged(word_count, text_facts("one ... two !"), WordCountParams(min_words=3)) == ["too_few_words"]


def test_objection_carries_score_and_threshold() -> None:
    objection = next(iter(word_count(text_facts("one two three"), WordCountParams(min_words=5))))
    assert (objection.score.tolist(), objection.threshold) == ([3], 5)


def test_can_be_switched_off() -> None:
    assert judged(word_count, text_facts(""), WordCountParams(min_words=0, max_words=None)) == [None]
