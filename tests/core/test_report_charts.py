from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core import report as kit
from components.core.report_charts import HEIGHT, WIDTH, draw_chart, ticks
from tests.core.test_report import page, parsed

NUMBERS = st.floats(-1e12, 1e12) | st.just(math.nan) | st.just(math.inf)


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](\S+?) ([^ML]+)", path)]


@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20), max_size=4), st.booleans())
def test_whatever_is_finite_lies_on_the_chart(lines: list[list[tuple[float, float]]], zero: bool) -> None:
    chart = kit.LineChart("t", [kit.Line(str(n), points) for n, points in enumerate(lines)], zero=zero)
    drawing = draw_chart(chart)
    for line, stroke in zip(lines, drawing.strokes, strict=True):
        found = places(stroke.path)
        assert len(found) == sum(math.isfinite(x) and math.isfinite(y) for x, y in line)
        assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)
    for place, _ in (*drawing.x_ticks, *drawing.y_ticks):
        assert 0 <= place <= WIDTH
    parsed(page(chart))


def test_a_gap_breaks_the_line() -> None:
    (stroke,) = draw_chart(
        kit.LineChart("t", [kit.Line("a", [(0, 1), (1, 2), (2, math.nan), (3, 1)])])
    ).strokes
    assert stroke.path.count("M") == 2
    assert stroke.last == "1"


def test_no_peak_of_a_long_line_is_lost() -> None:
    points = [(float(n), 1.0) for n in range(100_000)]
    points[54_321] = (54_321.0, 9.0)
    points[7] = (7.0, 0.25)
    chart = kit.LineChart("t", [kit.Line("a", points)])
    (stroke,) = draw_chart(chart).strokes
    found = places(stroke.path)
    assert len(found) < 1000
    assert found == sorted(found, key=lambda p: p[0])
    heights = sorted({y for _, y in found})
    assert len(heights) == 3
    assert stroke.dots == []
    assert "least 0.25, largest 9" in chart.spoken


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 800, [200, 400, 600, 800]),
        (-3, 3, [-2, 0, 2]),
        (5, 5, [5]),
        (0, 0.0003, [0, 0.0001, 0.0002, 0.0003]),
    ],
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high, 5) == pytest.approx(wanted)


def test_few_points_are_dots_that_say_their_values() -> None:
    html = page(
        kit.LineChart("Agreement", [kit.Line("f1", [(0, 0.91), (1, 0.875)])], "shard", "F1", "mean 0.89")
    )
    assert "<title>f1 1: 0.875</title>" in html
    assert "last 0.875 F1" in html
    assert "Agreement. f1: first 0.91, last 0.875, least 0.875, largest 0.91." in html


def test_lines_differ_by_more_than_colour() -> None:
    html = page(kit.LineChart("t", [kit.Line(name, [(0, 1), (1, 2)]) for name in "abcd"]))
    dashes = re.findall(r"\.line\.l\d path \{ stroke-dasharray: ([^;]+);", html)
    assert len(set(dashes)) == 3, "and the first is a line without gaps"
    assert all(f'class="line l{n}"' in html for n in range(4))


def test_no_values_are_said_to_be_none() -> None:
    html = page(kit.LineChart("t", [kit.Line("a", [])]))
    assert "No values" in html
    assert "no values" in html
