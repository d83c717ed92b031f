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

import base64
import functools
import io
import itertools
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal
from urllib.parse import urlsplit

import jinja2
import PIL.Image as PilImage
import PIL.ImageOps

from components.core.images import MAX_PIXELS, MAX_SIDE

TEMPLATES: Final = Path(__file__).parent / "templates"
THUMBNAIL_SIDE: Final = 320
"""Longest side of a thumbnail in pixels."""

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
class Figure:
    """A picture as a `data:` URI with its alternative text and a caption."""

    src: str
    alt: str = ""
    caption: str = ""
    width: int | None = None
    height: int | None = None


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
class GraphNode:
    """A box of a graph."""

    name: str
    title: str
    lines: Sequence[str] = ()
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """A directed graph without cycles, drawn from top to bottom; edges are pairs of node names."""

    nodes: Sequence[GraphNode]
    edges: Sequence[tuple[str, str]]
    label: str = ""
    template: ClassVar[str] = "graph"

    @property
    def drawing(self) -> Drawing:
        """Where everything goes."""
        return draw(self)


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


# Formats


def slug(text: str) -> str:
    """Text as a fragment identifier."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def number(value: float) -> str:
    """1234567 as 1,234,567; a fraction with up to three digits after the point."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 else f"{value:.2g}"
    return f"{int(value):,}"


def short(value: float) -> str:
    """1234567 as 1.2M: for ticks and tiles."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if unit == "k" else limit)
            return f"{scaled:.3g}{unit}" if scaled < 1000 else f"{scaled:,.0f}{unit}"
    return number(round(value, 1)) if value % 1 else number(value)


def tick(value: float) -> str:
    """An edge of a histogram in as few characters as tell it from its neighbours: 0.5, 1.4, 91, 5.8k."""
    if value >= 1000:
        return short(float(f"{value:.2g}")) if value >= 1e4 else f"{value / 1000:.3g}k"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def size(value: float) -> str:
    """Bytes in decimal units, such as 12.3 MB."""
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:.3g} {unit}"
    return f"{value:.0f} B"


def percent(part: float, whole: float) -> str:
    """A share, such as 12.3 %; never rounded to 0 % or 100 % unless it is."""
    if not whole:
        return "-"
    share = 100 * part / whole
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.1f} %" if 0 < share < 100 else f"{share:.0f} %"


def duration(seconds: float) -> str:
    """Seconds for a person: 0.4 s, 2 min 5 s, 3 h 12 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def web_link(url: str) -> str:
    """The URL if it is safe to make it a link (http or https), else nothing."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""


def thumbnail(data: bytes, *, side: int = THUMBNAIL_SIDE, quality: int = 72) -> Figure | None:
    """A picture of at most `side` pixels as a WebP `data:` URI; None where it can't be decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PilImage.open(io.BytesIO(data)) as picture:
                if max(picture.size) > MAX_SIDE or picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (2 * side, 2 * side))
                upright = PIL.ImageOps.exif_transpose(picture)
                transparent = "A" in upright.getbands() or "transparency" in upright.info
                small = upright.convert("RGBA" if transparent else "RGB")
                small.thumbnail((side, side), PilImage.Resampling.LANCZOS)
                out = io.BytesIO()
                small.save(out, "WEBP", quality=quality, method=4)
        except Exception:  # noqa: BLE001 - a picture that can't be drawn is left out; Pillow raises many types
            return None
    uri = "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()
    return Figure(uri, width=small.width, height=small.height)


# Graphs

NODE_WIDTH: Final = 236
_GAP_X: Final = 28
_PASS: Final = 12
_GAP_Y: Final = 46
_LINE: Final = 17
_PAD: Final = 12
_MAX_CHARS: Final = 25


