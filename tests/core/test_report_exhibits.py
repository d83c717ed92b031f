from __future__ import annotations

from components.core import report as kit
from tests.core.test_report import NASTY, PICTURE, page, parsed


def test_marks_and_removals_say_in_words_what_their_colour_says() -> None:
    spans = [
        kit.Span("A dog", "pixels", "pixels"),
        kit.Span(" of "),
        kit.Span("Bern", "alt text", "alt_text"),
        kit.Span("at night", "removed: unsupported", "none", removed=True),
    ]
    html = page(kit.Exhibit([kit.Passage("caption", spans)], PICTURE))
    assert '<mark class="claim by-pixels">A dog</mark> <span class="said by-pixels">pixels</span> of ' in html
    assert '<mark class="claim by-alt-text">Bern</mark>' in html
    assert (
        '<del class="claim by-none">at night</del> <span class="said removed">removed: unsupported</span>'
        in html
    )
    assert "by-alt-text" in html[: html.index("</style>")]


def test_what_is_not_there_is_said() -> None:
    html = page(kit.Exhibit([kit.Passage("dense", [], "none made")]))
    assert "<em>none made</em>" in html
    assert "Image not shown here" in html
    assert "<details" not in html


def test_folded_passages_are_closed_until_asked_for() -> None:
    html = page(
        kit.Exhibit([], folded=[kit.Passage("answer", [kit.Span("A is new")])], fold="Which is which")
    )
    fold = html[html.index("<details") :]
    assert fold.startswith('<details class="fold"><summary>Which is which</summary>')
    assert fold.index("A is new") > 0


def test_addresses_are_links_only_where_that_is_safe() -> None:
    assert 'href="https://e.org/1"' in page(kit.Exhibit([], url="https://e.org/1"))
    html = page(kit.Exhibit([], url="javascript:alert(1)", facts=[NASTY], identifier=NASTY))
    assert 'href="javascript' not in html
    assert "script" not in parsed(html).tags
