from collections.abc import Iterator

import numpy as np

from components.filter.judge import Judgement, apply, item_of_line
from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts
from tests.filter.samples import text_facts


def test_the_first_objection_decides_and_a_finding_is_seen_by_the_next() -> None:
    seen = text_facts(["one\ntwo", "three"], "four", "five")
    sums = []

    def rule(facts: TextFacts, params: object) -> Iterator[Objection | Removal]:
        sums.append(facts.lines.total().tolist())
        yield Removal(FilterReason.SHORT_LINE, "lines", facts.lines["characters"] == 3)
        sums.append(facts.lines.total().tolist())
        yield Objection(FilterReason.LIST_LIKE, facts.lines.total() == 1)
        yield Objection(FilterReason.LOREM_IPSUM, np.ones(3, np.bool_), threshold=2.0)

    judgement = Judgement(np.ones(3, np.bool_))
    apply([rule], seen, None, judgement, np.array([True, True, False]))
    assert sums == [[3, 1, 1], [1, 1, 1]]
    assert judgement.kept.tolist() == [False, False, True]
    assert [(row, objection.reason) for row, objection in judgement.dropped()] == [
        (0, FilterReason.LIST_LIKE),
        (1, FilterReason.LIST_LIKE),
    ]
    assert [(taken.tolist(), sizes.tolist()) for _, taken, sizes in judgement.removals] == [([0, 1], [3, 3])]


def test_lines_go_with_their_text() -> None:
    seen = text_facts(["one\ntwo", "three"], "four")

    def rule(facts: TextFacts, params: object) -> Iterator[Removal]:
        yield Removal(FilterReason.SHORT_LINE, "lines", facts.lines["characters"] < 0)
        yield Removal(FilterReason.PARAGRAPH_LENGTH, "items", facts.items.item == 0)

    judgement = Judgement(np.ones(2, np.bool_))
    apply([rule], seen, None, judgement, np.array([True, False]))
    assert item_of_line(seen).tolist() == [0, 0, 1, 2]
    assert seen.lines.left.tolist() == [False, False, True, True]
    assert [(taken.tolist(), sizes.tolist()) for _, taken, sizes in judgement.removals] == [([0], [6])]
