"""Leader boards in the layout of DeepfakeBench's tables, detectors by data sets, out of rows of benchmark/1.

One board for a family and a level, never a mean over families. Data sets are columns; methods are with
leave-generator-out, the board to look at first. Every figure comes with its interval and what it is over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

METRIC: Final = "auc"
_MARKS: Final = {"within": "w", "cross_dataset": "x", "untrained": "u", "leave_generator_out": ""}
_LEGEND: Final = "w: trained on that data set, x: on others, u: not trained."
_CLEAN: Final = "clean"

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One figure of a board."""

    value: float | None
    low: float | None
    high: float | None
    forged: int
    real: int
    lost: int
    protocol: str
    remark: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """Detectors by data sets, or by methods, for one family.

    Attributes:
        family: of the forgeries.
        level: frame or media.
        protocol: leave_generator_out, or direct for the others, which every entry names.
        metric: what is shown.
        columns: data sets; "DATA SET: METHOD" with leave_generator_out.
        entries: detector to an entry for each column, None where there is no figure; best lower ends of
            intervals first, without any interval last.
    """

    family: str
    level: str
    protocol: str
    metric: str
    columns: tuple[str, ...]
    entries: dict[str, tuple[Entry | None, ...]]


def boards(rows: Iterable[Row], metric: str = METRIC) -> list[Board]:
    """All boards: leave-generator-out first, then by family, media before frames."""
    found: dict[tuple[bool, str, str], dict[str, dict[str, Entry]]] = {}
    for row in rows:
        left_out = row["protocol"] == "leave_generator_out"
        if row["metric"] != metric or row["variant"] != _CLEAN or row["slice"] is not None:
            continue
        if left_out != (row["method"] is not None):
            continue
        column = f"{row['dataset']}: {row['method']}" if left_out else row["dataset"]
        entry = Entry(**{name: row[name] for name in Entry.__dataclass_fields__})
        # "media" before "frame"; leave-generator-out before the others
        board = found.setdefault((not left_out, row["family"], row["level"]), {})
        board.setdefault(row["detector"], {})[column] = entry
    order = sorted(found, key=lambda key: (key[0], key[1], key[2] != "media"))
    return [_board(key, metric, found[key]) for key in order]


def _board(key: tuple[bool, str, str], metric: str, found: Mapping[str, Mapping[str, Entry]]) -> Board:
    direct, family, level = key
    columns = tuple(sorted({column for entries in found.values() for column in entries}))

    def rank(detector: str) -> tuple[bool, float, str]:
        ends = [one.low for one in found[detector].values() if one.value is not None and one.low is not None]
        # a figure without an interval says too little to stand above one that has one
        return (not ends, -sum(ends) / len(ends) if ends else 0.0, detector)

    entries = {
        detector: tuple(found[detector].get(column) for column in columns)
        for detector in sorted(found, key=rank)
    }
    return Board(family, level, "direct" if direct else "leave_generator_out", metric, columns, entries)


def written(entry: Entry | None) -> str:
    """An entry as text: `0.710 [0.58, 0.82] x, 40/60, too_few`; forged and real ones behind it."""
    if entry is None:
        return ""
    counts = f"{entry.forged}/{entry.real}" + (f", {entry.lost} lost" if entry.lost else "")
    if entry.value is None:
        return f"not defined, {counts}"
    interval = "no interval" if entry.low is None else f"[{entry.low:.2f}, {entry.high:.2f}]"
    mark = _MARKS.get(entry.protocol, "")
    shown = f"{entry.value:.3f} {interval}" + (f" {mark}" if mark else "")
    return f"{shown}, {counts}" + (f", {entry.remark}" if entry.remark else "")


def markdown(found: Sequence[Board]) -> str:
    """Boards as Markdown; a sentence where there are none."""
    if not found:
        return "No figure could be made: there are no labelled forgeries in the test split.\n"
    parts = []
    for board in found:
        how = " (leave generator out)" if board.protocol == "leave_generator_out" else ""
        lines = [
            f"### {board.family}: {board.level} {board.metric.upper()}{how}",
            "",
            "Value [95 % interval, bootstrap over groups], forged/real ones behind it."
            + ("" if how else f" {_LEGEND}"),
            "",
            "| detector | " + " | ".join(map(_cell, board.columns)) + " |",
            "| --- |" + " --- |" * len(board.columns),
        ]
        lines += [
            f"| {_cell(detector)} | " + " | ".join(_cell(written(entry)) for entry in entries) + " |"
            for detector, entries in board.entries.items()
        ]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def as_json(found: Sequence[Board]) -> str:
    """Boards as JSON: a list of objects with the attributes of `Board`."""
    return json.dumps([asdict(board) for board in found], indent=1) + "\n"
