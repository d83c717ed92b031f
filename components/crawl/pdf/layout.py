"""Reading order of a page: boxes -> regions, each read from top to bottom.

A recursive cut that looks for gutters first. A plain XY-cut fails on papers in two ways: a title
across both columns hides the gutter, and paragraph gaps that happen to line up cut both columns in
two. Here a gutter may be crossed: what crosses it (titles, wide figures) divides the page into bands,
and in each band that reads as columns the left column comes before the right one.
"""

from __future__ import annotations

import bisect
import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

from components.crawl.pdf.text import Box, Run

MAX_DEPTH: Final = 8
"""How often a region is cut again; no real page needs more than 4."""
MAX_CANDIDATES: Final = 12
"""Gutters tried for a region."""

_MIN_GUTTER_EM: Final = 0.6
_MIN_COLUMN_EM: Final = 5.0
_PROSE_CHARACTERS: Final = 15  # median characters a line, below which a column may be one of a table
_WIDE_PROSE_CHARACTERS: Final = 25


@dataclass(slots=True)
class Figure:
    """A picture's place on a page: takes part in the order like a run, has no text.

    Attributes:
        key: index of the picture in its page's list.
    """

    key: int
    x0: float
    y0: float
    x1: float
    y1: float
    order: int = -1


Atom = Run | Figure
Kind = TypeVar("Kind", Run, Figure, Atom)


def middle(atom: Atom) -> float:
    """Vertical centre."""
    return (atom.y0 + atom.y1) / 2


def box_of(atoms: Sequence[Atom]) -> Box:
    """The smallest box around all of them."""
    if len(atoms) == 1:
        return atoms[0].x0, atoms[0].y0, atoms[0].x1, atoms[0].y1
    # lists, not generators: this is called for every line
    return (
        min([a.x0 for a in atoms]),
        min([a.y0 for a in atoms]),
        max([a.x1 for a in atoms]),
        max([a.y1 for a in atoms]),
    )


def rows_of(atoms: Sequence[Kind]) -> list[list[Kind]]:
    """Group atoms that stand on one line; rows from top to bottom, each from left to right."""
    rows: list[list[Kind]] = []
    centre = height = 0.0
    # sorting tuples is three times as fast as calling a key; the number keeps ties in their order
    for here, _, _, atom in sorted([((a.y0 + a.y1) / 2, a.x0, n, a) for n, a in enumerate(atoms)]):
        tall = atom.y1 - atom.y0
        if rows and abs(here - centre) < 0.5 * min(tall, height):
            rows[-1].append(atom)
            if tall > height:
                centre, height = here, tall
        else:
            rows.append([atom])
            centre, height = here, tall
    for row in rows:
        if len(row) > 1:
            row.sort(key=lambda a: a.x0)
    return rows


def _extent(runs: Sequence[Run]) -> float:
    """From the left end of the leftmost to the right end of the rightmost."""
    return max(max([r.x1 for r in runs]) - min([r.x0 for r in runs]), 0.1)


@dataclass(slots=True)
class _Side:
    """How one side of a gutter looks, within a band."""

    rows: list[list[Run]]
    characters: float
    full: float
    width: float

    @classmethod
    def of(cls, runs: Sequence[Run]) -> _Side:
        rows = rows_of(runs)
        width = _extent(runs)
        covered = [max([r.x1 for r in row]) - row[0].x0 for row in rows]
        # the last line of a paragraph is short: a third of full lines is prose
        full = sum([c >= 0.75 * width for c in covered]) / len(rows)
        characters = statistics.median([sum([len(r.text) for r in row]) for row in rows])
        return cls(rows, characters, full, width)


def _aligned(left: _Side, right: _Side) -> float:
    """Share of the rows of the shorter side that stand level with a row of the other."""
    fewer, more = sorted((left.rows, right.rows), key=len)
    centres = sorted(middle(row[0]) for row in more)
    level = 0
    for row in fewer:
        centre = middle(row[0])
        at = bisect.bisect(centres, centre)
        near = min((abs(c - centre) for c in centres[max(at - 1, 0) : at + 1]), default=1e9)
        level += near < 0.25 * (row[0].y1 - row[0].y0)
    return level / max(len(fewer), 1)


