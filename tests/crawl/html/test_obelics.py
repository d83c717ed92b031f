"""Mode `obelics`: the published rules, one by one, and what they lose."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.core.errors import Drop
from components.core.records import Item
from components.crawl.html.extractor import HtmlParams, extract_html
from components.crawl.html.obelics import END_OF_DOCUMENT, source_of

URL = "https://harbour.example/posts/7"
DATA = Path(__file__).parents[2] / "data" / "html"
PARAMS = HtmlParams(mode="obelics")


def items(body: str) -> list[Item]:
    return extract_html(f"<body>{body}".encode(), URL, params=PARAMS).items


def texts(body: str) -> list[str]:
    return [item.text if item.text is not None else item.url or "" for item in items(body)]


def test_a_page_by_the_published_rules() -> None:
    found = extract_html((DATA / "obelics.html").read_bytes(), URL, params=PARAMS).items
    assert [item.text or item.url for item in found] == [
        "Kept: the class is not equal to nav",
        "A paragraph in it stays",
        "A heading",
        "One bold and linked text\nwith a break",
        "Loose text in a list",
        "first second\nthird\nfourth",
        "https://harbour.example/a.jpg",
        "Caption of A",
        "https://harbour.example/posts/b.jpg",
        END_OF_DOCUMENT,
        "Second article",
    ]
    heading, picture = found[2], found[6]
    assert (heading.role, heading.level) == ("heading", 2)
    assert (picture.alt, picture.width, picture.caption) == ("Picture A", 640, None)


@pytest.mark.parametrize(
    "tag", ["li", "table", "header", "nav", "form", "pre", "script", "noscript", "footer", "span-x"]
)
def test_what_is_on_no_list_is_lost_with_its_content(tag: str) -> None:
    inner = "<tr><td>" if tag == "table" else ""
    assert texts(f"<p>kept</p><{tag}>{inner}<p>lost</p><img src=lost.jpg></{tag}>") == ["kept"]


def test_lists_and_tables_are_lost_here_and_kept_by_main() -> None:
    body = "<p>Some words to begin with, as usual.</p><ul><li>one</li></ul><table><tr><td>a<td>b</table>"
    assert texts(body) == ["Some words to begin with, as usual."]
    kept = extract_html(body.encode(), URL).items
    assert [item.role for item in kept] == ["paragraph", "list", "table"]


@pytest.mark.parametrize("value", ["footer", "header", "navigation", "nav", "navbar", "menu"])
@pytest.mark.parametrize("attribute", ["id", "class", "title"])
def test_divs_go_by_the_whole_value_only(attribute: str, value: str) -> None:
    assert texts(f'<p>a</p><div {attribute}="{value}">b</div><div {attribute}="x {value}x">c</div>') == [
        "a",
        "c",
    ]
    assert texts(f'<p>a</p><section {attribute}="{value}-x">b</section>') == ["a", "b"]


def test_texts_of_dates_go_but_not_what_is_in_other_elements() -> None:
    assert texts('<p>a</p><div class="post-date">3 <b>May</b><p>kept</p></div>') == ["a", "kept"]


def test_separators_the_strongest_wins_and_empty_elements_count_for_nothing() -> None:
    assert texts("<div>a</div><div>b</div>") == ["a\nb"]
    assert texts("<div>a</div><div><p>b</p></div>") == ["a", "b"]
    assert texts("<div>a<p></p> <div><span></span></div>b</div>") == ["a b"]
    assert texts("a<figure>b</figure>c") == ["abc"]


def test_source_order() -> None:
    assert source_of({"data-src": "b.jpg", "src": "a.jpg"}, URL) == "https://harbour.example/posts/a.jpg"
    assert (
        source_of({"src": "a b.jpg", "srcset": "x 1x, y 2x", "src2": "c.jpg"}, URL)
        == "https://harbour.example/posts/c.jpg"
    )
    assert source_of({"src": "data:image/gif;base64,AA"}, URL) is None


def test_images_are_not_judged_here() -> None:
    assert (
        texts("<p>a</p><img src=p.gif width=1 height=1><img src=p.gif>")[1:]
        == ["https://harbour.example/posts/p.gif"] * 2
    )


def test_nothing_left_is_a_drop() -> None:
    with pytest.raises(Drop):
        items("<ul><li>all of it in a list</li></ul>")