@dataclass(frozen=True, slots=True)
class Placed:
    """A box with its corner and size, in pixels, and its lines cut to fit."""

    node: GraphNode
    x: float
    y: float
    width: float
    height: float
    title: str
    lines: Sequence[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A graph laid out: boxes, and edges as SVG paths."""

    width: float
    height: float
    boxes: Sequence[Placed]
    paths: Sequence[str]


def _cut(text: str, limit: int = _MAX_CHARS) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _layers(graph: Graph) -> dict[str, int]:
    """The layer of each node: one below the lowest of its parents.

    Raises:
        ValueError: where the edges go round in a circle.
    """
    names = [node.name for node in graph.nodes]
    parents: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in graph.edges:
        if parent in parents and child in parents:
            parents[child].append(parent)
    layer: dict[str, int] = {}
    left = names
    while left:
        ready = [name for name in left if all(parent in layer for parent in parents[name])]
        if not ready:
            raise ValueError(f"the graph has a cycle through {left[0]}")
        for name in ready:
            layer[name] = 1 + max((layer[parent] for parent in parents[name]), default=-1)
        left = [name for name in left if name not in layer]
    return layer


@dataclass(slots=True)
class _Spot:
    """A place in a layer: a node, or the point where an edge passes through to a lower layer."""

    node: GraphNode | None
    above: list[_Spot]
    x: float = 0.0
    top: float = 0.0
    bottom: float = 0.0

    @property
    def width(self) -> float:
        return NODE_WIDTH if self.node else _PASS

    @property
    def wanted(self) -> float | None:
        return sum(spot.x for spot in self.above) / len(self.above) if self.above else None


def _spots(graph: Graph) -> tuple[list[list[_Spot]], list[list[_Spot]]]:
    """The spots of each layer, and those that each edge goes through, from its parent to its child."""
    layer = _layers(graph)
    rows: list[list[_Spot]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    spots: dict[str, _Spot] = {}
    for node in graph.nodes:
        spots[node.name] = _Spot(node, [])
        rows[layer[node.name]].append(spots[node.name])
    routes = []
    for parent, child in graph.edges:
        if parent not in spots or child not in spots:
            continue
        route = [spots[parent]]
        for between in range(layer[parent] + 1, layer[child]):
            route.append(_Spot(None, [route[-1]]))
            rows[between].append(route[-1])
        spots[child].above.append(route[-1])
        routes.append([*route, spots[child]])
    return rows, routes


def draw(graph: Graph) -> Drawing:
    """Lay a graph out in layers; in each, a node stands near the middle of its parents.

    An edge that skips a layer is led between that layer's nodes.
    """
    rows, routes = _spots(graph)
    widths = [sum(spot.width + _GAP_X for spot in row) - _GAP_X for row in rows]
    total = max([*widths, 1.0])
    boxes: list[Placed] = []
    y = 1.0
    for row, width in zip(rows, widths, strict=True):
        row.sort(key=lambda spot: total / 2 if spot.wanted is None else spot.wanted)
        x = (total - width) / 2
        tallest = max(2 * _PAD + _LINE * (1 + len(s.node.lines if s.node else ())) - 3 for s in row)
        for spot in row:
            spot.x, spot.top, spot.bottom = x + spot.width / 2, y, y + tallest
            if spot.node:
                lines = [
                    (y + _PAD + 12 + _LINE * (n + 1), _cut(line, 34))
                    for n, line in enumerate(spot.node.lines)
                ]
                height = 2 * _PAD + _LINE * (1 + len(lines)) - 3.0
                boxes.append(Placed(spot.node, x, y, NODE_WIDTH, height, _cut(spot.node.title), lines))
                spot.bottom = y + height
            x += spot.width + _GAP_X
        y += tallest + _GAP_Y
    return Drawing(total, max(y - _GAP_Y + 1, 1), boxes, [_path(route) for route in routes])


def _path(route: Sequence[_Spot]) -> str:
    """An SVG path from the foot of the first spot, straight through passes, to the head of the last."""
    drawn = f"M{route[0].x:g} {route[0].bottom:g}"
    at = route[0].bottom
    for start, stop in itertools.pairwise(route):
        end = stop.top if stop.node is None else stop.top - 5
        middle = (at + end) / 2
        drawn += f"C{start.x:g} {middle:g} {stop.x:g} {middle:g} {stop.x:g} {end:g}"
        if stop.node is None:
            drawn += f"V{stop.bottom:g}"
            at = stop.bottom
    return drawn


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
