import numpy as np
import pytest

from components.filter.judge import Judgement, apply
from components.filter.rules.refinedweb import RefinedWebParams, refinedweb
from tests.filter.samples import ENGLISH, judged, text_facts


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A line of prose", None),
        ("BIG SALE now", "uppercase_line"),
        ("HALFcaps", "one_word_line"),
        ("20261123", "numeric_line"),
        ("2026 1123", None),
        ("12.5k views", "counter_line"),
        ("Menu", "one_word_line"),
        ("Sign-in to comment on it", "navigation_line"),
        ("The mayor said on Friday that Read more...", "navigation_line"),
        ("You have 3 items in cart", "navigation_line"),
        ("You have 3 items in cart and could go on to buy them now", None),
    ],
)
def test_lines(line: str, reason: str | None) -> None:
    seen = text_facts(f"{ENGLISH}\n{line}")
    judgement = Judgement(np.ones(1, np.bool_))
    apply([refinedweb], seen, RefinedWebParams(), judgement, np.ones(1, np.bool_))
    assert [removal.reason for removal, _, _ in judgement.removals] == [reason] * (reason is not None)


def test_a_document_that_loses_more_than_a_twentieth_of_its_words_is_dropped() -> None:
    words = ENGLISH.split()
    assert len(words) == 35
    texts = [f"{ENGLISH} and four more words\nMENU", f"{ENGLISH}\nMENU\nHOME", "MENU", ""]
    assert judged(refinedweb, text_facts(*texts), RefinedWebParams()) == [
        None,
        "too_much_removed",
        "too_much_removed",
        None,
    ]
    assert judged(refinedweb, text_facts(*texts), RefinedWebParams(max_removed_words=None)) == [None] * 4


def test_can_be_switched_off() -> None:
    off = RefinedWebParams(
        max_uppercase_line=None,
        drop_numeric_lines=False,
        drop_counter_lines=False,
        min_line_words=None,
        navigation_line_words=None,
        max_removed_words=None,
    )
    assert list(refinedweb(text_facts("MENU\n123\n3 likes"), off)) == []
