import pytest

from components.filter.rules.gopher_repetition import GopherRepetitionParams, gopher_repetition
from tests.filter.samples import ENGLISH, judged, text_facts

PHONETIC = """
alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa
quebec romeo sierra tango uniform victor whiskey xray yankee zulu
"""
WORDS = PHONETIC.split()


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([ENGLISH], None),
        (["A line.", "A line.", *(f"{a} {b}." for a, b in zip(WORDS, WORDS[::-1], strict=True))], None),
        (["One line.", "One line.", "One line.", "Two."], "duplicate_paragraphs"),
        ([ENGLISH, "x\nx\ny\nx"], "duplicate_lines"),
        ([" ".join([*WORDS[:4], "buy now"] * 6)], "duplicate_ngrams"),
        ([" ".join(f"{word} buy now" for word in WORDS)], "frequent_ngram"),
    ],
)
def test_what_repeats_itself_is_dropped(texts: list[str], reason: str | None) -> None:
    params = GopherRepetitionParams()
    if reason == "duplicate_ngrams":
        params = params.model_copy(update=dict.fromkeys(("max_top_2gram", "max_top_3gram", "max_top_4gram")))
    assert judged(gopher_repetition, text_facts(texts), params) == [reason]


def test_an_ngram_that_occurs_once_is_judged_only_on_demand() -> None:
    seen = text_facts("Just a caption of very few words here.")
    assert judged(gopher_repetition, seen, GopherRepetitionParams()) == [None]
    assert judged(gopher_repetition, seen, GopherRepetitionParams(min_top_ngram_count=1)) == [
        "frequent_ngram"
    ]


def test_can_be_switched_off() -> None:
    names = [name for name in GopherRepetitionParams.model_fields if name.startswith("max_")]
    params = GopherRepetitionParams(**dict.fromkeys(names))
    assert judged(gopher_repetition, text_facts("again " * 50), params) == [None]
