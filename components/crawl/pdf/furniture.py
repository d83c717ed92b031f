"""What repeats in the margins of pages: running headers and footers, page numbers, line numbers."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from components.crawl.pdf.layout import box_of, rows_of
from components.crawl.pdf.text import Run

Kind = Literal["running_header", "running_footer", "page_number", "line_numbers"]

MARGIN_LINES: Final = 3
"""Lines counted from the upper and from the lower edge that may be furniture."""
MARGIN_SHARE: Final = 0.25
"""Share of the page's height, at either edge, where furniture may stand."""

_DIGITS: Final = re.compile(r"\d+")
_NUMBER: Final = re.compile(
    r"\D{0,12}?(\d{1,6})\D{0,3}(?:(?:of|/|von|de|sur|из)\D{0,2}\d{1,4})?\D{0,3}", re.IGNORECASE
)
_ROMAN: Final = re.compile(r"[ivxlc]{1,7}")
_ROMAN_VALUES: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(slots=True)
class _Margin:
    """One line at the edge of one page."""

    page: int
    runs: list[Run]
    text: str
    key: str
    edge: int  # 0 above, 1 below
    depth: int  # rows between it and the edge
    y: float


def _number(text: str) -> int | None:
    """The page number a line consists of, if it does."""
    text = text.strip()
    match = _NUMBER.fullmatch(text)
    if match and len(text) <= 24:
        return int(match.group(1))
    lower = text.lower()
    if _ROMAN.fullmatch(lower):
        values = [_ROMAN_VALUES[c] for c in lower]
        return sum(-v if i + 1 < len(values) and v < values[i + 1] else v for i, v in enumerate(values))
    return None


def _margins(pages: Sequence[Sequence[Run]], heights: Sequence[float]) -> list[_Margin]:
    """Lines at the edges, from the outermost inwards, each run of a line by itself.

    A number at one end of a line and a title at the other change places on even pages.
    """
    # a document of one or two pages shows too little: there, only the outermost line may be furniture
    lines = MARGIN_LINES if len(pages) > 2 else 1
    found = []
    for number, (runs, height) in enumerate(zip(pages, heights, strict=True)):
        above = rows_of([r for r in runs if r.y1 < MARGIN_SHARE * height])
        below = rows_of([r for r in runs if r.y0 > (1 - MARGIN_SHARE) * height])
        for edge, rows in enumerate((above, below[::-1])):
            for depth, row in enumerate(rows[:lines]):
                y = box_of(row)[1]
                for run in row:
                    key = _DIGITS.sub("#", run.text.casefold())
                    found.append(_Margin(number, [run], run.text, key, edge, depth, y))
    return found


def _repeated(margins: Sequence[_Margin], pages: int) -> list[_Margin]:
    """Those whose words stand at the same height on several pages."""
    by_key: dict[tuple[str, int], list[_Margin]] = defaultdict(list)
    for margin in margins:
        # a date has no letters: it has to be the same to the digit
        key = margin.key if any(c.isalpha() for c in margin.key) else margin.text
        if key is margin.key or len(key) >= 6:
            by_key[key, margin.edge].append(margin)
    found: list[_Margin] = []
    for group in by_key.values():
        heights: dict[int, int] = defaultdict(int)
        for margin in group:
            heights[round(margin.y / 4)] += 1
        level = [m for m in group if sum(heights.get(round(m.y / 4) + d, 0) for d in (-1, 0, 1)) >= 2]
        # on two pages of a short document, on three of a longer one (chapters change their headers)
        if len({m.page for m in level}) >= (2 if pages <= 5 else 3):
            found += level
    return found


def _numbers(margins: Sequence[_Margin], pages: int) -> list[_Margin]:
    """Those that count the pages: number minus page is the same on several pages."""
    by_offset: dict[tuple[int, int], list[_Margin]] = defaultdict(list)
    for margin in margins:
        number = _number(margin.text) if margin.depth < 2 else None
        if number is not None:
            by_offset[number - margin.page, margin.edge].append(margin)
    least = max(2, 0.3 * pages)
    return [m for group in by_offset.values() if len({m.page for m in group}) >= least for m in group]


