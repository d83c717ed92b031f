r"""Figures, tables, captions, images, algorithms and listings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from components.core.records import Item
from components.crawl.latex import vocabulary as words
from components.crawl.latex.render import Renderer
from components.crawl.latex.state import Action, EnvironmentAction
from components.crawl.latex.text import tidy

_MAX_SPAN: Final = 50
_WORD: Final = re.compile(r"[^\W\d_]{2,}")
_SMALL_FLOAT_WORDS: Final = 4
_MAX_LABEL: Final = 200
MAX_NESTING: Final = 10
"""Floats or tables within one another; deeper ones are read as plain text, or moving them up costs n^2."""


# -- tables ----------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Table:
    """A table that is open: the cells of the row, the rows so far. `inner` is one within a cell."""

    inner: bool
    rows: list[list[str]] = field(default_factory=list)
    row: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    span: int = 1
    head: int | None = None

    def next_cell(self, renderer: Renderer) -> None:
        """The text set so far is a cell."""
        self.row.append(tidy("".join(renderer.buf)))
        renderer.buf.clear()
        self.row.extend([""] * (self.span - 1))
        self.span = 1

    def next_row(self, renderer: Renderer) -> None:
        """The text set so far ends a row."""
        self.next_cell(renderer)
        if any(self.row):
            self.rows.append(self.row)
        self.row = []

    def text(self) -> str:
        """The rows, one a line, cells apart by ` | `; empty cells keep their place."""
        if self.inner:
            return " ".join(cell for row in self.rows for cell in row if cell)
        return "\n".join(" | ".join(row).rstrip(" |") or "" for row in self.rows)


def tabular(renderer: Renderer, name: str) -> None:
    """A table: rows of cells."""
    renderer.skip_arguments(words.TABULARS.get(name, "om"))
    if len(renderer.tables) >= MAX_NESTING:
        renderer.begin(name)
        return
    table = Table(inner=bool(renderer.tables))
    outer_buf, outer_inline = renderer.buf, renderer.inline
    if not table.inner and not renderer.inline:
        renderer.end_paragraph()
    renderer.tables.append(table)
    renderer.buf, renderer.inline = [], renderer.inline + 1

    def finish(ended: Renderer, _: list[Item]) -> None:
        table.next_row(ended)
        if ended.tables and ended.tables[-1] is table:
            ended.tables.pop()
        ended.buf, ended.inline = outer_buf, outer_inline
        text = table.text()
        for words_above in table.captions:
            ended.block(words_above, "paragraph")
        if table.inner or ended.inline:
            ended.buf += [" ", text.replace("\n", "; "), " "]
        elif len(table.rows) == 1 and len([cell for cell in table.rows[0] if cell]) <= 1:
            ended.block(text, "paragraph")  # a box around one text, not a table
        else:
            ended.block(text, "table")

    renderer.begin(name, finish)


def multicolumn(renderer: Renderer) -> None:
    r"""`\multicolumn{2}{c}{text}`: the text, then empty cells."""
    digits = renderer.gullet.read_text()
    renderer.gullet.read_arg()
    if renderer.tables and digits.isdecimal():
        renderer.tables[-1].span = min(int(digits[:3]), _MAX_SPAN)


def end_of_head(renderer: Renderer) -> None:
    r"""`\endfirsthead`, `\endhead`: the rows so far are the head; a second head only repeats it."""
    if renderer.tables:
        table = renderer.tables[-1]
        table.next_row(renderer)
        if table.head is None:
            table.head = len(table.rows)
        table.rows = table.rows[: table.head]


def end_of_foot(renderer: Renderer) -> None:
    r"""`\endfoot`, `\endlastfoot`: what came since the head is set at the foot of each page."""
    if renderer.tables:
        table = renderer.tables[-1]
        table.next_row(renderer)
        table.rows = table.rows[: table.head or 0]


def table_head(renderer: Renderer) -> None:
    r"""`\tablehead{\colhead{a} & …}` of AASTeX: a row."""
    if renderer.tables:
        renderer.gullet.push([*renderer.gullet.read_arg(), "\\tabularnewline"])


def table_comments(renderer: Renderer) -> None:
    r"""`\tablecomments{…}` of AASTeX: a paragraph after the table."""

    def finish(text: str) -> None:
        if text:
            renderer.floats.append(Item("text", "paragraph", text))

    renderer.capture(finish)


# -- floats ----------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Figure:
    """A figure that is open, or a part of one with its own caption."""

    part: bool
    kind: str
    images: list[Item] = field(default_factory=list)
    caption: str | None = None


def figure(kind: str, spec: str, *, part: bool = False) -> EnvironmentAction:
    """A float, or a part of it (`subfigure`, a `minipage` within a figure)."""

    def action(renderer: Renderer, name: str) -> None:
        if (part and not renderer.figures) or len(renderer.figures) >= MAX_NESTING:
            renderer.environments["center"](renderer, name)
            return
        renderer.skip_arguments(spec)
        state = Figure(part=part, kind=kind)
        tables, renderer.tables = renderer.tables, []
        if part:
            _count_part(renderer)
        renderer.figures.append(state)

        def finish(ended: Renderer, inner: list[Item]) -> None:
            ended.tables = tables
            if ended.figures and ended.figures[-1] is state:
                ended.figures.pop()
            if part and ended.figures:
                ended.figures[-1].images += state.images
                ended.items += _captioned(state, _own_label(state, inner))
            else:
                ended.place(_captioned(state, inner))

        renderer.begin(name, finish, isolate=True)

    return action


def _count_part(renderer: Renderer) -> None:
    """A part gets the next letter, as `\\ref` to it prints it."""
    figures = [state for state in renderer.figures if not state.part]
    counter = figures[-1].kind if figures else "figure"
    letter = renderer.labels.counters.get("part:" + counter, 0) + 1
    renderer.labels.counters["part:" + counter] = letter
    main = figures[-1] if figures else None
    number = renderer.labels.number(counter)
    if main is None or main.caption is None:  # the caption, which counts, comes after its parts
        bare = renderer.labels.counters.get(counter, 0) + 1
        number = ".".join([*number.split(".")[:-1], str(bare)])
    renderer.labels.current = (counter, f"{number}{chr(96 + letter)}" if letter < 27 else number)


def _captioned(state: Figure, inner: list[Item]) -> list[Item]:
    """The items of a float with its caption where it belongs.

    An image without a caption of its own takes the float's. Where no image could, the caption stays
    as a text. Text beside images that is no more than a label, as `(a)`, is left out.
    """
    waiting = [item for item in state.images if item.caption is None]
    if state.caption:
        for item in waiting:
            item.caption = state.caption
    if not state.images:
        return inner
    taken = bool(waiting) and state.caption is not None
    kept: list[Item] = []
    for item in inner:
        if item.kind == "text" and item.role == "figure":
            if not (taken and item.text == state.caption):
                kept.append(item)
        elif item.kind == "image" or item.role != "paragraph" or _says_something(item.text or ""):
            kept.append(item)
    return kept


def _own_label(state: Figure, inner: list[Item]) -> list[Item]:
    """The items of a part; a short text beside its only image becomes that image's caption."""
    texts = [item for item in inner if item.kind == "text" and item.role == "paragraph"]
    words_beside = " ".join(item.text or "" for item in texts)
    if (
        state.caption
        or len(state.images) != 1
        or len(words_beside) > _MAX_LABEL
        or not _WORD.search(words_beside)
    ):
        return inner
    state.images[0].caption = words_beside
    return [item for item in inner if item not in texts]


