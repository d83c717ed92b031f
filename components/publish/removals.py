"""What every rule of every step removed: the table that data papers print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Final

from components.publish.summary import StepSummary

_KINDS: Final = ("documents", "images", "pairs", "captions")


@dataclass(frozen=True, slots=True)
class Removal:
    """Records that one step removed for one reason.

    Attributes:
        step: where.
        reason: the rule.
        kind: documents, images, pairs or captions.
        removed: how many records; of `changed` ones, items taken out of records that stay.
        action: dropped, failed, or changed.
        share_of_step: of the records that entered the step, 0 to 1; None for changed ones.
        share_of_all: of the records that entered the first step of their kind; None for changed ones.
    """

    step: str
    reason: str
    kind: str
    action: str
    removed: int
    share_of_step: float | None
    share_of_all: float | None


def removals(steps: Iterable[StepSummary]) -> list[Removal]:
    """All removals, in the order of the run, the most frequent reason of a step first."""
    all_of: dict[str, int] = {}
    return [line for step in steps for line in _of_step(step, all_of)]


def _of_step(step: StepSummary, all_of: dict[str, int]) -> Iterator[Removal]:
    if step.unit not in _KINDS or not step.conserves:
        return
    whole = all_of.setdefault(step.unit, step.rows_in)
    for action, tally in (("dropped", step.dropped), ("failed", step.failed), ("changed", step.changed)):
        for reason, number in sorted(tally.items(), key=lambda pair: (-pair[1], pair[0])):
            counted = action != "changed"
            yield Removal(
                step.name,
                reason,
                step.unit,
                action,
                number,
                number / step.rows_in if counted and step.rows_in else None,
                number / whole if counted and whole else None,
            )


def removal_rows(steps: Iterable[StepSummary]) -> list[dict[str, object]]:
    """The removals as plain rows, for JSON."""
    return [asdict(line) for line in removals(steps)]
