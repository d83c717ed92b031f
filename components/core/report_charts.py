"""Line charts of a report, laid out as SVG."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from components.core.report_formats import number, short

WIDTH: Final = 440
HEIGHT: Final = 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 10, 40
_BUCKETS: Final = 240
"""A longer line is drawn by the least and the largest value of so many equal parts: no peak is lost."""
_DOTTED: Final = 32
"""Up to so many points are drawn as dots, too."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; a value that is not finite leaves a gap."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Dot:
    """A point as it is drawn, with what it stands for."""

    x: float
    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line as it is drawn.

    Attributes:
        name: of the line.
        last: its last value, as text.
        path: SVG path.
        dots: its points, where they are few.
    """

    name: str
    last: str
    path: str
    dots: Sequence[Dot]


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over one axis, with its title, axes and a legend that tells the last value of each.

    Attributes:
        title: what is drawn.
        lines: up to four; each has a colour and a dash pattern of its own.
        x_label: what the horizontal axis counts.
        unit: of the values.
        note: small print beside the title.
        zero: whether the vertical axis begins at 0.
    """

    title: str
    lines: Sequence[Line]
    x_label: str = ""
    unit: str = ""
    note: str = ""
    zero: bool = True
    template: ClassVar[str] = "line_chart"

    @property
    def drawing(self) -> ChartDrawing:
        """Where everything goes."""
        return draw_chart(self)

    @property
    def spoken(self) -> str:
        """The chart in one sentence, for who does not see it."""
        parts = []
        for line in self.lines:
            if points := _finite(line.points):
                values = [y for _, y in points]
                parts.append(
                    f"{line.name}: first {_value(values[0])}, last {_value(values[-1])}, "
                    f"least {_value(min(values))}, largest {_value(max(values))}"
                )
        return f"{self.title}. {'; '.join(parts) or 'No values'}."


@dataclass(frozen=True, slots=True)
class ChartDrawing:
    """A chart laid out: ticks as (place, label) in the units of the view box, and strokes."""

    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    strokes: Sequence[Stroke]
    left: float = _LEFT
    right: float = WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = HEIGHT - _BOTTOM
    width: float = WIDTH
    height: float = HEIGHT


def _finite(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _value(value: float) -> str:
    """Four significant digits, without the tail of a float."""
    if value and (abs(value) < 0.001 or abs(value) >= 1e5):
        return f"{value:.3g}" if abs(value) < 0.001 else short(value)
    return number(float(f"{value:.4g}"))


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`, at most about `most`."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)]


def _range(values: Sequence[float], zero: bool) -> tuple[float, float]:
    """Ends of the vertical axis, with room above the largest value."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        pad = abs(high) / 2 or 1.0
        return (low, high + pad) if zero else (low - pad, high + pad)
    room = 0.05 * (high - low)
    return (low if zero and low == 0 else low - room), high + room


def _thinned(points: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The points, or the least and the largest of each of `_BUCKETS` runs of them, in order."""
    if len(points) <= 2 * _BUCKETS:
        yield from points
        return
    for bucket in range(_BUCKETS):
        part = points[len(points) * bucket // _BUCKETS : len(points) * (bucket + 1) // _BUCKETS]
        ends = {min(part, key=lambda p: p[1]), max(part, key=lambda p: p[1])}
        yield from sorted(ends)


def _runs(points: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """Stretches of points without a gap."""
    for whole, run in itertools.groupby(points, key=lambda p: math.isfinite(p[0]) and math.isfinite(p[1])):
        if whole:
            yield list(run)


def draw_chart(chart: LineChart) -> ChartDrawing:
    """Lay a chart out."""
    points = [point for line in chart.lines for point in _finite(line.points)]
    xs = [x for x, _ in points] or [0.0, 1.0]
    x_low, x_high = min(xs), max(xs)
    y_low, y_high = _range([y for _, y in points], chart.zero)
    x_span, y_span = (x_high - x_low) or 1.0, y_high - y_low
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + width * ((x - x_low) / x_span if x_high > x_low else 0.5)
        return round(across, 2), round(_TOP + height * (1 - (y - y_low) / y_span), 2)

    strokes = []
    for line in chart.lines:
        path = ""
        for run in _runs(line.points):
            placed = [place(x, y) for x, y in _thinned(run)]
            path += "M" + "L".join(f"{x:g} {y:g}" for x, y in placed)
        found = _finite(line.points)
        dots = [Dot(*place(x, y), f"{_value(x)}: {_value(y)}") for x, y in found]
        strokes.append(
            Stroke(
                line.name,
                _value(found[-1][1]) if found else "no values",
                path,
                dots if len(dots) <= _DOTTED else [],
            )
        )
    return ChartDrawing(
        x_ticks=[(place(x, y_low)[0], _value(x)) for x in ticks(x_low, x_high, 6)],
        y_ticks=[(place(x_low, y)[1], _value(y)) for y in ticks(y_low, y_high, 5)],
        strokes=strokes,
    )
