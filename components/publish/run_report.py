"""The report of a run: what came in, what became of it and why, and what the result looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.core import report as kit
from components.core.report import number, short, size
from components.publish.aggregates import UNKNOWN, Aggregates, Distribution, Tally
from components.publish.forensics_report import forensics_sections, forensics_tiles
from components.publish.kale_report import caption_sections, caption_tiles
from components.publish.pictures import Pictures
from components.publish.removals import removals
from components.publish.screening_report import screening_sections
from components.publish.summary import DatasetSummary, Example, RunSummary, StepSummary

MAX_DOCUMENTS: Final = 10
"""Documents shown."""
_MAX_PARTS: Final = 60
_MAX_TEXT: Final = 1_500
_MAX_REASONS: Final = 12
_COVER_SIDE: Final = 128
_ROLES: Final = {"heading", "list", "table", "code", "quote"}
_FAMILY_NOTES: Final = {"dropped": "judged and refused", "failed": "could not be processed"}


def build_report(run: RunSummary) -> str:
    """The report as one HTML file of less than 5 MB. The same run gives the same bytes."""
    captions = run.captions
    images = dict(run.images)
    for part in (captions, run.screening):
        images |= part.images if part else {}
    pictures = Pictures(images)
    sections = [
        kit.Section(
            "Funnel",
            [_funnel([step for step in run.steps if not step.skipped]), *_skipped(run.steps)],
            "Every row that entered a step was kept, dropped for a reason, or failed. "
            "Bars of the same kind of row share one scale.",
        ),
        *(forensics_sections(run.forensics) if run.forensics else []),
        *(caption_sections(captions, pictures) if captions else []),
        *_documents(run, pictures),
        *(screening_sections(run.screening, pictures) if run.screening else []),
        *_distributions(run.aggregates),
        *_topics(run),
        *_removals(run.steps),
        *_decisions(run.steps),
        *_lineage(run),
        *_steps(run.steps),
    ]
    return kit.render(
        kit.Report(
            title=run.name,
            subtitle=run.description or "What went in, what became of it, and what came out.",
            sections=sections,
            tiles=_tiles(run),
            facts=_facts(run),
            kicker="kalemint run report",
            footer=f"Written by kalemint {run.code_version}. This page asks the network for nothing.",
        )
    )


def _skipped(steps: Sequence[StepSummary]) -> list[kit.Block]:
    by_reason: dict[str, list[str]] = {}
    for step in steps:
        if step.skipped:
            by_reason.setdefault(step.skipped, []).append(step.name)
    said = [f"{', '.join(names)} ({why})" for why, names in by_reason.items()]
    return [kit.Paragraph(f"Not run: {'; '.join(said)}.")] if said else []


def _tiles(run: RunSummary) -> list[kit.Tile]:
    found = run.aggregates
    dropped = sum(sum(step.dropped.values()) for step in run.steps)
    failed = sum(sum(step.failed.values()) for step in run.steps)
    tiles = [
        kit.Tile("documents", short(found.documents), "released", "kept"),
        kit.Tile("words", short(found.words.sum), f"{number(round(found.words.mean))} a document", "kept"),
        kit.Tile("images", short(found.images), f"with bytes, {size(found.image_bytes)}", "kept"),
    ]
    if run.forensics is not None:
        tiles = forensics_tiles(run.forensics)
    if run.captions is not None:
        tiles = [*(tiles if found.documents else []), *caption_tiles(run.captions.statistics)]
    tiles += [
        kit.Tile("dropped", short(dropped), "rows, over all steps", "dropped"),
        kit.Tile("failed", short(failed), "rows, over all steps", "failed"),
    ]
    seconds = [step.seconds for step in run.steps if step.seconds is not None]
    if seconds:
        tiles.append(kit.Tile("work", _coarse(sum(seconds)), "summed over workers"))
    return tiles


def _coarse(seconds: float) -> str:
    """A duration as one number for a tile: 42 s, 12 min or 3.5 h."""
    for limit, unit in ((3600, "h"), (60, "min")):
        if seconds >= limit:
            return f"{seconds / limit:.3g} {unit}"
    return f"{seconds:.2g} s"


def _facts(run: RunSummary) -> list[tuple[str, str]]:
    facts = [("digest", run.digest), ("code", run.code_version)]
    first, last = run.aggregates.first_crawl, run.aggregates.last_crawl
    if first and last:
        facts.append(("captured", " to ".join(dict.fromkeys([f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]))))
    return [(name, value) for name, value in facts if value]


def _anchor(step: StepSummary) -> str:
    return "step-" + kit.slug(step.name)


def _funnel(steps: Sequence[StepSummary]) -> kit.Funnel:
    return kit.Funnel(
        [
            kit.FunnelStep(
                step.name,
                step.rows_in,
                step.kept,
                sum(step.dropped.values()),
                sum(step.failed.values()),
                group=step.unit,
                note=step.family,
                conserves=step.conserves,
                href="#" + _anchor(step) if _has_decisions(step) else "",
            )
            for step in steps
        ]
    )


# Documents


def _documents(run: RunSummary, pictures: Pictures) -> list[kit.Section]:
    if run.samples is None or not run.samples.num_rows:
        return []
    rows = run.samples.slice(0, MAX_DOCUMENTS).to_pylist()
    rows.sort(key=_illustration, reverse=True)
    articles = [_article(row, pictures, opened=place == 0) for place, row in enumerate(rows)]
    intro = "Drawn by a hash of their ids from each kind of source: always the same. Most pictures first."
    return [kit.Section("Documents", articles, intro)]


def _illustration(row: Mapping[str, Any]) -> float:
    """Stored images for each hundred words: what is pleasant to look at first."""
    stored = sum(item["image_id"] is not None for item in row["items"])
    words = sum(len((item["text"] or "").split()) for item in row["items"])
    return stored / (100 + words)


def _article(row: Mapping[str, Any], pictures: Pictures, *, opened: bool) -> kit.Article:
    items = row["items"]
    covered = next((i["image_id"] for i in items if i["image_id"]), "")
    words = sum(len(i["text"].split()) for i in items if i["text"])
    images = sum(i["kind"] == "image" for i in items)
    facts = [f"{number(words)} words", f"{images} image{'' if images == 1 else 's'}"]
    if row["language"]:
        facts.append(row["language"])
    if row["license"]:
        facts.append(_license_name(row["license"]))
    parts = [_part(item, pictures) for item in items[:_MAX_PARTS]]
    if len(items) > _MAX_PARTS:
        parts.append(
            kit.ArticlePart("missing", f"{len(items) - _MAX_PARTS} further elements are not shown here.")
        )
    return kit.Article(
        title=row["title"] or _first_words(items) or row["id"],
        parts=parts,
        badge=row["source"],
        url=row["url"] or row["source_uri"],
        facts=facts,
        identifier=row["id"],
        cover=pictures.of(covered, side=_COVER_SIDE),
        open=opened,
    )


def _license_name(url: str) -> str:
    """CC BY 4.0 for a Creative Commons address; any other address as it is."""
    _, found, rest = url.partition("creativecommons.org/")
    parts = rest.strip("/").split("/")
    if found and parts[0] in {"licenses", "publicdomain"} and len(parts) > 1:
        return " ".join(["CC", parts[1].upper(), *parts[2:3]])
    return url


def _first_words(items: Sequence[Mapping[str, Any]]) -> str:
    text = next((i["text"] for i in items if i["text"]), "")
    return " ".join(text.split()[:12])


def _part(item: Mapping[str, Any], pictures: Pictures) -> kit.ArticlePart:
    if item["kind"] == "text":
        text = item["text"] or ""
        if len(text) > _MAX_TEXT:
            text = f"{text[:_MAX_TEXT].rsplit(' ', 1)[0]} … ({number(len(text))} characters)"
        return kit.ArticlePart(item["role"] if item["role"] in _ROLES else "paragraph", text)
    alt, caption = item["alt"] or "", item["caption"] or ""
    pixels = f"{item['width']}×{item['height']}" if item["width"] and item["height"] else ""
    note = " · ".join(p for p in (f"page {item['page']}" if item["page"] else "", pixels) if p)
    figure = pictures.of(item["image_id"] or "", alt or caption)
    if figure is None:
        why = "Image not shown here" if item["image_id"] else "Image not fetched"
        said = ": ".join(p for p in (why, caption or alt or item["url"] or "") if p)
        return kit.ArticlePart("missing", said[:_MAX_TEXT], note=note)
    return kit.ArticlePart("figure", (caption or alt)[:_MAX_TEXT], figure, note)


# Distributions


def _histogram(title: str, values: Distribution, unit: str) -> kit.Histogram:
    edges, counts = values.histogram()
    low, middle, high = (number(round(values.quantile(q))) for q in (0.05, 0.5, 0.95))
    note = f"median {middle}, 90 % from {low} to {high}"
    return kit.Histogram(title, edges, counts, unit, note)


def _tally(title: str, values: Tally, limit: int = 10, unknown: str = "unknown") -> kit.Bars | None:
    top = values.top(limit)
    if not top:
        return None
    bars = [kit.Bar(unknown if n == UNKNOWN else _license_name(n), amount) for n, amount in top]
    rest = values.total - sum(amount for _, amount in top)
    left = len(values.counts) - len(top)
    shown = f"{title} ({number(left)} more with {number(rest)})" if rest else title
    return kit.Bars(bars, shown, total=values.total)


def _distributions(found: Aggregates) -> list[kit.Section]:
    histograms = [
        _histogram(title, values, unit)
        for title, values, unit in (
            ("Words per document", found.words, "words"),
            ("Images per document", found.images_per_document, "images"),
            ("Image width", found.widths, "pixels"),
            ("Image height", found.heights, "pixels"),
        )
        if values.total
    ]
    tallies = [
        _tally("Sources", found.sources),
        _tally("Languages", found.languages, unknown="not identified"),
        _tally("Domains", found.domains, unknown="no address"),
        _tally("Licences declared", found.licenses, unknown="none declared"),
        _tally("Image formats", found.formats),
        _tally("robots.txt", found.robots),
    ]
    drawn = [bars for bars in tallies if bars]
    blocks: list[kit.Block] = []
    if histograms:
        blocks.append(kit.Columns(histograms))
    if drawn:
        blocks.append(kit.Columns(drawn))
    intro = "Of the released documents and images. Wide ranges are drawn on a logarithmic scale."
    return [kit.Section("Distributions", blocks, intro)] if blocks else []


def _topics(run: RunSummary) -> list[kit.Section]:
    if run.topics is None:
        return []
    found = run.topics
    bars = [kit.Bar(", ".join(topic.words[:5]), topic.share) for topic in found.topics[:20]]
    by_source = "; ".join(f"{name} {number(value)}" for name, value in found.effective_by_source.items())
    intro = (
        f"{len(found.topics)} topics found in {number(found.documents)} documents, as diverse as "
        f"{number(found.effective)} equally frequent ones ({by_source})."
    )
    return [kit.Section("Topics", [kit.Bars(bars, "Share of the text by topic", total=1.0)], intro)]


def _removals(steps: Sequence[StepSummary]) -> list[kit.Section]:
    found = removals(steps)
    if not found:
        return []
    columns = [
        kit.Column("step"),
        kit.Column("rule"),
        kit.Column("records"),
        kit.Column("removed", "number"),
        kit.Column("of the step", "number"),
        kit.Column("of all", "number"),
    ]
    rows = [
        [
            line.step,
            line.reason if line.action != "changed" else f"{line.reason} (in part)",
            line.kind,
            number(line.removed),
            "" if line.share_of_step is None else f"{line.share_of_step:.2%}",
            "" if line.share_of_all is None else f"{line.share_of_all:.2%}",
        ]
        for line in found
    ]
    intro = "What every rule removed, of the records that reached its step and of all there were."
    return [kit.Section("Removed by rule", [kit.Table(columns, rows)], intro)]


# Decisions


def _has_decisions(step: StepSummary) -> bool:
    return bool(step.dropped or step.failed or step.changed)


def _decisions(steps: Sequence[StepSummary]) -> list[kit.Section]:
    panels = [
        kit.Panel(step.name, _reasons(step), f"{number(step.rows_in)} {step.unit} in", _anchor(step))
        for step in steps
        if _has_decisions(step)
    ]
    intro = (
        "Why rows were dropped, failed or changed, with a few of them. "
        "The command kalemint why, followed by an id, tells the whole story of one."
    )
    return [kit.Section("Decisions", panels, intro)] if panels else []


def _reasons(step: StepSummary) -> list[kit.Block]:
    blocks: list[kit.Block] = []
    tallies: tuple[tuple[kit.Tone, dict[str, int]], ...] = (
        ("dropped", step.dropped),
        ("failed", step.failed),
        ("changed", step.changed),
    )
    for action, counts in tallies:
        if not counts:
            continue
        top = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        # a record has a line for each change, so these are no share of the rows
        total = step.rows_in if step.conserves and action != "changed" else None
        bars = [kit.Bar(reason, amount) for reason, amount in top[:_MAX_REASONS]]
        more = f", {len(top) - _MAX_REASONS} rarer reasons not drawn" if len(top) > _MAX_REASONS else ""
        note = {"changed": "kept, but a part was removed or altered"} | _FAMILY_NOTES
        blocks.append(kit.Bars(bars, f"{action.capitalize()}: {note[action]}{more}", action, total))
    lines = [
        (action, reason, example)
        for action, counts in tallies
        for reason, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        for example in step.examples.get((action, reason), [])
    ]
    if lines:
        blocks.append(
            kit.Details(f"{len(lines)} example{'' if len(lines) == 1 else 's'}", [_examples(lines)])
        )
    return blocks


def _examples(lines: Sequence[tuple[str, str, Example]]) -> kit.Table:
    scored = any(example.score is not None for _, _, example in lines)
    columns = [kit.Column("decision"), kit.Column("record", "code"), kit.Column("what was found")]
    if scored:
        columns += [kit.Column("score", "number"), kit.Column("threshold", "number")]
    rows = []
    for action, reason, example in lines:
        found = " - ".join(t for t in (example.detail, example.locator) if t)
        row = [f"{action}: {reason}", example.record_id, found]
        if scored:
            row += ["" if v is None else number(v) for v in (example.score, example.threshold)]
        rows.append(row)
    return kit.Table(columns, rows)


# Lineage and parameters


def _lineage(run: RunSummary) -> list[kit.Section]:
    datasets = run.datasets
    if not datasets:
        return []
    names = {dataset.name for dataset in datasets}
    nodes = [kit.GraphNode(d.name, d.name, _node_lines(d), _tone(d)) for d in datasets]
    edges = [
        (parent, d.name) for d in datasets for parent in d.parents if parent in names and parent != d.name
    ]
    graph = kit.Graph(nodes, edges, f"How {len(nodes)} datasets were made from one another")
    columns = [
        kit.Column("dataset"),
        kit.Column("schema"),
        kit.Column("rows", "number"),
        kit.Column("shards", "number"),
        kit.Column("size", "number"),
        kit.Column("digest", "code"),
    ]
    rows = [[d.name, d.schema, number(d.rows), number(d.shards), size(d.bytes), d.digest] for d in datasets]
    blocks: list[kit.Block] = [
        graph,
        kit.Details("All datasets with their digests", [kit.Table(columns, rows)]),
    ]
    if run.sources:
        listed = [kit.Paragraph(source) for source in run.sources[:20]]
        if len(run.sources) > len(listed):
            listed.append(kit.Paragraph(f"and {number(len(run.sources) - len(listed))} more"))
        blocks.insert(0, kit.Details(f"Read from {len(run.sources)} locations", listed))
    return [
        kit.Section(
            "Lineage", blocks, "Each box is a dataset; arrows lead from what was read to what was written."
        )
    ]


def _node_lines(dataset: DatasetSummary) -> list[str]:
    shards = f"{number(dataset.shards)} shard{'' if dataset.shards == 1 else 's'}"
    return [f"{number(dataset.rows)} rows · {size(dataset.bytes)}", f"{dataset.schema} · {shards}"]


def _tone(dataset: DatasetSummary) -> str:
    kind = dataset.schema.partition("/")[0]
    return "release" if kind.startswith(("mint", "kale")) else kind


def _steps(steps: Sequence[StepSummary]) -> list[kit.Section]:
    panels: list[kit.Block] = []
    for step in steps:
        blocks: list[kit.Block] = []
        if step.params:
            blocks.append(kit.key_values(step.params))
        if step.counters:
            counters = kit.key_values(step.counters)
            blocks.append(kit.Details(f"{len(step.counters)} counters", [counters]))
        if blocks:
            took = kit.duration(step.seconds) if step.seconds is not None else ""
            about = [f"version {step.version}" if step.version else "", took]
            panels.append(kit.Panel(step.name, blocks, ", ".join(a for a in about if a)))
    intro = "What every step was told to do, and what it counted."
    return [kit.Section("Parameters", panels, intro)] if panels else []