def _says_something(text: str) -> bool:
    return len(_WORD.findall(text)) >= _SMALL_FLOAT_WORDS


def caption(renderer: Renderer) -> None:
    r"""`\caption[short]{…}`: of the innermost figure or part, or of a table."""
    renderer.gullet.read_star()
    renderer.gullet.read_optional()
    figures = renderer.figures
    state = figures[-1] if figures else None
    if state is not None and not state.part:
        renderer.labels.step(state.kind)
        renderer.labels.counters["part:" + state.kind] = 0
    _capture_caption(renderer, state)


def caption_of(renderer: Renderer) -> None:
    r"""`\captionof{table}{…}` outside a float, as within a minipage."""
    renderer.gullet.read_star()
    kind = renderer.gullet.read_text()
    renderer.gullet.read_optional()
    state = renderer.figures[-1] if renderer.figures else None
    renderer.labels.step(kind)
    _capture_caption(renderer, state if state is not None and state.images else None)


def _capture_caption(renderer: Renderer, state: Figure | None) -> None:
    def finish(text: str) -> None:
        if not text:
            return
        is_figure = state is not None and state.kind == "figure"
        if state is not None and state.caption is None and (is_figure or state.images):
            state.caption = text
        if renderer.tables:  # within a longtable
            renderer.tables[-1].captions.append(text)
        elif renderer.inline:
            renderer.buf.append(f" {text} ")
        else:
            renderer.end_paragraph()
            renderer.emit(Item("text", "figure" if is_figure else "paragraph", text))

    renderer.capture(finish)


