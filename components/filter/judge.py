"""Apply text rules to a shard: who is dropped for what, and which lines and texts are taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from components.filter.rules.base import Objection, Parts, Removal, TextFacts, TextRule

I64 = npt.NDArray[np.int64]


@dataclass(slots=True)
class Judgement:
    """What text rules found in n documents; grows while they run.

    Attributes:
        kept: false for a document that a rule objected to, shape (n,).
        objections: the objections that decided, each with the rows it decided about.
        removals: the removals, each with the lines or text items that it was first to take out, and the
            characters in each of them.
    """

    kept: npt.NDArray[np.bool_]
    objections: list[tuple[Objection, I64]] = field(default_factory=list)
    removals: list[tuple[Removal, I64, I64]] = field(default_factory=list)

    def dropped(self) -> Iterator[tuple[int, Objection]]:
        """The rows that are dropped, ascending, and why."""
        found = [(row, number) for number, (_, rows) in enumerate(self.objections) for row in rows.tolist()]
        for row, number in sorted(found):
            yield row, self.objections[number][0]


def apply(
    rules: Sequence[TextRule],
    facts: TextFacts,
    params: Any,
    judgement: Judgement,
    judged: npt.NDArray[np.bool_],
) -> None:
    """Let rules judge the documents of `judged`, shape (n,), one rule after the other.

    Every finding takes effect in `judgement` and in `facts` (`Parts.left`) before the rule goes on.
    """
    for rule in rules:
        for finding in rule(facts, params):
            if isinstance(finding, Objection):
                rows = np.flatnonzero(finding.wrong & judged & judgement.kept)
                judgement.kept[rows] = False
                if len(rows):
                    judgement.objections.append((finding, rows))
            else:
                _remove(finding, facts, judgement, judged)


def _remove(removal: Removal, facts: TextFacts, judgement: Judgement, judged: npt.NDArray[np.bool_]) -> None:
    parts = facts.lines if removal.what == "lines" else facts.items
    taken = np.flatnonzero(removal.wrong & parts.left & judged[parts.row])
    if not len(taken):
        return
    parts.left[taken] = False
    characters = facts.lines["characters"]
    if removal.what == "lines":
        judgement.removals.append((removal, taken, characters[taken]))
        return
    item = item_of_line(facts)
    left = facts.lines.left
    sizes = np.bincount(item[left], characters[left], len(parts.row)).astype(np.int64)
    judgement.removals.append((removal, taken, sizes[taken]))
    left &= parts.left[item]


def item_of_line(facts: TextFacts) -> I64:
    """For every line the index of its text in `facts.items`."""
    return np.searchsorted(_keys(facts.items), _keys(facts.lines)).astype(np.int64)


def _keys(parts: Parts) -> I64:
    return parts.row.astype(np.int64) << 32 | parts.item
