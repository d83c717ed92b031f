import pytest

from components.filter.reasons import FilterReason
from components.filter.rules.word_count import WordCountParams, word_count
from tests.filter.samples import document_facts


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (0, FilterReason.TOO_FEW_WORDS),
        (19, FilterReason.TOO_FEW_WORDS),
        (20, None),
        (100_000, None),
        (100_001, FilterReason.TOO_MANY_WORDS),
    ],
)
def test_published_bounds_are_inclusive(words: int, reason: FilterReason | None) -> None:
    verdict = word_count(document_facts(words=words), WordCountParams())
    assert (verdict.reason if verdict else None) == reason


def test_verdict_carries_score_and_threshold() -> None:
    verdict = word_count(document_facts(words=3), WordCountParams(min_words=5))
    assert verdict is not None
    assert (verdict.score, verdict.threshold) == (3, 5)


def test_an_image_by_itself_is_no_interleaved_document() -> None:
    verdict = word_count(document_facts("image", words=0), WordCountParams())
    assert verdict is not None
    assert verdict.reason == "too_few_words"
    assert word_count(document_facts("image", words=0), WordCountParams(min_words=0)) is None
