"""Sections of a run's report on detectors: coverage, leader board, calibration, abstention, training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.core import report as kit
from components.core.report import number, percent, short
from components.core.report_charts import Line, LineChart
from components.publish.forensics_exhibits import benchmark_sections
from components.publish.forensics_summary import REAL, UNLABELLED, ForensicsSummary

_CHARTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("loss", "Training loss", "nats a crop"),
    ("validation_auc", "AUC on the crops of the validation split", ""),
)
_LINES: Final = 4


def forensics_tiles(found: ForensicsSummary) -> list[kit.Tile]:
    """Large numbers for the head of the page; none is a figure of a detector: those need their interval."""
    samples = sum(one.samples for one in found.coverage.values())
    forged = sum(one.samples for (_, kind), one in found.coverage.items() if kind not in (REAL, UNLABELLED))
    families = {kind for _, kind in found.coverage} - {REAL, UNLABELLED}
    return [
        kit.Tile("images and videos", short(samples), f"{short(forged)} of them forged", "kept"),
        kit.Tile("families of forgeries", str(len(families)), "each measured by itself", "kept"),
        kit.Tile("detectors", str(len(found.detectors)), "measured on the same samples", "kept"),
    ]


def forensics_sections(found: ForensicsSummary) -> list[kit.Section]:
    """All sections on detectors; those of steps that were not run are left out."""
    return [
        *_coverage(found),
        *benchmark_sections(found.benchmark),
        *_detectors(found),
        *_training(found),
    ]


def _coverage(found: ForensicsSummary) -> list[kit.Section]:
    if not found.coverage:
        return []
    rows = [
        [
            dataset,
            kind,
            number(one.samples),
            percent(one.decoded, one.planned),
            percent(one.with_face, one.planned),
            number(one.faceless),
            ", ".join(f"{reason} {number(count)}" for reason, count in sorted(one.problems.items())) or "-",
        ]
        for (dataset, kind), one in sorted(found.coverage.items())
    ]
    columns = [kit.Column("data set"), kit.Column("kind")]
    columns += [
        kit.Column(name, "number")
        for name in ("samples", "frames decoded", "frames with a face", "without any face")
    ]
    told = [f"{name} {number(count)}" for name, count in sorted(found.splits.items())]
    split = f"Split: {', '.join(told)}. " if told else ""
    moved = (
        f"{number(found.moved)} were moved to another split, because they share a person, a source or "
        "near-duplicate faces with it."
        if found.moved
        else "No sample was moved between splits."
    )
    return [
        kit.Section(
            "What was looked at",
            [
                kit.Table([*columns, kit.Column("less than planned")], rows, "Samples by data set and kind"),
                kit.Paragraph(split + (moved if told else "")),
            ],
            "A detector can only judge what could be decoded and where a face was found: samples that were "
            "lost are counted beside every figure, and never left out in silence.",
        )
    ]


def _detectors(found: ForensicsSummary) -> list[kit.Section]:
    if not found.detectors:
        return []
    calibrated = {row["detector"]: row for row in found.calibrations}
    rows = []
    for name, use in sorted(found.detectors.items()):
        total = use.judged + use.abstained.total()
        fitted: Mapping[str, Any] = calibrated.get(name, {})
        known = bool(fitted) and fitted["method"] != "none"
        rows.append(
            [
                name,
                number(use.judged),
                ", ".join(f"{why} {number(count)}" for why, count in use.abstained.most_common()) or "-",
                f"{use.milliseconds / total:.3g}" if total else "-",
                fitted["method"] if known else "not calibrated",
                f"{fitted['threshold']:.3f}" if known else "-",
                f"{fitted['low']:.3f} to {fitted['high']:.3f}" if known else "always",
                _maybe(fitted.get("log_loss")),
                _maybe(fitted.get("ece")),
            ]
        )
    columns = [
        kit.Column("detector"),
        kit.Column("judged", "number"),
        kit.Column("abstained"),
        kit.Column("ms a sample", "number"),
        kit.Column("calibration"),
        kit.Column("threshold", "number"),
        kit.Column("can't tell between", "number"),
        kit.Column("log-loss", "number"),
        kit.Column("ECE", "number"),
    ]
    return [
        kit.Section(
            "Abstention and calibration",
            [kit.Table(columns, rows, "Detectors on clean samples")],
            "Probabilities, thresholds and the band in which a detector does not decide come from the "
            "validation split; log-loss and expected calibration error are cross-fitted there.",
        )
    ]


def _maybe(value: float | None) -> str:
    return "-" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _training(found: ForensicsSummary) -> list[kit.Section]:
    charts: list[kit.Block] = []
    for key, title, unit in _CHARTS:
        lines = [
            Line(name, points)
            for name, log in sorted(found.logs.items())
            if len(points := _points(log, key)) > 1
        ]
        charts += [
            LineChart(title, lines[start : start + _LINES], "step", unit)
            for start in range(0, len(lines), _LINES)
        ]
    return [kit.Section("Training", [kit.Columns(charts)])] if charts else []


def _points(log: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    return [(float(line["step"]), float(line[key])) for line in log if key in line and "step" in line]
