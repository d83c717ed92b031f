"""Lines of a region -> blocks: paragraphs, list items, table rows, code, captions."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from components.crawl.pdf.layout import Atom, Figure, box_of, middle, rows_of
from components.crawl.pdf.text import Box, Run

BlockRole = Literal["paragraph", "heading", "list", "table", "code", "figure"]

_BULLET: Final = re.compile(r"[•▪◦‣●○■□▶➢❖✓◆·–—*-](?=\s|$)|[•▪◦‣●○■□▶➢❖✓◆]")
_NUMBERED: Final = re.compile(r"(\[\d{1,3}\]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|\([ivx]{1,5}\))(?=\s|$)")
_CAPTION: Final = re.compile(
    r"(?P<word>(?i:fig(?:ure|\.)?|tab(?:le|\.)?|scheme|plate|chart|abbildung|abb\.|tabelle|tableau|"
    r"figura|tabla|рис(?:унок|\.)|таблица|图|圖|表|그림|표))\s*"
    r"(?:[A-Z]?\.?\d+(?:[.\-–]\d+)*[a-z]?|[IVX]+)"
    # "Figure 3 shows that" is no caption: a stop, or a capital, follows
    r"(?:\s*[.:|)：。]|\s*$|\s+(?=[^\W\d_a-z]|[\[(\"“]))"
)
_TERMINAL: Final = tuple('.!?:;。！？：…"”’)')
_CELL_GAP_EM: Final = 1.6  # justified text leaves gaps of more than one font size between sentences
_HYPHENS: Final = ("\u00ad", "-", "\u2010")
_HYPHENATED: Final = re.compile(r"[^\W\d_]+-[^\W\d_]+")
_WORD_END: Final = re.compile(r"([^\W\d_]+)[\u00ad\u2010-]$")
_WORD_START: Final = re.compile(r"[^\W\d_]+")
_CJK: Final = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")


@dataclass(slots=True)
class Line:
    """One line of text, from left to right in `cells`, in reading order in `text`."""

    text: str
    cells: list[Run]
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool
    italic: bool
    mono: bool
    rtl: bool

    @property
    def start(self) -> float:
        """Distance of the side it is read from: grows with the indent, also from right to left."""
        return -self.x1 if self.rtl else self.x0

    @property
    def end(self) -> float:
        """Where it stops: grows with its length, also from right to left."""
        return -self.x0 if self.rtl else self.x1


@dataclass(slots=True)
class Block:
    """Lines that belong together, or one picture.

    Attributes:
        role: what the lines are; `figure` for a picture, which has no lines.
        lines: in reading order.
        box: in the upright frame of its page's text, later as shown.
        page: from 1; set when pages are put together.
        figure: index of the picture in its page's list, or None.
        text: filled by `text_of` once the words of the whole document are known.
        level: heading level, 1 to 6.
        caption: text of the caption of a picture.
    """

    role: BlockRole
    lines: list[Line]
    box: Box
    page: int = 0
    figure: int | None = None
    text: str = ""
    level: int | None = None
    caption: str | None = None

    @property
    def size(self) -> float:
        """Font size of most of its characters."""
        counts: Counter[float] = Counter()
        for line in self.lines:
            counts[round(line.size * 2) / 2] += len(line.text)
        if len(counts) == 1:
            return next(iter(counts))
        return max(counts, key=lambda s: (counts[s], s)) if counts else 0.0

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return bool(self.lines) and all(line.bold for line in self.lines)

    @property
    def italic(self) -> bool:
        """Whether all of it is italic."""
        return bool(self.lines) and all(line.italic for line in self.lines)


def caption_kind(text: str) -> Literal["figure", "table"] | None:
    """What a text is the caption of, by how it begins; None if it is none."""
    match = _CAPTION.match(text)
    if not match:
        return None
    word = match.group("word").lower()
    return "table" if word.startswith(("tab", "таб", "表", "표")) else "figure"


def _joined(cells: Sequence[Run]) -> str:
    """The cells of one line as text, in reading order."""
    rtl = sum(len(c.text) if c.rtl else -len(c.text) for c in cells) > 0
    ordered = list(cells)
    if rtl:
        ordered = []
        group: list[Run] = []
        for cell in reversed(cells):
            if cell.rtl:
                ordered += [*group[::-1], cell]
                group = []
            else:
                group.append(cell)
        ordered += group[::-1]
    parts = [ordered[0].text]
    for before, cell in itertools.pairwise(ordered):
        gap = max(cell.x0 - before.x1, before.x0 - cell.x1)
        parts.append((" " if gap > 0.12 * cell.size else "") + cell.text)
    return "".join(parts)


def line_of(cells: Sequence[Run]) -> Line:
    """A line out of runs that stand side by side, sorted from left to right."""
    if len(cells) == 1:
        run = cells[0]
        box = (run.x0, run.y0, run.x1, run.y1)
        return Line(run.text, [run], *box, run.size, run.bold, run.italic, run.mono, run.rtl)
    x0, y0, x1, y1 = box_of(cells)
    weights: Counter[float] = Counter()
    for cell in cells:
        weights[cell.size] += len(cell.text)
    return Line(
        text=_joined(cells),
        cells=list(cells),
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        size=max(weights, key=lambda s: (weights[s], s)),
        bold=all(c.bold for c in cells),
        italic=all(c.italic for c in cells),
        mono=all(c.mono for c in cells),
        rtl=sum(len(c.text) if c.rtl else -len(c.text) for c in cells) > 0,
    )


def is_list_item(text: str) -> bool:
    """Whether a line starts with a bullet or a number as lists do."""
    return bool(_BULLET.match(text) or _NUMBERED.match(text))


def _groups(cells: Sequence[Run], em: float) -> list[list[Run]]:
    """Runs of a line, put together where the gap between them is under `em` font sizes."""
    groups = [[cells[0]]]
    for cell in cells[1:]:
        if cell.x0 - max(c.x1 for c in groups[-1]) < em * cell.size:
            groups[-1].append(cell)
        else:
            groups.append([cell])
    return groups


def _cells_of(line: Line) -> list[Box]:
    """Boxes of the cells of a possible table row: a bullet or number and its text are one."""
    cells = line.cells
    if len(cells) > 1 and len(cells[0].text) <= 5 and is_list_item(cells[0].text):
        cells = cells[1:]
    return [box_of(group) for group in _groups(cells, _CELL_GAP_EM)]


def _share_edges(row: Sequence[Box], other: Sequence[Box], tolerance: float) -> bool:
    """Whether most cells (without the first) stand below cells of the other row."""
    matches = 0
    for x0, _, x1, _ in row[1:]:
        matches += any(
            min(abs(x0 - p[0]), abs(x1 - p[2]), abs(x0 + x1 - p[0] - p[2]) / 2) < tolerance for p in other
        )
    return 2 * matches >= len(row) - 1


def _table_spans(lines: Sequence[Line]) -> list[tuple[int, int]]:
    """Ranges of lines that are rows of tables: at least three rows with cells below one another.

    Up to two lines of one cell may stand between (a wrapped cell, a subheading).
    """
    cells = [_cells_of(line) if len(line.cells) > 1 else [] for line in lines]
    several = [i for i, found in enumerate(cells) if len(found) > 1]
    spans: list[tuple[int, int]] = []
    at = 0
    while at < len(several):
        first = last = several[at]
        rows = matched = 1
        at += 1
        while at < len(several):
            here, before = lines[several[at]], lines[last]
            if several[at] - last > 3 or here.y0 - before.y1 > 4 * max(here.size, before.size):
                break
            matched += _share_edges(cells[several[at]], cells[last], 0.5 * here.size)
            rows += 1
            last = several[at]
            at += 1
        if rows >= 3 and matched >= 0.6 * rows:
            spans.append((first, last + 1))
    return spans


def _starts_paragraph(block: list[Line], line: Line, right: float, pitch: float) -> bool:
    """Whether a line begins a new block after the lines of the current one.

    Args:
        block: the current block.
        line: the next line below.
        right: where full lines of this region end.
        pitch: usual distance of lines of this region, in points.
    """
    last = block[-1]
    em = max(line.size, 1.0)
    distance = middle_of(line) - middle_of(last)
    inner = min((middle_of(b) - middle_of(a) for a, b in itertools.pairwise(block[-6:])), default=pitch)
    # lines are never set more than two and a half font sizes apart
    usual = min(max(inner, 0.8 * em), max(pitch, 0.8 * em) * 1.25, 2.5 * em)
    same_style = abs(line.size - last.size) <= 0.12 * em and (line.bold, line.italic) == (
        last.bold,
        last.italic,
    )
    centred = abs(line.start + line.end - last.start - last.end) < em and abs(line.start - last.start) > em
    full = last.end >= right - 2 * em
    ended = last.text.endswith(_TERMINAL)
    indent = line.start - last.start
    listed = is_list_item(block[0].text)
    if distance > max(1.35 * usual, 0.9 * em) or distance < -em:
        return True
    if not same_style and (len(line.text) > 3 and len(last.text) > 3):
        return True
    if is_list_item(line.text) and (
        not listed or line.start < block[0].start + em or _BULLET.match(line.text)
    ):
        # "12)" in the middle of a sentence that was wrapped is no list
        return not full or ended or listed
    if caption_kind(line.text) and (ended or not full):
        return True
    if centred:
        return False
    if indent > 0.8 * em:
        hanging = len(block) == 1 and (listed or (full and not ended))
        return not hanging
    if indent < -0.8 * em:
        return len(block) > 1 and abs(block[0].start - line.start) < em < last.start - block[0].start
    return ended and last.end < right - max(3 * em, 0.12 * (right - line.start))


def middle_of(line: Line) -> float:
    """Vertical centre of a line."""
    return (line.y0 + line.y1) / 2


def _blocks_of_lines(lines: Sequence[Line]) -> list[Block]:
    """Paragraphs, list items and code out of the lines of one region."""
    if not lines:
        return []
    right = sorted(line.end for line in lines)[int(0.9 * (len(lines) - 1))]
    steps = [middle_of(b) - middle_of(a) for a, b in itertools.pairwise(lines)]
    positive = [s for s in steps if s > 0]
    pitch = statistics.median_low(positive) if positive else lines[0].size * 1.2
    groups: list[list[Line]] = []
    for line in lines:
        if groups and not _starts_paragraph(groups[-1], line, right, pitch):
            groups[-1].append(line)
        else:
            groups.append([line])
    merged: list[list[Line]] = []
    for group in groups:
        code = all(line.mono for line in group)
        near = merged and group[0].y0 - merged[-1][-1].y1 < 2 * group[0].size
        if merged and code and near and all(line.mono for line in merged[-1]):
            merged[-1].extend(group)
        else:
            merged.append(group)
    blocks = []
    for group in merged:
        role: BlockRole = "paragraph"
        if len(group) > 1 and all(line.mono for line in group):
            role = "code"
        elif is_list_item(group[0].text):
            role = "list"
        blocks.append(Block(role, list(group), _lines_box(group)))
    return blocks


def _lines_box(lines: Sequence[Line]) -> Box:
    return (
        min(line.x0 for line in lines),
        min(line.y0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y1 for line in lines),
    )


def blocks_of(region: Sequence[Atom]) -> list[Block]:
    """Blocks of one region in reading order; a picture stands before the first block that begins below
    its upper edge."""
    runs = [a for a in region if isinstance(a, Run)]
    figures = sorted((a for a in region if isinstance(a, Figure)), key=lambda f: (f.y0, f.x0))
    lines = [line_of(part) for row in rows_of(runs) for part in _captions_apart(row)]
    blocks: list[Block] = []
    at = 0
    # a picture ends a paragraph only where it stands between two lines
    cuts = sorted({sum(middle_of(line) < middle(f) for line in lines) for f in figures if _divides(f, lines)})
    spans = _table_spans(lines)
    for start, stop in [*spans, (len(lines), len(lines))]:
        for begin, end in _pieces(at, start, cuts):
            blocks += _blocks_of_lines(lines[begin:end])
        if stop > start:
            blocks.append(Block("table", lines[start:stop], _lines_box(lines[start:stop])))
        at = stop
    for figure in figures:
        place = next(
            (i for i, b in enumerate(blocks) if b.figure is None and b.box[1] >= figure.y0 - 2), len(blocks)
        )
        blocks.insert(
            place, Block("figure", [], (figure.x0, figure.y0, figure.x1, figure.y1), figure=figure.key)
        )
    return blocks


def _captions_apart(row: list[Run]) -> list[list[Run]]:
    """A row cut where captions of pictures that stand side by side begin."""
    starts = [i for i, run in enumerate(row) if i and caption_kind(run.text)]
    return [row[a:b] for a, b in itertools.pairwise([0, *starts, len(row)])]


def _divides(figure: Figure, lines: Iterable[Line]) -> bool:
    """Whether no line stands beside the picture."""
    return not any(line.y0 < figure.y1 - 2 and line.y1 > figure.y0 + 2 for line in lines)


def _pieces(start: int, stop: int, cuts: Sequence[int]) -> Iterable[tuple[int, int]]:
    edges = [start, *(c for c in cuts if start < c < stop), stop]
    return [(a, b) for a, b in itertools.pairwise(edges) if b > a]


def vocabulary(blocks: Iterable[Block]) -> frozenset[str]:
    """Words with a hyphen inside, as they stand within lines; they keep it at a line's end."""
    words: set[str] = set()
    for block in blocks:
        for line in block.lines:
            if "-" in line.text:
                words.update(w.lower() for w in _HYPHENATED.findall(line.text))
    return frozenset(words)