def _outermost(margins: Sequence[_Margin], chosen: Sequence[_Margin]) -> set[int]:
    """Ids of the chosen lines that no line of text separates from the edge."""
    kept: set[int] = set()
    wanted = {id(m) for m in chosen}
    by_row: dict[tuple[int, int, int], list[_Margin]] = defaultdict(list)
    for margin in margins:
        by_row[margin.page, margin.edge, margin.depth].append(margin)
    for page, edge in sorted({(m.page, m.edge) for m in margins}):
        for depth in range(MARGIN_LINES):
            row = [id(m) for m in by_row.get((page, edge, depth), []) if id(m) in wanted]
            if not row:
                break
            kept.update(row)
    return kept


def _line_numbers(runs: Sequence[Run]) -> list[Run]:
    """Numbers in the margin that count the lines of a manuscript or a transcript."""
    columns: dict[int, list[Run]] = defaultdict(list)
    for run in runs:
        if run.text.isdecimal() and len(run.text) <= 4:
            columns[round(run.x1 / 3)].append(run)
    found: list[Run] = []
    for at in sorted(columns):
        column = sorted([*columns[at], *columns.get(at + 1, [])], key=lambda r: r.y0)
        values = [int(r.text) for r in column]
        steps = [b - a for a, b in itertools.pairwise(values)]
        outside = (
            sum(r.x0 > column[0].x1 for r in runs if r.text) >= 0.9 * (len(runs) - len(column))
            if column
            else False
        )
        if (
            len(column) >= 10
            and outside
            and sum(s == steps[0] and s in {1, 5} for s in steps) >= 0.9 * len(steps)
        ):
            found += [r for r in column if r not in found]
    return found


def find_sideways(pages: Sequence[Sequence[Run]]) -> list[list[Run]]:
    """Text beside the main direction that is on several pages at the same place, page by page."""
    places: dict[tuple[str, int, int], set[int]] = defaultdict(set)

    def place(run: Run) -> tuple[str, int, int]:
        return _DIGITS.sub("#", run.text.casefold()), round(run.x0 / 8), round(run.y0 / 8)

    for number, runs in enumerate(pages):
        for run in runs:
            places[place(run)].add(number)
    least = 2 if len(pages) <= 5 else 3
    return [[run for run in runs if len(places[place(run)]) >= least] for runs in pages]


def find(pages: Sequence[Sequence[Run]], heights: Sequence[float]) -> list[tuple[Kind, int, list[Run], str]]:
    """Furniture of a document: kind, index of the page, its runs, its text.

    Args:
        pages: runs of each page in its main text direction.
        heights: height of each page in that direction, in points.

    A document of one page has no running lines: nothing shows that they would repeat.
    """
    margins = _margins(pages, heights)
    numbers, repeated = _numbers(margins, len(pages)), _repeated(margins, len(pages))
    # a number beside a running title is the page's, whatever it counts from
    titled = {(m.page, m.edge, m.depth) for m in repeated}
    numbers += [m for m in margins if (m.page, m.edge, m.depth) in titled and _number(m.text) is not None]
    counting = {id(m) for m in numbers}
    outermost = _outermost(margins, [*numbers, *repeated])
    found: list[tuple[Kind, int, list[Run], str]] = []
    taken: set[int] = set()
    for margin in margins:
        if id(margin) in outermost:
            kind: Kind = "running_footer" if margin.edge else "running_header"
            found.append(
                ("page_number" if id(margin) in counting else kind, margin.page, margin.runs, margin.text)
            )
            taken.update(id(r) for r in margin.runs)
    for number, runs in enumerate(pages):
        counts = [r for r in _line_numbers(runs) if id(r) not in taken]
        if counts:
            found.append(("line_numbers", number, counts, f"{counts[0].text} to {counts[-1].text}"))
    return found
