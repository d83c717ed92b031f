"""Figures drawn with paths, and captions of figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from components.crawl.pdf.blocks import Block, caption_kind
from components.crawl.pdf.layout import Figure
from components.crawl.pdf.text import Box, Run

MIN_WIDTH: Final = 50.0
MIN_HEIGHT: Final = 40.0
MIN_PATHS: Final = 4
"""A drawing has at least this size in points and this many paths; less is a rule or a frame."""
CAPTION_GAP: Final = 60.0
"""Farthest a caption stands from its picture, in points."""

_CELL: Final = 4.0  # points a cell of the grid on which paths are put together
_MAX_FRAMES: Final = 50
_MAX_GROUPS: Final = 200
_BLEED: Final = 10.0
_LABEL_CHARACTERS: Final = 40
_LABEL_GAP: Final = 6.0
_SIDE_GAP: Final = 24.0
_PAD: Final = 3.0


@dataclass(slots=True)
class Drawing:
    """A figure made of paths and perhaps pictures, in the upright frame.

    Attributes:
        box: around all of it.
        labels: its text.
        parts: indexes of the pictures inside.
    """

    box: Box
    labels: list[Run]
    parts: list[int]


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


def _frames(paths: np.ndarray) -> list[np.ndarray]:
    """Masks of the paths inside each of the largest boxes that do not overlap: frames around figures."""
    width, height = paths[:, 2] - paths[:, 0], paths[:, 3] - paths[:, 1]
    large = np.flatnonzero((width >= 2 * MIN_WIDTH) & (height >= 2 * MIN_HEIGHT))
    x, y = (paths[:, 0] + paths[:, 2]) / 2, (paths[:, 1] + paths[:, 3]) / 2
    frames: list[Box] = []
    masks: list[np.ndarray] = []
    for index in large[np.argsort(-(width * height)[large], kind="stable")][:_MAX_FRAMES]:
        x0, y0, x1, y1 = frame = tuple(paths[index].tolist())
        if not any(_common(frame, other) > 0 for other in frames):
            frames.append(frame)
            masks.append((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1))
    return masks


def clusters(paths: np.ndarray, width: float, height: float) -> list[Box]:
    """Boxes of paths that share a frame, or touch or nearly touch one another.

    Backgrounds of the whole page are left out. Paths without a frame are painted on a grid of 4-point
    cells, so that time grows with the page's size and only linearly with the number of paths.
    """
    if not len(paths) or not (0 < width <= 20_000 and 0 < height <= 20_000):
        return []
    sizes = (paths[:, 2] - paths[:, 0]) * (paths[:, 3] - paths[:, 1])
    paths = paths[sizes < 0.6 * width * height]
    groups: list[np.ndarray] = []
    framed = np.zeros(len(paths), dtype=bool)
    for mask in _frames(paths):
        groups.append(paths[mask])
        framed |= mask
    paths = paths[~framed]
    columns, rows = int(width / _CELL) + 3, int(height / _CELL) + 3
    grid = np.zeros((rows, columns), dtype=np.uint8)
    cells = np.clip((paths / _CELL).astype(np.int64), 0, [columns - 1, rows - 1, columns - 1, rows - 1])
    for x0, y0, x1, y1 in np.unique(cells, axis=0).tolist():
        grid[y0 : y1 + 1, x0 : x1 + 1] = 1
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        cv2.dilate(grid, np.ones((3, 3), dtype=np.uint8)), connectivity=8
    )
    owner = labels[cells[:, 1], cells[:, 0]]
    wide = np.flatnonzero(stats[:, cv2.CC_STAT_WIDTH] * _CELL >= MIN_WIDTH / 2)
    groups += [paths[owner == label] for label in wide.tolist()[:_MAX_GROUPS] if label]
    return [_union([tuple(b) for b in group.tolist()]) for group in groups if len(group) >= MIN_PATHS]


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
    """Figures made of paths: groups of paths next to a caption "Figure n".

    A group may hold pictures (the parts of a diagram), unless one of them is nearly all of it: then the
    picture is the figure.

    Args:
        runs: text of the page, in the upright frame.
        paths: (n, 4) boxes of paths, as are
        pictures: boxes of raster images.
        size: width and height of the page in points.
    """
    captions = [r for r in runs if caption_kind(r.text) == "figure"]
    if not captions or len(paths) < MIN_PATHS:
        return []
    groups = [g for g in clusters(paths, *size) if not any(_is_most(p, g) for p in pictures)]
    prose = [r for r in runs if len(r.text) > _LABEL_CHARACTERS and not any(_inside(r, g) for g in groups)]
    found: list[Drawing] = []
    for caption in captions:
        for above in (True, False):
            parts = [g for g in groups if _belongs(g, caption, prose, above)]
            drawing = _drawing(parts, caption, above, runs, paths, pictures) if parts else None
            if drawing:
                found.append(drawing)
                groups = [g for g in groups if g not in parts]
                break
    return found


def _is_most(picture: Box, box: Box) -> bool:
    return _common(picture, box) > 0.6 * _area(box)


def _drawing(
    groups: Sequence[Box],
    caption: Run,
    above: bool,
    runs: Sequence[Run],
    paths: np.ndarray,
    pictures: Sequence[Box],
) -> Drawing | None:
    """The figure that groups of paths make up with their labels, if it looks like one."""
    box = _with_labels(_union(groups), caption, above, runs, paths)
    gap = caption.y0 - box[3] if above else box[1] - caption.y1
    too_small = box[2] - box[0] < MIN_WIDTH or box[3] - box[1] < MIN_HEIGHT
    if too_small or gap > CAPTION_GAP or any(_is_most(p, box) for p in pictures):
        return None
    labels = [r for r in runs if r is not caption and _inside(r, box)]
    # where prose covers it the paths were a background or the rules of a table
    long = sum(len(r.text) > _LABEL_CHARACTERS for r in labels)
    if long > 2 and long > 0.2 * len(labels):
        return None
    parts = [i for i, p in enumerate(pictures) if _common(p, box) > 0.5 * _area(p)]
    return Drawing(box, labels, parts)


def _inside(run: Run, box: Box) -> bool:
    x, y = (run.x0 + run.x1) / 2, (run.y0 + run.y1) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _with_labels(box: Box, caption: Run, above: bool, runs: Sequence[Run], paths: np.ndarray) -> Box:
    """The box of a drawing widened by labels and paths at its edges (axes, legends), up to the caption."""
    labels = [
        _box(r)
        for r in runs
        if r is not caption
        and len(r.text) <= _LABEL_CHARACTERS
        and (r.y1 <= caption.y0 + 1 if above else r.y0 >= caption.y1 - 1)
    ]
    between = (box[0], box[3], box[2], caption.y0) if above else (box[0], caption.y1, box[2], box[1])
    for _ in range(2):
        near = (box[0] - _SIDE_GAP, box[1] - _LABEL_GAP, box[2] + _SIDE_GAP, box[3] + _LABEL_GAP)
        inside = (paths[:, :2] >= near[:2]).all(axis=1) & (paths[:, 2:] <= near[2:]).all(axis=1)
        beside = [label for label in labels if _common(near, label) > 0]
        beside += [
            label
            for label in labels
            if between[1] <= (label[1] + label[3]) / 2 <= between[3] and _width(label, between) > 0
        ]
        box = _union([box, *beside, *(tuple(p) for p in paths[inside].tolist())])
    padded = (box[0] - _PAD, box[1] - _PAD, box[2] + _PAD, box[3] + _PAD)
    if above:
        return (*padded[:3], max(min(padded[3], caption.y0), box[3]))
    return padded[0], min(max(padded[1], caption.y1), box[1]), padded[2], padded[3]


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
            # shadows and frames reach into the gutter
            inset = min(_BLEED, 0.05 * (box[2] - box[0]))
            figures.append(Figure(key, box[0] + inset, box[1], box[2] - inset, box[3]))
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
