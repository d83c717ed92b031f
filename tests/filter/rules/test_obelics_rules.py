from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from components.filter.obelics import document_scores, item_scores, load_lexicon
from components.filter.reasons import FilterReason
from components.filter.rules.base import Documents, Objection, Parts, Removal, TextFacts
from components.filter.rules.obelics_documents import ObelicsDocumentsParams, obelics_documents
from components.filter.rules.obelics_paragraphs import ObelicsParagraphsParams, obelics_paragraphs
from tests.filter.samples import ENGLISH, GERMAN
from tests.filter.test_obelics import texts

PARAGRAPHS = ObelicsParagraphsParams(
    min_paragraph_words=4,
    max_paragraph_words=1000,
    max_paragraph_character_repetition=0.1,
    max_paragraph_word_repetition=0.1,
    max_paragraph_special_characters=0.3,
    min_paragraph_stop_words=0.3,
    max_paragraph_flagged_words=0.01,
    min_paragraph_punctuation=0.001,
    min_paragraph_common_words=0.8,
    max_paragraph_spam_words=0.12,
)
DOCUMENTS = ObelicsDocumentsParams(
    max_character_repetition=0.1,
    max_word_repetition=0.2,
    max_special_characters=0.275,
    min_stop_words_share=0.35,
    max_flagged_words=0.01,
    min_punctuation=0.03,
    min_common_words=0.9,
)


def facts(*documents: list[str], language: str = "en") -> TextFacts:
    seen = texts(*documents)
    columns: dict[str, Any] = item_scores(seen, [language] * len(documents), load_lexicon())
    items = Parts(seen.row, seen.item, len(documents), columns, np.ones(len(seen.row), np.bool_))
    column = np.array([language] * len(documents), dtype=object)
    about = Documents(column, column, column, np.ones(len(documents)), document_scores(seen))
    return TextFacts(about, items, items)


def removed(
    text: str, params: ObelicsParagraphsParams = PARAGRAPHS, language: str = "en"
) -> set[FilterReason]:
    found = list(obelics_paragraphs(facts([text], language=language), params))
    assert all(one.what == "items" and one.wrong.dtype == np.bool_ for one in found)
    return {one.reason for one in found if one.wrong[0]}


def objected(
    *items: str, params: ObelicsDocumentsParams = DOCUMENTS, language: str = "en"
) -> set[FilterReason]:
    found = list(obelics_documents(facts(list(items), language=language), params))
    assert all(one.wrong.dtype == np.bool_ for one in found)
    return {one.reason for one in found if one.wrong[0]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("See also these", FilterReason.PARAGRAPH_LENGTH),
        ("and so on it was, " * 300, FilterReason.PARAGRAPH_LENGTH),
        ("It was that way. " + "and it was - " * 8, FilterReason.PARAGRAPH_CHARACTER_REPETITION),
        ("we are not the one of those " * 3, FilterReason.PARAGRAPH_WORD_REPETITION),
        ("the 1,200 of 3,400 and 5,600 of the 7,800", FilterReason.PARAGRAPH_SPECIAL_CHARACTERS),
        ("New garden furniture, large selection, free delivery", FilterReason.PARAGRAPH_STOP_WORDS),
        ("This is the porn that they were looking for.", FilterReason.PARAGRAPH_FLAGGED_WORDS),
        ("the cat and the dog were in the house with all of us", FilterReason.PARAGRAPH_PUNCTUATION),
        ("The xqzt was in the wqrd and the brzk.", FilterReason.PARAGRAPH_COMMON_WORDS),
        ("Log in to share this on Facebook or Twitter.", FilterReason.PARAGRAPH_SPAM_WORDS),
    ],
)
def test_paragraphs_that_are_taken_out(text: str, reason: FilterReason) -> None:
    assert reason in removed(text)
    assert reason not in removed(ENGLISH)
    assert removed(text, ObelicsParagraphsParams()) == set()


def test_paragraphs_that_stay() -> None:
    assert removed(ENGLISH) == set()
    assert removed("This is the shortest one") == set()
    # eleven words: punctuation is asked for from twelve tokens on
    assert removed("the cat and the dog were in the house with us") == set()


def test_a_bound_is_still_allowed() -> None:
    # 10 words, one of them a spam word: 0.1 < 0.12; one of 8 is 0.125
    assert FilterReason.PARAGRAPH_SPAM_WORDS not in removed("We did like it, and so did all the others.")
    assert FilterReason.PARAGRAPH_SPAM_WORDS in removed("We did like it, and so did others.")
    text = "a b c d e a b c d e"  # 6 5-grams, 2 of them the same
    bound = ObelicsParagraphsParams(max_paragraph_word_repetition=1 / 3)
    assert removed(text, bound) == set()
    assert removed(text, ObelicsParagraphsParams(max_paragraph_word_repetition=0.33)) == {
        FilterReason.PARAGRAPH_WORD_REPETITION
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It was that way. " + "and it was - " * 8, FilterReason.CHARACTER_REPETITION),
        ("we are not the one of those " * 3, FilterReason.WORD_REPETITION),
        ("the 1,200 of 3,400 and 5,600 of the 7,800", FilterReason.SPECIAL_CHARACTERS),
        ("New garden furniture, large selection, free delivery", FilterReason.TOO_FEW_STOP_WORDS),
        ("This is the porn that they were looking for.", FilterReason.FLAGGED_WORDS),
        ("the cat and the dog were in the house with all of us", FilterReason.PUNCTUATION),
        ("The xqzt was in the wqrd and the brzk.", FilterReason.COMMON_WORDS),
    ],
)
def test_documents_that_are_dropped(text: str, reason: FilterReason) -> None:
    assert reason in objected(text)
    assert objected(text, params=ObelicsDocumentsParams()) == set()


def test_documents_that_stay() -> None:
    assert objected(ENGLISH) == set()
    assert objected(ENGLISH, "", "And that is how it is.") == set()


def test_languages_without_lists_are_not_judged_by_them() -> None:
    assert removed(GERMAN, language="de") == set()
    assert objected(GERMAN, language="de") == set()
    assert FilterReason.COMMON_WORDS in objected(GERMAN, language="en")


def test_shares_are_those_of_what_is_left() -> None:
    seen = facts([ENGLISH, "porn " * 10], [])
    rules: Iterator[Objection] = obelics_documents(seen, ObelicsDocumentsParams(max_flagged_words=0.01))
    (before,) = rules
    assert before.wrong.tolist() == [True, False]
    seen.items.left[1] = False
    (after,) = obelics_documents(seen, ObelicsDocumentsParams(max_flagged_words=0.01))
    assert after.wrong.tolist() == [False, False]


def test_blank_lines_between_items_are_special_characters() -> None:
    params = ObelicsDocumentsParams(max_special_characters=0.0)
    (found,) = obelics_documents(facts(["ab", "cd", "ef"]), params)
    assert found.score is not None
    assert found.score.tolist() == [4 / 10]


def test_every_removal_names_its_reason_once() -> None:
    reasons = [finding.reason for finding in obelics_paragraphs(facts([ENGLISH]), PARAGRAPHS)]
    assert sorted(set(reasons)) == sorted(set(reasons))
    assert all(isinstance(finding, Removal) for finding in obelics_paragraphs(facts([ENGLISH]), PARAGRAPHS))
