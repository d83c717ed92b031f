"""What was measured on detectors, drawn from rows of benchmark/1: never a figure without its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from components.core import report as kit
from components.core.report import number
from components.core.report_charts import Line, LineChart

Row = Mapping[str, Any]

_FILE_FACTS: Final = "file_facts"
_LEFT_OUT: Final = "leave_generator_out"
_LINES: Final = 4
"""Lines that one chart holds."""
_PROTOCOLS: Final = {"within": "within", "cross_dataset": "cross", "untrained": "untrained", _LEFT_OUT: ""}
_REMARKS: Final = {
    "chance_level": "the interval of the AUC holds 0.5: nobody can tell it from tossing a coin",
    "below_chance": "the interval of the AUC lies below 0.5",
    "too_few": "fewer samples or groups than a figure needs to be relied on",
    "source_confounded": "file facts alone tell forged from real: the figure may mean the source",
    "other_reals": "the data set has no real ones: those of the others are compared with",
    "leak": "a person or source is in training and in test",
}
_DECISIONS: Final = ("tpr", "fpr", "balanced_accuracy", "undecided")
_PROBABILITIES: Final = ("log_loss", "brier", "ece")
_RANKS: Final = ("auc", "ap", "eer", "pauc", "tpr_at_fpr_1", "tpr_at_fpr_5")


def benchmark_sections(rows: Sequence[Row]) -> list[kit.Section]:
    """Sections on confounding, the leader boards, robustness, slices, and coverage with speed.

    Args:
        rows: of benchmark/1. None: no section.
    """
    found = [_confounding(rows), _boards(rows), _robustness(rows), _slices(rows), _coverage(rows)]
    return [section for section in found if section.blocks]


def figure(row: Row | None) -> str:
    """A figure with its interval and what it is over: `0.710 [0.58, 0.82] 40/60`."""
    if row is None:
        return "-"
    if row["value"] is None:
        return f"not defined {row['forged']}/{row['real']}"
    interval = "no interval" if row["low"] is None else f"[{row['low']:.2f}, {row['high']:.2f}]"
    return f"{row['value']:.3f} {interval} {row['forged']}/{row['real']}"


def _told(row: Row | None) -> str:
    """The same with protocol, losses and remarks."""
    if row is None:
        return "-"
    notes = [_PROTOCOLS.get(row["protocol"], row["protocol"])]
    notes += [f"{number(row['lost'])} lost"] if row["lost"] else []
    notes += [row["remark"].replace("_", " ")] if row["remark"] else []
    # a remark that breaks in two lines is hard to read in a narrow column
    return ", ".join([figure(row), *(note.replace(" ", "\u00a0") for note in notes if note)])


def _whole(row: Row) -> bool:
    return row["variant"] == "clean" and row["slice"] is None and row["detector"] != _FILE_FACTS


def _confounding(rows: Sequence[Row]) -> kit.Section:
    facts = [row for row in rows if row["detector"] == _FILE_FACTS]
    blocks: list[kit.Block] = []
    if facts:
        columns = [kit.Column("data set"), kit.Column("family"), kit.Column("AUC of file facts alone")]
        cells = [[row["dataset"], row["family"], _told({**row, "protocol": "untrained"})] for row in facts]
        cells = [[*cell[:2], cell[2].replace(", untrained", "")] for cell in cells]
        blocks.append(kit.Table(columns, cells, "Checked before any detector"))
    seen = {name for row in rows for name in (row["remark"] or "").split(", ") if name in _REMARKS}
    if seen:
        blocks.append(
            kit.Definitions([(name.replace("_", " "), _REMARKS[name]) for name in _REMARKS if name in seen])
        )
    return kit.Section(
        "Can the figures be trusted?",
        blocks,
        "A model that sees bytes, resolution, rate, duration and width of the face, but no picture, tells "
        "forged from real this well. Where it does, a detector may have learnt the source.",
    )


def _boards(rows: Sequence[Row]) -> kit.Section:
    """The leave-generator-out boards, then those by family, other metrics and methods folded."""
    blocks: list[kit.Block] = []
    clean = [row for row in rows if _whole(row)]
    left_out = [row for row in clean if row["protocol"] == _LEFT_OUT and row["method"] is not None]
    direct = [row for row in clean if row["protocol"] != _LEFT_OUT]
    for family in sorted({row["family"] for row in left_out}):
        mine = [row for row in left_out if row["family"] == family]
        blocks += _tables(
            mine, f"{family}, generator left out of training", lambda r: f"{r['dataset']}: {r['method']}"
        )
    for family in sorted({row["family"] for row in direct}):
        mine = [row for row in direct if row["family"] == family]
        whole = [row for row in mine if row["method"] is None]
        blocks += _tables(whole, family, lambda row: row["dataset"])
        by_method = [row for row in mine if row["method"] is not None and row["level"] == "media"]
        table = _table(by_method, "auc", "media AUC by method", lambda r: f"{r['dataset']}: {r['method']}")
        blocks += [kit.Details(f"{family}: by method", [table])] if table else []
        folded = [
            made
            for metric in (*_RANKS[1:], *_DECISIONS, "accuracy", *_PROBABILITIES)
            if (made := _table([r for r in whole if r["level"] == "media"], metric, f"{family}: {metric}"))
        ]
        blocks += [kit.Details(f"{family}: other metrics", folded)] if folded else []
    return kit.Section(
        "Leader board",
        blocks,
        "Area under the ROC curve: 0.5 is chance, and so is every figure whose interval holds 0.5. Beside it "
        "the 95 % interval by bootstrap over persons or source videos, forged and real ones behind it. A "
        "figure is of one family of forgeries: families are never mixed. Detectors are in the order of the "
        "lower ends of their intervals.",
    )


def _tables(rows: Sequence[Row], title: str, column: Callable[[Row], str]) -> list[kit.Block]:
    made = [
        _table([row for row in rows if row["level"] == level], "auc", f"{title}: {level} AUC", column)
        for level in ("media", "frame")
    ]
    return [table for table in made if table is not None]


def _table(
    rows: Iterable[Row], metric: str, caption: str, column: Callable[[Row], str] = lambda row: row["dataset"]
) -> kit.Table | None:
    """Detectors by columns; None where nothing has the metric."""
    cells: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["metric"] == metric:
            cells.setdefault(row["detector"], {})[column(row)] = row
    columns = sorted({name for found in cells.values() for name in found})
    if not columns:
        return None
    lines = [
        [detector, *(_told(cells[detector].get(name)) for name in columns)]
        for detector in sorted(cells, key=lambda name: (-_lower_end(cells[name].values()), name))
    ]
    return kit.Table([kit.Column("detector"), *map(kit.Column, columns)], lines, caption)


def _lower_end(rows: Iterable[Row]) -> float:
    # what has no interval is of so few that its value says nothing: it never leads
    ends = [row["low"] or 0.0 for row in rows if row["value"] is not None]
    return sum(ends) / len(ends) if ends else -1.0


def _robustness(rows: Sequence[Row]) -> kit.Section:
    """A chart for each data set, family and corruption; what happens at the threshold beneath."""
    blocks: list[kit.Block] = []
    corrupted = [row for row in rows if row["variant"] != "clean" and row["level"] == "media"]
    clean = {
        (row["dataset"], row["family"], row["detector"]): row
        for row in rows
        if _whole(row) and row["method"] is None and row["level"] == "media" and row["metric"] == "auc"
    }
    for dataset, family in sorted({(row["dataset"], row["family"]) for row in corrupted}):
        mine = [row for row in corrupted if (row["dataset"], row["family"]) == (dataset, family)]
        best = sorted(
            {row["detector"] for row in mine},
            key=lambda name: (-_lower_end(filter(None, [clean.get((dataset, family, name))])), name),
        )
        charts = [
            _chart(kind, [row for row in mine if row["variant"].partition("@")[0] == kind], best[:_LINES])
            for kind in sorted({row["variant"].partition("@")[0] for row in mine})
        ]
        charts = [chart for chart in charts if chart.lines]
        names = ("auc_drop", "tpr_drift", "fpr_drift")
        cells: dict[tuple[str, str], dict[str, Row]] = {}
        for row in mine:
            if row["metric"] in ("auc", *names):
                cells.setdefault((row["detector"], row["variant"]), {})[row["metric"]] = row
        lines = [
            [*key, _told(found.get("auc")), *(figure(found.get(name)) for name in names)]
            for key, found in sorted(cells.items())
        ]
        heads = ("detector", "variant", "AUC", "AUC lost against clean", "change of TPR", "change of FPR")
        table = kit.Table(
            [kit.Column(name) for name in heads], lines, "At the threshold chosen on clean ones"
        )
        blocks.append(
            kit.Panel(
                f"{dataset}: {family}",
                [*([kit.Columns(charts)] if charts else []), kit.Details("All variants", [table])],
            )
        )
    return kit.Section(
        "Robustness",
        blocks,
        "Frames are corrupted before faces are looked for (crops.NAME: faces were given). The AUC may hold "
        "while the threshold that was chosen on clean ones finds nothing any more: look at the rates.",
    )


def _chart(kind: str, rows: Sequence[Row], detectors: Sequence[str]) -> LineChart:
    lines = []
    for detector in detectors:
        points = [
            (float(row["variant"].partition("@")[2]), float(row["value"]))
            for row in rows
            if row["detector"] == detector and row["metric"] == "auc" and row["value"] is not None
        ]
        if points:
            lines.append(Line(detector, sorted(points)))
    return LineChart(kind, lines, "level", "AUC", zero=False)


def _slices(rows: Sequence[Row]) -> kit.Section:
    cells: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        if row["slice"] is not None:
            key = (row["detector"], row["dataset"], row["family"], row["slice"])
            cells.setdefault(key, {})[row["metric"]] = row
    names = ("auc", "tpr", "fpr", "undecided")
    lines = [[*key, *(figure(found.get(name)) for name in names)] for key, found in sorted(cells.items())]
    columns = [kit.Column(name) for name in ("detector", "data set", "family", "slice", *names)]
    return kit.Section(
        "Fairness slices",
        [kit.Table(columns, lines)] if lines else [],
        "The same threshold for all. Look for intervals that do not meet, false alarms on real ones first.",
    )


def _coverage(rows: Sequence[Row]) -> kit.Section:
    cells: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        if _whole(row) and row["method"] is None and row["level"] == "media" and row["protocol"] != _LEFT_OUT:
            cells.setdefault((row["detector"], row["dataset"], row["family"]), {})[row["metric"]] = row
    names = ("coverage", "auc", "auc_with_lost", "milliseconds")
    heads = ("detector", "data set", "share scored", "AUC of those", "AUC of all", "ms a sample")
    columns = [kit.Column(name) for name in heads]
    blocks: list[kit.Block] = []
    for family in sorted({key[2] for key in cells}):
        lines = [
            [*key[:2], *(figure(found.get(name)) for name in names)]
            for key, found in sorted(cells.items())
            if key[2] == family and "coverage" in found
        ]
        if lines:
            blocks.append(kit.Details(family, [kit.Table(columns, lines)]))
    return kit.Section(
        "Coverage and speed",
        blocks,
        "A sample without a face, or on which a detector abstains, is lost to it. In the AUC of all, lost "
        "ones count with the prior: who answers seldom is not better for it.",
    )