def sub_float(renderer: Renderer) -> None:
    r"""`\subfloat[caption]{\includegraphics…}` and `\subfigure[caption]{…}`."""
    gullet = renderer.gullet
    given = gullet.read_optional()
    second = gullet.read_optional()
    _part(renderer, second if second is not None else given)


def sub_caption_box(renderer: Renderer) -> None:
    r"""`\subcaptionbox{caption}[width][…]{…}`."""
    gullet = renderer.gullet
    gullet.read_star()
    if gullet.read_optional() is not None:
        gullet.skip_spaces()
    given = gullet.read_arg()
    gullet.read_optional()
    gullet.read_optional()
    _part(renderer, given)


def _part(renderer: Renderer, given: list[str] | None) -> None:
    body = renderer.gullet.read_arg()
    mark = ["\\caption", "{", *given, "}"] if given else []
    renderer.gullet.push(
        ["\\begin", "{", "subfloat", "}", *body, *mark, "\\end", "{", "subfloat", "}"]
    )  # fmt: skip


COMMANDS: Final[dict[str, Action]] = {
    "\\caption": caption,
    "\\subcaption": caption,
    "\\tablecaption": caption,
    "\\figcaption": caption,
    "\\captionof": caption_of,
    "\\subfloat": sub_float,
    "\\subfigure": sub_float,
    "\\subtable": sub_float,
    "\\subcaptionbox": sub_caption_box,
    "\\multicolumn": multicolumn,
    "\\multirow": lambda renderer: renderer.skip_arguments("omom"),
    "\\endfirsthead": end_of_head,
    "\\endhead": end_of_head,
    "\\endfoot": end_of_foot,
    "\\endlastfoot": end_of_foot,
    "\\tablehead": table_head,
    "\\tablecomments": table_comments,
}  # fmt: skip

ENVIRONMENTS: Final[dict[str, EnvironmentAction]] = {
    **dict.fromkeys(words.TABULARS, tabular),
    **dict.fromkeys(
        ["figure", "figure*", "sidewaysfigure", "sidewaysfigure*", "SCfigure"], figure("figure", "o")
    ),
    **dict.fromkeys(["wrapfigure", "floatingfigure", "wrapfigure*"], figure("figure", "omom")),
    **dict.fromkeys(["table", "table*", "sidewaystable", "sidewaystable*"], figure("table", "o")),
    "wraptable": figure("table", "omom"),
    **dict.fromkeys(["listing", "codelisting", "scheme"], figure("listing", "o")),
    "marginfigure": figure("figure", "o"),
    "teaserfigure": figure("figure", "o"),
    **dict.fromkeys(["subfigure", "subtable"], figure("figure", "oom", part=True)),
    "subfloat": figure("figure", "", part=True),
    "minipage": figure("figure", "ooom", part=True),
}
