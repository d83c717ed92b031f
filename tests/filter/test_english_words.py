import pytest

from components.filter.english_words import pieces


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("don't", "do n't"),
        ("Don\u2019t", "Do n\u2019t"),
        ("wouldn't've", "would n't 've"),
        ("cannot", "can not"),
        ("im", "i m"),
        ("10am", "10 am"),
        ("Mr.", "Mr."),
        (":)", ":)"),
        ("'Cause", "'Cause"),
    ],
)
def test_pieces(word: str, expected: str) -> None:
    assert pieces()[word] == tuple(expected.split())


@pytest.mark.parametrize("word", ["its", "well", "Shell", "house", "wouldn"])
def test_words_that_stay_as_they_are_are_not_listed(word: str) -> None:
    assert word not in pieces()


def test_pieces_make_the_word() -> None:
    assert all("".join(parts) == word for word, parts in pieces().items())
