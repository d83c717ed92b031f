import numpy as np
import pytest

from components.filter.judge import Judgement, apply
from components.filter.rules.c4 import C4Params, c4
from tests.filter.samples import CHINESE, ENGLISH, judged, text_facts

ALL = C4Params(
    c4_remove_citations=True,
    c4_max_word_length=1000,
    c4_terminal_punctuation=True,
    c4_min_words_per_line=3,
    c4_lorem_ipsum=True,
    c4_javascript=True,
    c4_curly_bracket=True,
    c4_policy=True,
    c4_min_sentences=5,
)
PROSE = "One is here. Two is here. Three is here. Four is here. Five is here."


def left(value: str, params: C4Params) -> list[str]:
    """The lines that the rule leaves."""
    seen = text_facts(value, without_citations=params.c4_remove_citations)
    judgement = Judgement(np.ones(1, np.bool_))
    apply([c4], seen, params, judgement, np.ones(1, np.bool_))
    return [value.split("\n")[line] for line in seen.lines["line"][seen.lines.left]]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("This line ends well.", True),
        ('She called it "a line"', True),
        ("This line has no end", False),
        ("This line goes on...", False),
        ("Two words.", False),
        ("Turn on JavaScript to read this.", False),
        ("We use cookies to know you.", False),
        (f"It has {'a' * 1001} in it.", False),
        (f"It has {'a' * 1000} in it.", True),
        ("It is known.[1]", True),
        (CHINESE, True),
    ],
)
def test_lines(line: str, kept: bool) -> None:
    assert left(f"{PROSE}\n{line}", ALL) == [PROSE] + [line] * kept


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (PROSE, None),
        (PROSE.replace(" Five is here.", ""), "too_few_sentences"),
        (f"{PROSE}\nHere is lorem ipsum dolor.", "lorem_ipsum"),
        (f"{PROSE}\nHere is a {{bracket}}.", "curly_bracket"),
        (f"{PROSE}\nlorem ipsum {{", None),  # that line is no sentence and is out before
        (CHINESE * 2, None),
    ],
)
def test_documents(value: str, reason: str | None) -> None:
    assert judged(c4, text_facts(value), ALL) == [reason]


def test_does_nothing_by_default() -> None:
    value = "lorem ipsum {\nprivacy policy\njavascript"
    assert left(value, C4Params()) == value.split("\n")
    assert judged(c4, text_facts(value, ENGLISH), C4Params()) == [None, None]