def join_lines(before: str, after: str, hyphenated: frozenset[str]) -> str:
    """Two texts, the second of which goes on where the first stopped at a line's end.

    A hyphen goes away if a lower-case word follows, unless the document writes the word with it elsewhere.
    """
    if not before or not after:
        return before + after
    if before.endswith(_HYPHENS):
        head, tail = _WORD_END.search(before[-60:]), _WORD_START.match(after)
        if head and tail and tail.group()[0].islower():
            keep = f"{head.group(1)}-{tail.group()}".lower() in hyphenated
            return before[:-1] + ("-" if keep else "") + after
        return before[:-1] + "-" + after
    if _CJK.match(before[-1]) and _CJK.match(after[0]):
        return before + after
    return f"{before} {after}"


_LEADERS: Final = re.compile(r" ?(?:[.·․…_] ?){5,}")
"""Dots (or rules) that lead the eye, as between a title and its page: no text, and endlessly repeated."""


def text_of(block: Block, hyphenated: frozenset[str]) -> str:
    """The block's text: lines joined; a table row a line with tabs between cells; code as it stands.

    Leaders are a space, except in code.
    """
    if block.role == "table":
        rows = ([_without_leaders(cell) for cell in _table_cells(line)] for line in block.lines)
        return "\n".join("\t".join(cell for cell in row if cell) for row in rows)
    if block.role == "code":
        left, width = block.box[0], _character_width(block.lines)
        return "\n".join(" " * round((line.x0 - left) / width) + line.text for line in block.lines)
    text = ""
    for line in block.lines:
        text = join_lines(text, line.text, hyphenated)
    text = text.removesuffix("\u00ad") + "-" if text.endswith("\u00ad") else text
    return _without_leaders(text)


def _without_leaders(text: str) -> str:
    return _LEADERS.sub(" ", text).strip()


def _table_cells(line: Line) -> list[str]:
    groups = _groups(line.cells, 0.6)[:: -1 if line.rtl else 1]
    return [_joined(group).replace("\u00ad", "-") for group in groups]


def _character_width(lines: Sequence[Line]) -> float:
    widths = [(line.x1 - line.x0) / len(line.text) for line in lines if line.text]
    return max(statistics.median(widths), 0.5) if widths else 1.0
