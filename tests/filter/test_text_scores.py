import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.filter.text_scores import word_statistics


@pytest.mark.parametrize(
    ("text", "words", "mean"),
    [
        ("", 0, 0),
        ("... -- !", 0, 0),
        ("One word.", 2, 3.5),
        ("don't count don\u2019t twice", 4, 5),
        ("well-known facts", 3, 4.6667),
        ("天文台 opens", 4, 2),
        ("กา ok", 3, 1.3333),
        ("한국어 문서", 2, 2.5),
    ],
)
def test_words_and_their_mean_length(text: str, words: int, mean: float) -> None:
    scores = word_statistics(text)
    assert scores["words"] == words
    assert scores["mean_word_length"] == mean
    assert scores["characters"] == len(text)


@given(st.text(), st.text())
def test_words_of_two_lines_add_up(first: str, second: str) -> None:
    together = word_statistics(f"{first}\n{second}")["words"]
    assert together == word_statistics(first)["words"] + word_statistics(second)["words"]


@given(st.text())
def test_words_never_exceed_the_characters(text: str) -> None:
    scores = word_statistics(text)
    assert scores["words"] * scores["mean_word_length"] <= len(text) + 0.01 * scores["words"]