def _are_columns(left: Sequence[Atom], right: Sequence[Atom], em: float) -> int:
    """Lines of the shorter side if the two sides are columns of text; 0 if they are cells of a table.

    The order in which the producer wrote them is the strongest sign: columns one after the other,
    tables row by row. Where it does not tell, columns are those with long, mostly full lines.
    """
    runs = [[a for a in side if isinstance(a, Run)] for side in (left, right)]
    if not all(runs) or any(_extent(side) < _MIN_COLUMN_EM * em for side in runs):
        return 0
    one, other = _Side.of(runs[0]), _Side.of(runs[1])
    fewest = min(len(one.rows), len(other.rows))
    order = sorted([(a.order, 0) for a in runs[0]] + [(a.order, 1) for a in runs[1]])
    switches = sum([a[1] != b[1] for a, b in itertools.pairwise(order)])
    sequential = switches <= max(1, fewest // 4)
    prose = min(one.characters, other.characters) >= _PROSE_CHARACTERS and min(one.full, other.full) >= 0.33
    if fewest == 1:
        wide = min(one.characters, other.characters) >= _PROSE_CHARACTERS
        return int(sequential and wide and max(len(one.rows), len(other.rows)) >= 4)
    if prose:
        strong = min(one.characters, other.characters) >= _WIDE_PROSE_CHARACTERS
        return fewest if sequential or (strong and min(one.full, other.full) >= 0.45) else 0
    if sequential and fewest >= 3:
        short = min(one.characters, other.characters) < _PROSE_CHARACTERS
        return 0 if short and _aligned(one, other) > 0.6 else fewest
    return 0


def _gutters(runs: Sequence[Run], em: float) -> list[tuple[float, float]]:
    """Vertical strips that few lines cross, the emptiest first."""
    x0, _, x1, _ = box_of(runs)
    bins = int(x1 - x0) + 2
    if not 2 < bins <= 20_000:
        return []
    starts = np.array([r.x0 for r in runs]) - x0
    stops = np.array([r.x1 for r in runs]) - x0
    change = np.zeros(bins + 1, dtype=np.int64)
    np.add.at(change, np.clip(np.floor(starts).astype(np.int64), 0, bins), 1)
    np.add.at(change, np.clip(np.ceil(stops).astype(np.int64), 0, bins), -1)
    coverage = np.cumsum(change)[:bins]
    found: list[tuple[float, float]] = []
    for share in (0.0, 0.1, 0.25, 0.5, 0.7):
        low = coverage <= share * coverage.max()
        edges = np.flatnonzero(np.diff(np.concatenate(([False], low, [False])).astype(np.int8)))
        for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            strip = (x0 + a, x0 + b)
            if a > 0 and b < bins - 1 and b - a >= _MIN_GUTTER_EM * em and strip not in found:
                found.append(strip)
        if len(found) >= MAX_CANDIDATES:
            break
    return found[:MAX_CANDIDATES]


def _bands(
    atoms: Sequence[tuple[float, Atom]], gutter: tuple[float, float]
) -> list[tuple[list[Atom], list[Atom], list[Atom]]]:
    """Cut by what crosses the gutter: (left, right, crossing) from top to bottom, one kind a band.

    Args:
        atoms: vertical centres and atoms, from top to bottom.
        gutter: left and right edge.
    """
    start, stop = gutter
    labels: list[int] = []
    crossing: list[tuple[float, float]] = []
    for _, atom in atoms:
        is_left, is_right = atom.x1 <= stop + 1, atom.x0 >= start - 1
        if is_left and is_right:
            is_left = atom.x0 + atom.x1 < start + stop
        if not is_left and not is_right:
            crossing.append((atom.y0, atom.y1))
        labels.append(0 if is_left else 1 if is_right else 2)
    spans: list[list[float]] = []
    for y0, y1 in sorted(crossing):
        if spans and y0 <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], y1)
        else:
            spans.append([y0, y1])
    tops = [s[0] for s in spans]
    bands: list[tuple[list[Atom], list[Atom], list[Atom]]] = []
    was_crossing = None
    for (centre, atom), side in zip(atoms, labels, strict=True):
        label = side
        if side != 2:
            # what stands beside a crossing line belongs to its row: three authors below a title, say
            at = bisect.bisect(tops, centre) - 1
            if at >= 0 and min(atom.y1, spans[at][1]) - atom.y0 > 0.5 * (atom.y1 - atom.y0):
                label = 2
        if (label == 2) is not was_crossing:
            bands.append(([], [], []))
            was_crossing = label == 2
        bands[-1][label].append(atom)
    return bands


def _cut(atoms: Sequence[Atom]) -> list[list[Atom]] | None:
    """Regions in reading order along the best gutter, or None where there is none."""
    runs = [a for a in atoms if isinstance(a, Run)]
    if len(runs) < 4:
        return None
    em = statistics.median(r.y1 - r.y0 for r in runs)
    best: tuple[int, list[tuple[list[Atom], list[Atom], list[Atom]]], list[int]] | None = None
    gutters = _gutters(runs, em)
    placed = sorted([((a.y0 + a.y1) / 2, a.x0, n, a) for n, a in enumerate(atoms)]) if gutters else []
    downwards = [(centre, atom) for centre, _, _, atom in placed]
    # gutters of different width often part the same lines
    known: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}
    for gutter in gutters:
        bands = _bands(downwards, gutter)
        most = sum([min(len(left), len(right)) for left, right, _ in bands])
        if most <= (best[0] if best else 0):
            continue
        lines = []
        for left, right, _ in bands:
            pair = (tuple(map(id, left)), tuple(map(id, right)))
            if pair not in known:
                known[pair] = _are_columns(left, right, em) if left and right else 0
            lines.append(known[pair])
        if sum(lines) > (best[0] if best else 0):
            best = (sum(lines), bands, lines)
    if best is None:
        return None
    from_right = sum(len(r.text) if r.rtl else -len(r.text) for r in runs) > 0
    regions: list[list[Atom]] = []
    joined = False
    for (left, right, crossing), count in zip(best[1], best[2], strict=True):
        if count:
            regions += [right, left] if from_right else [left, right]
            joined = False
        elif joined:
            regions[-1] += left + right + crossing
        else:
            regions.append(left + right + crossing)
            joined = True
    return regions


def reading_order(atoms: Sequence[Atom], depth: int = 0) -> list[list[Atom]]:
    """Regions of a page in reading order; the atoms of each read from top to bottom, row by row.

    Every atom is in exactly one region. Boxes are in an upright frame, origin top left, in points.
    Time is O(n log n) for each of at most `MAX_DEPTH` levels.
    """
    if not atoms:
        return []
    cut = _cut(atoms) if depth < MAX_DEPTH else None
    if cut is None or len(cut) < 2:
        return [list(atoms)]
    return [leaf for region in cut for leaf in reading_order(region, depth + 1)]
