"""Sections of a run's report on captions: numbers, truth layer, training, gate and audit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from components.core import report as kit
from components.core.report import number, percent, short, size
from components.publish.caption_exhibits import SOURCE_NAMES, STAGES, blind_comparison, caption_samples
from components.publish.caption_statistics import PUBLISHED, SOURCES, VERDICTS, CaptionStatistics
from components.publish.caption_summary import LEXICAL, CaptionSummary, Training
from components.publish.pictures import Pictures

FALLBACK: Final = (
    "No model judged these claims. Words were compared, which is a fall-back: the dense caption stands for "
    "the pixels and is believed itself, and a rewording can count as unsupported."
)
_KINDS: Final = {
    "dense": "of the pixels alone",
    "fused": "dense caption and alternative text merged",
    "one_pass": "of image, alternative text and page at once",
    "student": "by the distilled captioner",
}
_CHARTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("loss", "Training loss", "nats a token"),
    ("tokens_per_second", "Throughput in tokens", "tokens/s"),
    ("rows_per_second", "Throughput in examples", "examples/s"),
    ("lr", "Learning rate", ""),
    ("gradient_norm", "Norm of the gradient", ""),
    ("mfu", "Model FLOP utilisation", "share of the peak"),
)
_MAX_DRIFTS: Final = 50
_MAX_TRAINING_SAMPLES: Final = 24


def caption_tiles(found: CaptionStatistics) -> list[kit.Tile]:
    """Large numbers for the head of the page."""
    judged, known = sum(found.judged.values()), sum(found.knowledge.values())
    published = PUBLISHED["words_per_caption"]
    return [
        kit.Tile("captions", short(found.captions), "released", "kept"),
        kit.Tile("words per caption", f"{found.words.mean:.1f}", f"mean; BLIP3-KALE: {published}", "kept"),
        kit.Tile("with knowledge", percent(known, judged), f"of {short(judged)} judged", "kept"),
    ]


def caption_sections(captions: CaptionSummary, pictures: Pictures) -> list[kit.Section]:
    """All sections on captions; those of steps that were not run are left out."""
    return [
        *_numbers(captions),
        *caption_samples(captions, pictures),
        *_truth(captions),
        *_training(captions),
        *_gate(captions),
        *blind_comparison(captions, pictures),
        *_audit(captions),
    ]


# Numbers


def _numbers(captions: CaptionSummary) -> list[kit.Section]:
    found = captions.statistics
    if not found.captions:
        return [kit.Section("Captions", [kit.Paragraph("No caption was released.")])]
    vocabulary = found.vocabulary
    low, middle, high = (number(round(found.words.quantile(q))) for q in (0.05, 0.5, 0.95))
    tiles = [
        kit.Tile("captions", short(found.captions), f"BLIP3-KALE: {short(PUBLISHED['captions'])}"),
        kit.Tile("words, mean", f"{found.words.mean:.2f}", f"BLIP3-KALE: {PUBLISHED['words_per_caption']}"),
        kit.Tile("words, median", middle, f"90 % from {low} to {high}"),
        kit.Tile(
            "vocabulary",
            short(vocabulary.count),
            "distinct words" if vocabulary.exact else "distinct words, within 0.4 %",
        ),
        kit.Tile(
            "words from alt text",
            f"{found.knowledge_words.mean:.2f}" if found.compared else "-",
            f"a caption, of {short(found.compared)} with both sources",
        ),
    ]
    edges, counts = found.words.histogram()
    drawn: list[kit.Block] = [
        kit.Histogram("Words per caption", edges, counts, "words", f"mean {found.words.mean:.2f}"),
        kit.Bars(
            [kit.Bar(kind, n, _KINDS.get(kind, "")) for kind, n in sorted(captions.kinds.items())],
            "How they were made",
            total=sum(captions.kinds.values()),
        ),
        kit.Bars(
            [kit.Bar(name, n) for name, n in found.captioners.top(10)],
            "Models that wrote them",
            total=found.captions,
        ),
    ]
    return [
        kit.Section(
            "Captions",
            [kit.Tiles(tiles), kit.Columns(drawn), _by_stage(found)],
            "Of the released captions. BLIP3-KALE's own figures (arXiv 2411.07461, Table 1) are given to "
            "compare: its images, models and scale were others.",
        )
    ]


def _by_stage(found: CaptionStatistics) -> kit.Table:
    names = (
        "captions",
        "words, mean",
        "5 %",
        "median",
        "95 %",
        "judged",
        "with knowledge",
        "claims",
        "removed",
    )
    rows = []
    for stage, words in sorted(found.stages.items()):
        judged, claims = found.judged[stage], found.claim_count(stage=stage)
        rows.append(
            [
                STAGES[stage],
                number(words.total),
                f"{words.mean:.2f}",
                *(number(round(words.quantile(q))) for q in (0.05, 0.5, 0.95)),
                number(judged),
                percent(found.knowledge[stage], judged),
                number(claims),
                percent(found.claim_count(stage=stage, removed=True), claims),
            ]
        )
    return kit.Table([kit.Column("stage"), *(kit.Column(n, "number") for n in names)], rows, "By stage")


# Truth layer


def judge_lines(captions: CaptionSummary) -> list[str]:
    """Who judged the claims, one sentence each; a judge that only compares words is called a fall-back."""
    uses: dict[tuple[str, str, str], int] = {}
    for use in captions.judges():
        who = use.identity
        key = (str(who["engine"]), str(who["model"]), str(who["prompt"]))
        uses[key] = uses.get(key, 0) + use.captions
    return [
        f"{FALLBACK} ({number(amount)} captions)"
        if engine == LEXICAL
        else f"Judged by {model} ({engine}, prompt {prompt}): {number(amount)} captions."
        for (engine, model, prompt), amount in sorted(uses.items())
    ]


def claim_rows(found: CaptionStatistics) -> list[list[str]]:
    """Source, verdict, claims, their share of all, those removed and the rate of that, as text."""
    total = found.claim_count()
    rows = []
    for source in SOURCES:
        for verdict in VERDICTS:
            claims = found.claim_count(source=source, verdict=verdict)
            gone = found.claim_count(source=source, verdict=verdict, removed=True)
            if claims:
                cells = [number(claims), percent(claims, total), number(gone), percent(gone, claims)]
                rows.append([SOURCE_NAMES[source], verdict, *cells])
    return rows


def _claim_bars(found: CaptionStatistics) -> kit.Columns:
    total = found.claim_count()
    sources = [kit.Bar(SOURCE_NAMES[source], found.claim_count(source=source)) for source in SOURCES]
    verdicts = []
    for verdict in VERDICTS:
        gone = found.claim_count(verdict=verdict, removed=True)
        verdicts.append(
            kit.Bar(verdict, found.claim_count(verdict=verdict), f"{number(gone)} removed" if gone else "")
        )
    return kit.Columns(
        [
            kit.Bars(sources, "What supports the claims", total=total),
            kit.Bars(verdicts, "Verdicts", total=total),
        ]
    )


def _truth(captions: CaptionSummary) -> list[kit.Section]:
    found = captions.statistics
    total, gone = found.claim_count(), found.claim_count(removed=True)
    if not total:
        return []
    believed = f"{number(captions.believed)} claims were believed, with nothing to hold against them."
    said = [
        *judge_lines(captions),
        *([believed] if captions.believed else []),
        f"{number(gone)} of {number(total)} claims were taken out ({percent(gone, total)}).",
    ]
    columns = [
        kit.Column("source"),
        kit.Column("verdict"),
        *(kit.Column(n, "number") for n in ("claims", "of all", "removed", "removal rate")),
    ]
    table = kit.Table(columns, claim_rows(found), "Claims by source and verdict")
    return [
        kit.Section(
            "Truth layer",
            [*map(kit.Paragraph, said), _claim_bars(found), table],
            "A caption is split into claims, and each is held against the pixels, the alternative text and "
            "the page. A rate is as good as its judge.",
        )
    ]


# Training


def _training(captions: CaptionSummary) -> list[kit.Section]:
    panels = [kit.Panel(t.step, list(_trained(t)), _trained_note(t)) for t in captions.trainings]
    intro = "Of the trained model's own log: a value a logged step."
    return [kit.Section("Training", panels, intro)] if panels else []


def _trained_note(training: Training) -> str:
    weights = sum(amount for name, amount in training.files.items() if name.endswith(".safetensors"))
    steps = max((row.get("step", 0) for row in training.log), default=0)
    return f"{number(steps)} steps, weights {size(weights)}"


def _trained(training: Training) -> Iterator[kit.Block]:
    charts = [
        kit.LineChart(title, lines, "step", unit)
        for column, title, unit in _CHARTS
        if (lines := _lines(training.log, column))
    ]
    if charts:
        yield kit.Columns(charts)
    if training.samples:
        columns = [kit.Column("step", "number"), kit.Column("written then"), kit.Column("wanted")]
        rows = [
            [number(row["step"]), row["caption"], row["target"]]
            for row in training.samples[-_MAX_TRAINING_SAMPLES:]
        ]
        yield kit.Details(f"{len(rows)} captions written during training", [kit.Table(columns, rows)])


def _lines(log: Sequence[Mapping[str, Any]], column: str) -> list[kit.Line]:
    """The values of a column over the steps; a column of several values (rates by part) is a line each."""
    points: dict[str, list[tuple[float, float]]] = {}
    for row in log:
        value = row.get(column)
        parts = value if isinstance(value, Mapping) else {column: value}
        for name, one in parts.items():
            if one is not None:
                points.setdefault(name, []).append((float(row["step"]), float(one)))
    return [kit.Line(name.replace("_", " "), found) for name, found in points.items()]


# Gate and audit


def gate_rows(gate: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Metric, value, interval, threshold, verdict and images, as text."""
    said = {True: "passed", False: "NOT passed", None: "not decided on"}
    return [
        [
            row["metric"],
            f"{row['value']:.4g}",
            "" if row["low"] is None or row["high"] is None else f"{row['low']:.4g} to {row['high']:.4g}",
            "" if row["threshold"] is None else f"{row['threshold']:.4g}",
            said[row["passed"]],
            number(row["rows"]),
        ]
        for row in gate
    ]


