from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from components.core import report as kit

NASTY = '<script>alert("1")</script>&\'"><img src=x onerror=alert(1)>'
PICTURE = kit.Figure("data:image/webp;base64,AAAA", alt=NASTY, caption=NASTY, width=3, height=2)

BLOCKS: list[kit.Block] = [
    kit.Paragraph(NASTY),
    kit.Tiles([kit.Tile(NASTY, NASTY, NASTY)]),
    kit.Table([kit.Column(NASTY), kit.Column("n", "number")], [[NASTY, "1"]], NASTY),
    kit.Bars([kit.Bar(NASTY, 3, NASTY), kit.Bar("b", 1)], NASTY, "dropped", 10),
    kit.Bars([]),
    kit.Funnel([kit.FunnelStep(NASTY, 10, 5, 3, 2, NASTY, NASTY)]),
    kit.Funnel([kit.FunnelStep("k", 5, 60, conserves=False)]),
    kit.Histogram(NASTY, [0, 1, 2], [3, 0], NASTY, NASTY),
    kit.LineChart(NASTY, [kit.Line(NASTY, [(0, 1), (1, 2)]), kit.Line(NASTY, [])], NASTY, NASTY, NASTY),
    kit.Exhibit(
        [kit.Passage(NASTY, [kit.Span(NASTY), *(kit.Span(NASTY, NASTY, NASTY, n) for n in (True, False))])],
        PICTURE, [NASTY], [kit.Passage(NASTY, [], NASTY)], NASTY, "javascript:alert(1)", NASTY,
    ),
    kit.Gallery([PICTURE]),
    kit.Article(
        NASTY,
        [kit.ArticlePart(r, NASTY, PICTURE if r == "figure" else None, NASTY)
         for r in ("heading", "paragraph", "list", "table", "code", "quote", "figure", "missing")],
        NASTY, "javascript:alert(1)", [NASTY], NASTY, PICTURE,
    ),
    kit.Graph([kit.GraphNode("a", NASTY, [NASTY], NASTY), kit.GraphNode("b", "b")], [("a", "b")], NASTY),
    kit.Definitions([(NASTY, NASTY)]),
    kit.Columns([kit.Panel(NASTY, [kit.Details(NASTY, [kit.Paragraph(NASTY)])], NASTY, "x")]),
]  # fmt: skip


def page(*blocks: kit.Block) -> str:
    return kit.render(
        kit.Report(
            NASTY, NASTY, [kit.Section("One", blocks, NASTY)], [kit.Tile("n", "1")], [("digest", NASTY)]
        )
    )


class Structure(HTMLParser):
    """Checks that what is opened is closed in order, and collects tags and attributes."""

    void = frozenset({"meta", "img", "br", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Structure:
    structure = Structure()
    structure.feed(html)
    structure.close()
    assert structure.open == []
    return structure


@pytest.mark.parametrize("block", BLOCKS, ids=lambda b: b.template)
def test_every_block_is_well_formed_and_escapes_what_it_shows(block: kit.Block) -> None:
    html = page(block)
    structure = parsed(html)
    assert "script" not in structure.tags
    assert not any(name.startswith("on") for name, _ in structure.attributes)
    assert "<img src=x" not in html


def test_the_page_asks_the_network_for_nothing() -> None:
    html = page(*BLOCKS)
    structure = parsed(html)
    sources = [value for name, value in structure.attributes if name in {"src", "srcset", "data", "action"}]
    assert sources
    assert all(value and value.startswith("data:") for value in sources)
    assert "link" not in structure.tags
    assert not re.search(r"url\((?!#)|@import", html)
    assert "default-src 'none'" in html
    assert "javascript:" not in [(value or "")[:11] for name, value in structure.attributes if name == "href"]


def test_the_same_report_gives_the_same_bytes() -> None:
    assert page(*BLOCKS) == page(*BLOCKS)


def test_funnel_bars_share_a_scale_within_their_group() -> None:
    steps = [
        kit.FunnelStep("a", 200, 100, 60, 40, "documents"),
        kit.FunnelStep("b", 100, 100, group="documents"),
        kit.FunnelStep("c", 9, 9, group="images"),
    ]
    funnel = kit.Funnel(steps)
    assert [funnel.share(steps[0], n) for n in (100, 60, 40)] == [50, 30, 20]
    assert funnel.share(steps[1], 100) == 50
    assert funnel.share(steps[2], 9) == 100
    html = page(funnel)
    assert "width:30.000%" in html
    assert "−60 dropped" in html
    assert "−40 failed" in html


def test_an_empty_funnel_step_draws_nothing() -> None:
    funnel = kit.Funnel([kit.FunnelStep("a", 0, 0)])
    assert funnel.share(funnel.steps[0], 0) == 0
    assert 'class="kept" style' not in page(funnel)


def test_nested_parameters_are_named_by_their_path() -> None:
    shown = kit.key_values({"b": {"x": True, "y": [1, 2]}, "a": None})
    assert shown.pairs == [("a", "not set"), ("b.x", "yes"), ("b.y", "1, 2")]
