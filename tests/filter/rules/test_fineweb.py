import pytest

from components.filter.judge import Judgement, apply
from components.filter.rules.c4 import C4Params, c4
from components.filter.rules.fineweb import FineWebParams, fineweb
from tests.filter.samples import CHINESE, ENGLISH, judged, text_facts

PUBLISHED = FineWebParams(
    min_terminal_lines=0.12,
    max_short_lines=0.67,
    max_duplicate_line_characters=0.01,
    max_line_breaks_per_word=0.3,
)
LONG = "A line without an end that is longer than thirty characters"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ENGLISH, None),
        (CHINESE, None),
        ("\n".join(f"{LONG} {n}" for n in range(9)), "line_punctuation"),
        ("\n".join(["A short line.", "One more.", "And a third.", ENGLISH]), "short_lines"),
        (f"{ENGLISH}\n{LONG}.\n{LONG}.", "duplicate_line_characters"),
        ("\n\n".join(f"Wordswordswordswordswordswords{n}." for n in range(6)), "list_like"),
        ("", None),
    ],
)
def test_published_bounds(value: str, reason: str | None) -> None:
    assert judged(fineweb, text_facts(value), PUBLISHED) == [reason]


def test_does_nothing_by_default() -> None:
    assert list(fineweb(text_facts("a\na\na"), FineWebParams())) == []


class Both(C4Params, FineWebParams):
    """As the flat parameters have them."""


def test_judges_what_line_edits_left() -> None:
    value = "\n".join([ENGLISH, f"{LONG} javascript.", f"{LONG} javascript."])
    params = Both(c4_javascript=True, **PUBLISHED.model_dump())
    seen = text_facts(value)
    judgement = Judgement(kept=seen.documents.scores["words"] > 0)
    apply([c4, fineweb], seen, params, judgement, judgement.kept.copy())
    assert judgement.kept.all()
    assert judged(fineweb, text_facts(value), PUBLISHED) == ["duplicate_line_characters"]


def test_blank_lines_count_unless_c4_takes_short_lines_out() -> None:
    value = "\n\n".join(["Words of three."] * 3)
    limits = {"max_line_breaks_per_word": 0.3}
    assert judged(fineweb, text_facts(value), Both(**limits)) == ["list_like"]
    assert judged(fineweb, text_facts(value), Both(c4_min_words_per_line=3, **limits)) == [None]
