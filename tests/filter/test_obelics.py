from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.filter.obelics import document_scores, item_scores, load_lexicon
from components.filter.texts import Texts, string_buffers
from components.filter.word_lists import package_sections
from tests.filter.samples import ENGLISH, GERMAN

LISTS = {
    kind: set(package_sections(name)[f"{kind}/en"])
    for kind, name in (
        ("stop", "stop_words.txt"),
        ("flagged", "flagged_words.txt"),
        ("common", "common_words.txt"),
        ("spam", "spam_words.txt"),
    )
}


def texts(*documents: list[str]) -> Texts:
    lengths = [len(items) for items in documents]
    data, starts = string_buffers(pa.array([item for items in documents for item in items], pa.string()))
    return Texts(
        data=data,
        starts=starts,
        row=np.repeat(np.arange(len(documents), dtype=np.int32), lengths),
        item=np.concatenate([np.zeros(0, np.int32), *map(np.arange, lengths)]).astype(np.int32),
        first=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        images=np.zeros(len(documents), np.int64),
    )


def scores_of(text: str, language: str | None = "en", *files: str) -> dict[str, float]:
    found = item_scores(texts([text]), [language], load_lexicon(files))
    return {name: column[0].item() for name, column in found.items()}


def special(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "PSNZ" or category in ("Cc", "Cf")


def words_of(text: str) -> list[str]:
    words = []
    for run in text.split():
        letters = [place for place, character in enumerate(run) if not special(character)]
        if letters:
            word = run[letters[0] : letters[-1] + 1]
            words.append("".join(c.lower() if len(c.lower()) == 1 else c for c in word).replace("’", "'"))
    return words


def repeated_characters(text: str) -> float:
    text = "".join(" " if c.isspace() and c not in "\n\t" else c for c in text)
    times = Counter(text[place : place + 10] for place in range(len(text) - 9))
    frequent = sorted((number for number in times.values() if number > 1), reverse=True)
    return sum(frequent[: math.isqrt(len(times))]) / max(sum(times.values()), 1)


def repeated_words(text: str) -> float:
    words = words_of(text)
    times = Counter(tuple(words[place : place + 5]) for place in range(len(words) - 4))
    return sum(number for number in times.values() if number > 1) / max(sum(times.values()), 1)


LETTERS = st.sampled_from([*"ab  \n\t.,'’-_7é\u00a0\u3000Ö中😀", "the ", "share ", "don't "])
TEXTS = st.text(st.characters(max_codepoint=0x1FFFF, exclude_categories=["Cs"]), max_size=80) | st.lists(
    LETTERS, max_size=80
).map("".join)


@given(TEXTS)
@example("a b c d e " * 8)
@example("abcdefghij" * 5)
@settings(max_examples=300, deadline=None)
def test_scores_are_those_of_the_definitions(text: str) -> None:
    found = scores_of(text)
    words = words_of(text)
    assert found["plain_words"] == len(words)
    assert found["text_characters"] == len(text)
    assert found["special_characters"] == sum(map(special, text))
    tokens = re.findall(r"[\w']+|[,;:?!.]", text)
    assert found["punctuation_tokens"] == len(tokens)
    assert found["punctuation_marks"] == sum(token in set(",;:?!.") for token in tokens)
    assert found["repeated_characters_share"] == pytest.approx(repeated_characters(text), abs=1e-6)
    assert found["repeated_words_share"] == pytest.approx(repeated_words(text), abs=1e-6)
    for kind in ("stop", "flagged", "spam"):
        assert found[f"{kind}_listed_words"] == sum(word in LISTS[kind] for word in words)
    assert found["common_listed_words"] >= sum(word in LISTS["common"] for word in words)


@given(st.lists(st.lists(TEXTS, max_size=4), max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_document_is_its_items_with_blank_lines_between(documents: list[list[str]]) -> None:
    found = document_scores(texts(*documents))
    whole = ["\n\n".join(filter(None, items)) for items in documents]
    assert found["repeated_characters_share"] == pytest.approx([repeated_characters(text) for text in whole])
    assert found["repeated_words_share"] == pytest.approx([repeated_words(text) for text in whole])


@pytest.mark.parametrize(
    ("text", "common"),
    [
        ("The cat's well-known and/or BIG", 5),
        ("don’t Don't we’ll", 3),
        ("xqzt xqzt's well-xqzt - 's -- and/", 1),
        ("color colour theatre theater favorite", 5),
    ],
)
def test_common_words(text: str, common: int) -> None:
    assert scores_of(text)["common_listed_words"] == common


def test_real_prose_and_furniture() -> None:
    prose = scores_of(ENGLISH)
    words = prose["plain_words"]
    assert prose["stop_listed_words"] / words > 0.35
    assert prose["common_listed_words"] / words > 0.95
    assert prose["special_characters"] / prose["text_characters"] < 0.275
    assert prose["flagged_listed_words"] == prose["spam_listed_words"] == 0
    furniture = scores_of("Share this on Facebook, Twitter or Pinterest. Log in to post a comment")
    assert furniture["spam_listed_words"] / furniture["plain_words"] > 0.12
    assert scores_of("XXX porn " * 5)["flagged_listed_words"] == 10


def test_each_language_has_its_own_lists() -> None:
    german = scores_of(GERMAN, "de")
    assert german["stop_listed_words"] / german["plain_words"] > 0.35
    assert scores_of(GERMAN, "en")["stop_listed_words"] < german["stop_listed_words"] / 2
    assert math.isnan(german["common_listed_words"])
    for language in ("zh", None):
        found = scores_of(GERMAN, language)
        assert all(math.isnan(found[f"{kind}_listed_words"]) for kind in LISTS)
        assert found["plain_words"] == german["plain_words"]


def test_languages_by_document() -> None:
    found = item_scores(texts(["the and"], [], ["the und", "der die"]), ["en", None, "de"], load_lexicon())
    assert found["stop_listed_words"].tolist() == [2, 1, 2]


def test_lists_of_ones_own(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "pl.txt").write_text("# Polish\n[stop/pl]\nI oraz\n[flagged/en]\nGizmo\n")
    (tmp_path / "odd.txt").write_text("word\n")
    own = str(tmp_path / "pl.txt")
    assert scores_of("Kot i pies oraz żaba", "pl", own)["stop_listed_words"] == 2
    assert scores_of("A gizmo, fuck!", "en", own)["flagged_listed_words"] == 2
    assert math.isnan(scores_of("Kot i pies", "pl")["stop_listed_words"])
    with pytest.raises(ConfigurationError, match=r"odd\.txt: words stand in a section \[\]"):
        load_lexicon((str(tmp_path / "odd.txt"),))


def test_lists_are_in_lower_case_and_have_no_repeats_across_spelling() -> None:
    for name in (
        "stop_words.txt",
        "flagged_words.txt",
        "common_words.txt",
        "spam_words.txt",
        "url_words.txt",
    ):
        for section, words in package_sections(name).items():
            assert bool(words) == bool(section), f"{name} [{section}]"
            assert all(word == word.lower() and not set(word) & set(string.whitespace) for word in words)
    # ordinary words with a second meaning don't make a text flagged
    assert not {"breast", "sex", "gay", "nude", "cock", "tit", "essex", "analysis"} & LISTS["flagged"]


def test_no_texts() -> None:
    assert item_scores(texts(), [], load_lexicon())["plain_words"].tolist() == []
    assert document_scores(texts([], []))["repeated_words_share"].tolist() == [0, 0]
