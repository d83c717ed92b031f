"""Sections of a run's report on detectors: coverage, leader board, calibration, abstention, training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from components.core import report as kit
from components.core.report import number, percent, short
from components.core.report_charts import Line, LineChart
from components.publish.forensics_exhibits import benchmark_sections
from components.publish.forensics_summary import REAL, UNLABELLED, ForensicsSummary, Points

_LINES: Final = 4
_TRAINING: Final = (
    "AUCs here are of the validation split, which chose what was kept: they flatter. They are of crops "
    "(networks) or samples (linear models), without intervals; 0.5 is chance. The leader board is what "
    "counts."
)


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
    blocks: list[kit.Block] = []
    if found.trained:
        rows = [
            [
                one.detector,
                one.without or "nothing",
                one.chosen,
                f"{sum(one.aucs.values()) / len(one.aucs):.3f}" if one.aucs else "-",
                ", ".join(f"{method} {auc:.3f}" for method, auc in sorted(one.aucs.items())) or "none",
            ]
            for one in found.trained
        ]
        columns = [kit.Column(name) for name in ("detector", "left out", "kept")]
        columns += [kit.Column("mean AUC", "number"), kit.Column("AUC by method")]
        blocks.append(kit.Table(columns, rows, "Trained models on the validation split"))
    whole = {name: points for name, points in found.losses.items() if " without " not in name}
    folds = {name: points for name, points in found.losses.items() if name not in whole}
    charts: list[kit.Block] = list(_charts("Training loss", "nats a crop", whole, zero=True))
    for name, methods in sorted(found.validations.items()):
        if name in whole:
            charts += _charts(f"Validation of {name}", "AUC", methods, zero=False)
    if charts:
        blocks.append(kit.Columns(charts))
    if folded := list(_charts("Training loss", "nats a crop", folds, zero=True)):
        blocks.append(kit.Details("Models without a method", [kit.Columns(folded)]))
    return [kit.Section("Training", blocks, _TRAINING)] if blocks else []


def _charts(title: str, unit: str, lines: Mapping[str, Points], *, zero: bool) -> Iterator[kit.LineChart]:
    """Charts of the lines that have more than one point, a few in each."""
    drawn = [Line(name, points) for name, points in sorted(lines.items()) if len(points) > 1]
    for start in range(0, len(drawn), _LINES):
        yield LineChart(title, drawn[start : start + _LINES], "step", unit, zero=zero)
