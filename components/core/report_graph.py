"""Directed graphs without cycles, laid out in layers for a report."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

NODE_WIDTH: Final = 236
_GAP_X: Final = 28
_PASS: Final = 12
_GAP_Y: Final = 46
_LINE: Final = 17
_PAD: Final = 12
_MAX_CHARS: Final = 25


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