def _gate(captions: CaptionSummary) -> list[kit.Section]:
    if not captions.gate:
        return []
    names = ("value", "95 % interval", "threshold")
    columns = [
        kit.Column("metric"),
        *(kit.Column(n, "number") for n in names),
        kit.Column("verdict"),
        kit.Column("images", "number"),
    ]
    decided = [row["passed"] for row in captions.gate if row["passed"] is not None]
    intro = (
        f"The student on held-out images: {sum(decided)} of {len(decided)} conditions met. "
        "Metrics without a threshold are told and decide nothing."
    )
    return [kit.Section("Gate", [kit.Table(columns, gate_rows(captions.gate))], intro)]


def _audit(captions: CaptionSummary) -> list[kit.Section]:
    rows = captions.audits
    if not rows:
        return []
    lines = [kit.Line("agreement of student and teacher", [(r["shard"], r["agreement"]) for r in rows])]
    if any(r["expected"] is not None for r in rows):
        expected = [(r["shard"], math.nan if r["expected"] is None else r["expected"]) for r in rows]
        lines.append(kit.Line("at the gate", expected))
    audited = sum(r["rows"] for r in rows)
    mean = sum(r["rows"] * r["agreement"] for r in rows) / audited if audited else 0.0
    blocks: list[kit.Block] = [
        kit.Columns(
            [
                kit.LineChart("Agreement by shard", lines, "shard", "word F1", f"mean {mean:.3f}"),
                kit.LineChart(
                    "Degenerate captions by shard",
                    [kit.Line("degenerate", [(r["shard"], r["degenerate"]) for r in rows])],
                    "shard",
                    "share",
                ),
            ]
        )
    ]
    drifted = [r for r in rows if r["drifted"]]
    if drifted:
        columns = [
            kit.Column(n, "number") for n in ("shard", "images", "agreement", "at the gate", "degenerate")
        ]
        cells = [
            [
                number(r["shard"]),
                number(r["rows"]),
                f"{r['agreement']:.3f}",
                "" if r["expected"] is None else f"{r['expected']:.3f}",
                f"{r['degenerate']:.3f}",
            ]
            for r in drifted[:_MAX_DRIFTS]
        ]
        more = f" (the first {_MAX_DRIFTS} of {len(drifted)})" if len(drifted) > _MAX_DRIFTS else ""
        blocks.append(kit.Table(columns, cells, f"Shards with a drift alarm{more}"))
    intro = (
        f"{number(audited)} images of {number(len(rows))} shards were captioned by teacher and student. "
        f"The drift alarm went off in {number(len(drifted))} of them."
    )
    return [kit.Section("Audit", blocks, intro)]
