"""What a report knows of the screening of a run's images: verdicts, answers of detectors, examples."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from components.core import shards
from components.core.manifest import Manifest
from components.core.stage import empty
from components.core.store import Store

SCREENINGS_SCHEMA: Final = "screenings/1"
MAX_SHOWN: Final = 24
"""Images that a report shows."""
VERDICTS: Final = ("declared_synthetic", "likely_forged", "cannot_tell", "likely_real", "declared_captured")
"""In the order in which they are told."""
ANSWERS: Final = ("likely_forged", "likely_real", "cannot_tell", "not_calibrated", "abstained")
"""What the step counts of each detector, as `detector_NAME_ANSWER`."""
REASONS: Final = ("image_synthetic", "image_forged")
"""Reasons for which later steps remove screened images."""
_COUNTER: Final = "detector_"
_SUSPECTED: Final = VERDICTS[:2]


@dataclass(frozen=True, slots=True)
class Removal:
    """What a step did with images because of their screening.

    Attributes:
        step: name of the step.
        action: dropped, or changed: the image was taken out of what showed it.
        reason: image_synthetic or image_forged.
        records: number.
    """

    step: str
    action: str
    reason: str
    records: int


@dataclass(slots=True)
class ScreeningSummary:
    """The screening of a run's images, as its report tells of it.

    Attributes:
        verdicts: images by verdict.
        not_examined: images whose pixels could not be looked at; they are among those of `cannot_tell`.
        detectors: by name, how often each answer was given.
        removals: what later steps did.
        shown: `id`, `verdict` and `why` of a few images, suspected ones first.
        images: bytes of these, by id.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    not_examined: int = 0
    detectors: dict[str, Counter[str]] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)


def summarize_screening(store: Store, manifests: Sequence[Manifest]) -> ScreeningSummary | None:
    """Read back what a run's screening found, shard by shard; None where no image was screened.

    Args:
        manifests: of every dataset of the run.
    """
    screened = [m for m in manifests if m.schema_name == SCREENINGS_SCHEMA and not m.skipped and m.rows]
    if not screened:
        return None
    summary, samples = ScreeningSummary(removals=_removals(manifests)), _Samples()
    known = {m.digest: m for m in manifests}
    for manifest in screened:
        for shard in manifest.shards:
            table = shards.read(store, shard, ["id", "verdict", "why"])
            summary.verdicts.update(table.column("verdict").to_pylist())
            samples.add(table.to_pylist())
        _add_counters(summary, manifest.counts.counters)
    summary.shown = samples.choose(MAX_SHOWN)
    wanted = {row["id"] for row in summary.shown}
    for manifest in screened:
        images = known.get(manifest.parents.get("images", ""))
        if images is not None:
            columns = ("id", "bytes")
            found = shards.read_ids(store, images.shards, wanted, empty("images/1", columns))
            ids, data = (found.column(name).to_pylist() for name in columns)
            summary.images |= dict(zip(ids, data, strict=True))
    return summary


def _add_counters(summary: ScreeningSummary, counters: Mapping[str, float]) -> None:
    summary.not_examined += int(counters.get("images_not_examined", 0))
    for name, amount in sorted(counters.items()):
        # names of detectors hold underscores, too: the answer is known, and ends the counter's name
        answer = next((one for one in ANSWERS if name.endswith(f"_{one}")), None)
        if name.startswith(_COUNTER) and answer is not None:
            detector = name[len(_COUNTER) : -len(answer) - 1]
            summary.detectors.setdefault(detector, Counter())[answer] += int(amount)


def _removals(manifests: Iterable[Manifest]) -> list[Removal]:
    steps = {m.step: m.counts for m in manifests}
    return [
        Removal(step, action, reason, found[reason])
        for step, counts in sorted(steps.items())
        for action, found in (("dropped", counts.dropped), ("changed", counts.changed))
        for reason in REASONS
        if reason in found
    ]


class _Samples:
    """The images of the least ids of every verdict. Ids are hashes: a fair draw, and always the same."""

    def __init__(self) -> None:
        self._least: dict[str, list[dict[str, Any]]] = {}

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        by_verdict: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            by_verdict.setdefault(row["verdict"], []).append(row)
        for verdict, some in by_verdict.items():
            known = self._least.get(verdict, [])
            self._least[verdict] = heapq.nsmallest(MAX_SHOWN, [*known, *some], key=lambda row: row["id"])

    def choose(self, most: int) -> list[dict[str, Any]]:
        """Suspected ones first, an equal share of each kind of them; what room is left is the others'."""
        chosen = self._shares(_SUSPECTED, most)
        chosen += self._shares(VERDICTS[len(_SUSPECTED) :], most - len(chosen))
        return sorted(chosen, key=lambda row: (VERDICTS.index(row["verdict"]), row["id"]))

    def _shares(self, verdicts: Sequence[str], most: int) -> list[dict[str, Any]]:
        """Rows of each verdict in turn, until there are enough."""
        turns = [
            (place, verdict) for verdict in verdicts for place in range(len(self._least.get(verdict, [])))
        ]
        turns.sort(key=lambda turn: (turn[0], verdicts.index(turn[1])))
        return [self._least[verdict][place] for place, verdict in turns[:most]]
