"""Benchmarks kept over time, and an alarm where a detector does worse than it once surely did.

A place in a store holds a file for each run, never changed: `runs/DATE-DIGEST.json`. Every run of a cron
workflow on a new collection adds one, and the board is drawn from all of them.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.core.errors import ConfigurationError
from components.core.store import open_store

_FOLDER: Final = "runs/"
_SUFFIX: Final = ".json"
_NAME: Final = 16
_KEPT: Final = (
    "detector", "dataset", "family", "protocol", "value", "low", "high", "forged", "real", "lost", "remark",
)  # fmt: skip
_METRIC: Final = "auc"


@dataclass(frozen=True, slots=True)
class Run:
    """What one benchmark found: rows of benchmark/1 with the columns that the board needs."""

    date: str
    digest: str
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """A figure below the interval of an earlier one of the same detector and family; `digest` of its run."""

    detector: str
    family: str
    date: str
    digest: str
    dataset: str
    value: float
    before_date: str
    before_dataset: str
    before_low: float

    def __str__(self) -> str:
        """As a sentence."""
        return (
            f"{self.detector} on {self.family}: AUC {self.value:.3f} on {self.dataset} ({self.date}) is "
            f"below the interval that began at {self.before_low:.3f} on {self.before_dataset} "
            f"({self.before_date})."
        )


def keep(location: str, rows: Iterable[Mapping[str, Any]], *, digest: str, date: str) -> bool:
    """Add a run: its figures of whole samples, clean, by family and data set.

    Args:
        location: folder or prefix that holds the runs, as a path or URI.
        rows: of benchmark/1.
        digest: of the benchmark's dataset, which names the run.
        date: day of the collection, such as 2026-11-23.

    Returns:
        False where it is there already, under this or another date: nothing is written.

    Raises:
        ConfigurationError: for a date that is none.
    """
    try:
        day = datetime.date.fromisoformat(date).isoformat()
    except ValueError:
        raise ConfigurationError(f"{date!r} is no date; write it as 2026-11-23.") from None
    store = open_store(location)
    name = f"-{digest[:_NAME]}{_SUFFIX}"
    if any(key.endswith(name) for key, _ in store.list(_FOLDER)):
        return False
    kept = [
        {column: row[column] for column in _KEPT}
        for row in rows
        if row["metric"] == _METRIC
        and row["level"] == "media"
        and row["variant"] == "clean"
        and row["method"] is None
        and row["slice"] is None
    ]
    text = json.dumps({"date": day, "digest": digest, "rows": kept}, indent=1, sort_keys=True) + "\n"
    return store.put_if_absent(f"{_FOLDER}{day}{name}", text.encode())


def runs(location: str) -> list[Run]:
    """All runs that are kept, by date.

    Raises:
        ConfigurationError: for a file that is no run.
    """
    store = open_store(location)
    found = []
    for key, _ in store.list(_FOLDER):
        if not key.endswith(_SUFFIX):
            continue
        try:
            read = json.loads(store.get(key))
            rows = tuple({column: row[column] for column in _KEPT} for row in read["rows"])
            found.append(Run(str(read["date"]), str(read["digest"]), rows))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{store.uri(key)} is no kept benchmark ({error!r}); move it.") from None
    return sorted(found, key=lambda run: (run.date, run.digest))


def alarms(kept: Sequence[Run]) -> list[Alarm]:
    """Where a figure fell below the lower end of an earlier interval, that of the latest such run.

    The same detector on the same family is compared, also between data sets: a new collection on which it
    fails is what the board is for. A drop may come from the detector, the forgeries or the real ones.
    """
    found = []
    for number, run in enumerate(kept):
        for row in run.rows:
            if row["value"] is None:
                continue
            for before in reversed(kept[:number]):
                surer = [
                    old
                    for old in before.rows
                    if (old["detector"], old["family"]) == (row["detector"], row["family"])
                    and old["low"] is not None
                    and row["value"] < old["low"]
                ]
                if before.date < run.date and surer:
                    old = max(surer, key=lambda one: (one["dataset"] == row["dataset"], one["low"]))
                    found.append(
                        Alarm(
                            row["detector"], row["family"], run.date, run.digest, row["dataset"],
                            row["value"], before.date, old["dataset"], old["low"],
                        )
                    )  # fmt: skip
                    break
    return found


def board(kept: Sequence[Run]) -> str:
    """Detectors and families by collection over time, as Markdown, alarms first."""
    if not kept:
        return "No benchmark is kept yet.\n"
    raised = alarms(kept)
    below = {(one.detector, one.family, one.date, one.dataset) for one in raised}
    columns = sorted({(run.date, row["dataset"]) for run in kept for row in run.rows})
    cells: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for run in kept:
        for row in run.rows:
            mark = " ▼" if (row["detector"], row["family"], run.date, row["dataset"]) in below else ""
            place = cells.setdefault((row["detector"], row["family"]), {})
            place[run.date, row["dataset"]] = _written(row) + mark
    lines = [f"- {one}" for one in raised] or ["No figure fell below an earlier interval."]
    lines += ["", "| detector | family | " + " | ".join(f"{day} {name}" for day, name in columns) + " |"]
    lines.append("| --- | --- |" + " --- |" * len(columns))
    for (detector, family), found in sorted(cells.items()):
        lines.append(
            f"| {detector} | {family} | " + " | ".join(found.get(column, "") for column in columns) + " |"
        )
    return "\n".join(lines) + "\n"


def _written(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "not defined"
    interval = "no interval" if row["low"] is None else f"[{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['value']:.3f} {interval}, {row['forged']}/{row['real']}"
