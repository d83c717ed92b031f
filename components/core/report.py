"""The report kit: one self-contained HTML file out of plain Python values.

A report is sections of blocks. Whatever a block holds is text and is escaped; there are no scripts,
and a content security policy keeps the page from asking the network for anything. It reads in light
and dark, on paper, and without colour: every shape has its number beside it.

Example:
    >>> funnel = Funnel([FunnelStep("read", rows_in=10, kept=8, dropped=2)])
    >>> render(Report("Run 7", "One step", [Section("Funnel", [funnel])])).startswith("<!doctype html>")
    True
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

import jinja2

from components.core.report_charts import Line, LineChart
from components.core.report_exhibits import Exhibit, Passage, Span
from components.core.report_formats import duration, number, percent, short, size, slug, tick, web_link
from components.core.report_graph import Drawing, Graph, GraphNode, draw
from components.core.report_pictures import THUMBNAIL_SIDE, Figure, thumbnail

__all__ = [
    "THUMBNAIL_SIDE", "Drawing", "Exhibit", "Figure", "Graph", "GraphNode", "Line", "LineChart", "Passage",
    "Span", "draw", "duration", "number", "percent", "short", "size", "slug", "thumbnail", "tick", "web_link",
]  # fmt: skip

TEMPLATES: Final = Path(__file__).parent / "templates"

Tone = Literal["kept", "dropped", "failed", "changed", "plain"]


# Blocks. `template` names the macro in templates/blocks.html.j2 that draws one.


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str
    template: ClassVar[str] = "paragraph"


@dataclass(frozen=True, slots=True)
class Tile:
    """One large number with its name and, in small print, what it means."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Tiles:
    """Large numbers side by side."""

    tiles: Sequence[Tile]
    template: ClassVar[str] = "tiles"


@dataclass(frozen=True, slots=True)
class Column:
    """A table's column. `number` aligns right in figures of one width, `code` is set in fixed pitch."""

    name: str
    kind: Literal["text", "number", "code"] = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table. Every row has a cell, as text, for each column."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    template: ClassVar[str] = "table"


@dataclass(frozen=True, slots=True)
class Bar:
    """One horizontal bar."""

    label: str
    value: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars on one scale from 0 to the largest, with what share of `total` each is."""

    bars: Sequence[Bar]
    title: str = ""
    tone: Tone = "plain"
    total: float | None = None
    template: ClassVar[str] = "bars"

    @property
    def scale(self) -> float:
        """The value of a full-length bar."""
        return max((bar.value for bar in self.bars), default=0) or 1


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One step of a funnel: what went in and what became of it.

    Attributes:
        label: name of the step.
        rows_in: rows the step got.
        kept: rows it passed on; of a step that does not conserve, the rows it derived.
        dropped: rows it refused.
        failed: rows it could not process.
        group: what a row is (documents, images): bars share a scale within a group.
        note: small print under the label.
        conserves: False for a step that derives rows and loses none; it is drawn in outline.
        href: fragment of this page with the details, such as #step-read.
    """

    label: str
    rows_in: int
    kept: int
    dropped: int = 0
    failed: int = 0
    group: str = "rows"
    note: str = ""
    conserves: bool = True
    href: str = ""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps under one another: kept, dropped and failed as one stacked bar each."""

    steps: Sequence[FunnelStep]
    template: ClassVar[str] = "funnel"

    def share(self, step: FunnelStep, amount: int) -> float:
        """Length of a part of the step's bar in percent of the widest bar of its group."""
        widest = max(
            max(s.rows_in, s.kept if not s.conserves else 0) for s in self.steps if s.group == step.group
        )
        return 100 * amount / widest if widest else 0.0


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts between edges; `edges` has one entry more than `counts`."""

    title: str
    edges: Sequence[float]
    counts: Sequence[int]
    unit: str = ""
    note: str = ""
    template: ClassVar[str] = "histogram"

    @property
    def tallest(self) -> int:
        """The largest count, at least 1."""
        return max(*self.counts, 1) if self.counts else 1

    @property
    def label_every(self) -> int:
        """How many bars share a tick label, so that labels don't touch."""
        return max(1, math.ceil(len(self.counts) / 8))


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures side by side."""

    figures: Sequence[Figure]
    template: ClassVar[str] = "gallery"


@dataclass(frozen=True, slots=True)
class ArticlePart:
    """One element of an interleaved document.

    Attributes:
        role: heading, paragraph, list, table, code, quote, figure or missing (an image not shown).
        text: its text; of a figure the caption; of a missing one what is said in its place.
        figure: of a figure.
        note: small print.
    """

    role: str
    text: str = ""
    figure: Figure | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """An interleaved document as a reader sees it, folded under its title."""

    title: str
    parts: Sequence[ArticlePart]
    badge: str = ""
    url: str = ""
    facts: Sequence[str] = ()
    identifier: str = ""
    cover: Figure | None = None
    open: bool = False
    template: ClassVar[str] = "article"


@dataclass(frozen=True, slots=True)
class Definitions:
    """Names with their values."""

    pairs: Sequence[tuple[str, str]]
    template: ClassVar[str] = "definitions"


@dataclass(frozen=True, slots=True)
class Columns:
    """Blocks side by side where the page is wide enough."""

    blocks: Sequence[Block]
    template: ClassVar[str] = "columns"


@dataclass(frozen=True, slots=True)
class Panel:
    """Blocks under a heading of their own, which can be linked to by `anchor`."""

    title: str
    blocks: Sequence[Block]
    note: str = ""
    anchor: str = ""
    template: ClassVar[str] = "panel"


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that are folded away under a summary."""

    summary: str
    blocks: Sequence[Block]
    open: bool = False
    template: ClassVar[str] = "details"


Block = (
    Paragraph
    | Tiles
    | Table
    | Bars
    | Funnel
    | Histogram
    | LineChart
    | Exhibit
    | Gallery
    | Article
    | Graph
    | Definitions
    | Columns
    | Panel
    | Details
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report that its contents list names."""

    title: str
    blocks: Sequence[Block]
    intro: str = ""

    @property
    def anchor(self) -> str:
        """Its fragment, without the #."""
        return slug(self.title)


@dataclass(frozen=True, slots=True)
class Report:
    """A page."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    tiles: Sequence[Tile] = ()
    facts: Sequence[tuple[str, str]] = ()
    kicker: str = "kalemint"
    footer: str = ""


# The page


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, short=short, tick=tick, size=size, duration=duration, web_link=web_link, slug=slug
    )
    environment.globals["percent"] = percent
    return environment


def render(report: Report) -> str:
    """The report as one HTML file. The same report gives the same bytes."""
    return _environment().get_template("report.html.j2").render(report=report)


def key_values(values: Mapping[str, object]) -> Definitions:
    """Parameters as a definition list, sorted by name; those of a part are named `part.name`."""
    return Definitions([(name, _plain(value)) for name, value in sorted(flatten(values))])


def flatten(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Names and values, where those of a nested mapping are named `outer.inner`."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _plain(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not set"}[value]
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_plain(v) for v in value) or "none"
    return str(value)
