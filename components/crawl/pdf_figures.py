"""Figures drawn with paths, and captions of figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from components.crawl.pdf_blocks import Block, caption_kind
from components.crawl.pdf_layout import Figure
from components.crawl.pdf_text import Box, Run

MIN_WIDTH: Final = 50.0
MIN_HEIGHT: Final = 40.0
MIN_PATHS: Final = 4
"""A drawing has at least this size in points and this many paths; less is a rule or a frame."""
CAPTION_GAP: Final = 60.0
"""Farthest a caption stands from its picture, in points."""

_CELL: Final = 4.0  # points a cell of the grid on which paths are put together
_LABEL_CHARACTERS: Final = 40
_LABEL_GAP: Final = 12.0


@dataclass(slots=True)
class Drawing:
    """A figure made of paths: its box and the labels inside, in the upright frame."""

    box: Box
    labels: list[Run]


def _width(a: Box, b: Box) -> float:
    """Horizontal overlap in points."""
    return min(a[2], b[2]) - max(a[0], b[0])


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _common(a: Box, b: Box) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _box(run: Run) -> Box:
    return run.x0, run.y0, run.x1, run.y1


def _union(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def clusters(paths: np.ndarray, width: float, height: float) -> list[Box]:
    """Boxes of paths that touch or nearly touch one another, without frames around the whole page.

    Paths are painted on a grid of 4-point cells, so that time depends on the page's size, and only
    linearly on the number of paths.
    """
    if not len(paths) or not (0 < width <= 20_000 and 0 < height <= 20_000):
        return []
    sizes = (paths[:, 2] - paths[:, 0]) * (paths[:, 3] - paths[:, 1])
    paths = paths[sizes < 0.6 * width * height]
    columns, rows = int(width / _CELL) + 3, int(height / _CELL) + 3
    grid = np.zeros((rows, columns), dtype=np.uint8)
    cells = np.clip((paths / _CELL).astype(np.int64), 0, [columns - 1, rows - 1, columns - 1, rows - 1])
    for x0, y0, x1, y1 in np.unique(cells, axis=0).tolist():
        grid[y0 : y1 + 1, x0 : x1 + 1] = 1
    near = cv2.dilate(grid, np.ones((5, 5), dtype=np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    owner = labels[cells[:, 1], cells[:, 0]]
    found: list[Box] = []
    for label in range(1, len(stats)):
        mine = (
            paths[owner == label] if stats[label, cv2.CC_STAT_WIDTH] * _CELL >= MIN_WIDTH / 2 else paths[:0]
        )
        if len(mine) >= MIN_PATHS:
            found.append(
                (
                    float(mine[:, 0].min()),
                    float(mine[:, 1].min()),
                    float(mine[:, 2].max()),
                    float(mine[:, 3].max()),
                )
            )
    return found


def _belongs(drawing: Box, caption: Run, prose: Sequence[Run], above: bool) -> bool:
    """Whether the drawing stands directly above (or below) the caption with no text in between."""
    if _width(drawing, _box(caption)) <= 0:
        return False
    top, bottom = (drawing[3], caption.y0) if above else (caption.y1, drawing[1])
    if bottom < top - 4:
        return False
    between = (min(drawing[0], caption.x0), top, max(drawing[2], caption.x1), bottom)
    return not any(
        r is not caption and top - 1 < (r.y0 + r.y1) / 2 < bottom and _width(between, _box(r)) > 0
        for r in prose
    )


def drawings(
    runs: Sequence[Run], paths: np.ndarray, pictures: Sequence[Box], size: tuple[float, float]
) -> list[Drawing]:
    """Figures made of paths: groups of paths next to a caption "Figure n" and covered by no picture.

    Args:
        runs: text of the page, in the upright frame.
        paths: (n, 4) boxes of paths, as are
        pictures: boxes of raster images.
        size: width and height of the page in points.
    """
    captions = [r for r in runs if caption_kind(r.text) == "figure"]
    if not captions or len(paths) < MIN_PATHS:
        return []
    groups = [
        g for g in clusters(paths, *size) if sum(_common(g, p) for p in pictures) < 0.3 * max(_area(g), 1.0)
    ]
    prose = [r for r in runs if len(r.text) > _LABEL_CHARACTERS and not any(_inside(r, g) for g in groups)]
    found: list[Drawing] = []
    for caption in captions:
        for above in (True, False):
            parts = [g for g in groups if _belongs(g, caption, prose, above)]
            if not parts:
                continue
            box = _with_labels(_union(parts), caption, runs)
            if box[2] - box[0] >= MIN_WIDTH and box[3] - box[1] >= MIN_HEIGHT:
                gap = caption.y0 - box[3] if above else box[1] - caption.y1
                if gap <= CAPTION_GAP and not any(
                    _common(box, p) > 0.5 * min(_area(p), _area(box)) for p in pictures
                ):
                    labels = [r for r in runs if r is not caption and _inside(r, box)]
                    # where prose covers it the paths were a background or the rules of a table
                    if sum(len(r.text) > 2 * _LABEL_CHARACTERS for r in labels) <= 2:
                        found.append(Drawing(box, labels))
                        groups = [g for g in groups if g not in parts]
                        break
    return found


def _inside(run: Run, box: Box) -> bool:
    x, y = (run.x0 + run.x1) / 2, (run.y0 + run.y1) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _with_labels(box: Box, caption: Run, runs: Sequence[Run]) -> Box:
    """The box of a drawing widened by the labels at its edges (axes, legends)."""
    near = (box[0] - _LABEL_GAP, box[1] - _LABEL_GAP, box[2] + _LABEL_GAP, box[3] + _LABEL_GAP)
    boxes = [box]
    for run in runs:
        beside = run.y1 <= caption.y0 + 1 if box[1] < caption.y0 else run.y0 >= caption.y1 - 1
        if (
            run is not caption
            and beside
            and len(run.text) <= _LABEL_CHARACTERS
            and _common(near, _box(run)) > 0
        ):
            boxes.append(_box(run))
    return _union(boxes)


def without(runs: Sequence[Run], found: Sequence[Drawing]) -> list[Run]:
    """The runs that are no labels of drawings."""
    labels = {id(r) for d in found for r in d.labels}
    return [r for r in runs if id(r) not in labels]


def as_figures(
    boxes: Sequence[tuple[int, Box]], runs: Sequence[Run], page_area: float
) -> tuple[list[Figure], list[int]]:
    """Pictures that take part in the layout, and the keys of those that lie behind the text.

    A picture behind the text (a scan with its text layer, a coloured ground) has no place in the order.
    """
    figures, behind = [], []
    for key, box in boxes:
        covered = sum(_common(box, _box(r)) for r in runs)
        letters = sum(len(r.text) for r in runs if _inside(r, box))
        if _area(box) > 0.8 * page_area or (letters > 100 and covered > 0.1 * _area(box)):
            behind.append(key)
        else:
            figures.append(Figure(key, *box))
    return figures, behind


def attach_captions(blocks: list[Block]) -> list[Block]:
    """Give each caption of one page to the nearest picture; returns the blocks without those captions.

    A figure's caption is looked for below it first, a table's above. Where one caption stands for
    several pictures, the one next to it gets it. A caption with no picture stays a paragraph.
    """
    figures = [b for b in blocks if b.figure is not None]
    used: set[int] = set()
    for block in blocks:
        kind = caption_kind(block.lines[0].text) if block.lines and block.role != "table" else None
        if kind is None:
            continue
        best: tuple[float, Block] | None = None
        for figure in figures:
            if figure.caption is not None or _width(figure.box, block.box) <= 0:
                continue
            below = block.box[1] - figure.box[3]
            above = figure.box[1] - block.box[3]
            is_below = below > -8
            gap = below if is_below else above
            if not -8 < gap <= CAPTION_GAP:
                continue
            wrong_side = is_below != (kind == "figure")
            distance = gap + (CAPTION_GAP / 2 if wrong_side else 0)
            if best is None or distance < best[0]:
                best = (distance, figure)
        if best is not None:
            best[1].caption = block.text
            used.add(id(block))
    return [b for b in blocks if id(b) not in used]
