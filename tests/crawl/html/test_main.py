"""Mode `main`: what is kept of a page, as what, and in which order; quality on real pages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from components.core.errors import Drop
from components.core.records import Item
from components.crawl.html.extractor import extract_html
from components.crawl.html.images import absolute, address, largest, srcset

URL = "https://harbour.example/posts/7"
TESTS = Path(__file__).parents[2]
DATA = TESTS / "data" / "html"
PROSE = "This is a sentence of some length, as there are many in an article, and it ends here."


def items(body: str, head: str = "") -> list[Item]:
    payload = f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode()
    return extract_html(payload, URL).items


def rows(found: list[Item]) -> list[tuple[str | None, str | None]]:
    return [(item.role, item.text if item.kind == "text" else item.url) for item in found]


def article(inner: str) -> list[Item]:
    """Items of an article around `inner`, less the prose that makes it one."""
    found = items(f"<main><p>{PROSE}</p>{inner}<p>{PROSE}</p></main>")
    assert found[0].text == found[-1].text == PROSE
    return found[1:-1]


def test_a_whole_page_in_reading_order() -> None:
    found = extract_html((DATA / "article.html").read_bytes(), URL).items
    assert rows(found) == [
        (
            "paragraph",
            "A tide mill stores the sea behind a dam at high water, and grinds corn with it when the tide "
            "falls.",
        ),
        ("figure", "https://static.harbour.example/blog/img/mill.jpg"),
        (
            "paragraph",
            "The first tide mills are older than most people think: one in Ireland was built in the year "
            "619, and its timbers were dated by their rings.",
        ),
        ("paragraph", "They need three things, which few coasts have:"),
        (
            "list",
            "- a large tidal range, of some metres at least;\n"
            "- an inlet that is easy to close:\n"
            "  3. with a dam of stone,\n"
            "  4. or with a dam of earth;\n"
            "- and customers.",
        ),
        ("heading", "How much power"),
        (
            "paragraph",
            "The energy that is stored in a pond depends on its area and on the square of the tidal range, "
            "as this table shows.",
        ),
        ("table", "Energy of a tide\nMill | Range (m) | Energy (kWh)\nCarew | 5.5 | 42\nEling |  | 9"),
        ("figure", "https://static.harbour.example/blog/img/wheel-1200.jpg"),
        ("paragraph", "In code it is one line, which a reader may try at home:"),
        ("code", "def energy(area, tide):\n    return 0.5 * 1025 * 9.81 * area * tide ** 2"),
        ("quote", "The sea works for the miller twice a day,\nand never asks for wages."),
        (
            "paragraph",
            "Caf\u00e9s now stand where the millers lived, and the ponds are full of swans; e = mc\u00b2.",
        ),
    ]
    mill, wheel = (item for item in found if item.kind == "image")
    assert (mill.alt, mill.caption) == ("A mill by the water", "The mill at Carew, seen from the north.")
    assert (mill.width, mill.height) == (800, 600)
    assert (wheel.alt, wheel.caption, wheel.width) == ("Wheel", "An undershot wheel.", None)
    assert [item.level for item in found if item.role == "heading"] == [2]


def test_layout_tables_are_unwrapped_and_data_tables_kept() -> None:
    found = extract_html((DATA / "layout.html").read_bytes(), URL).items
    assert [item.role for item in found] == ["paragraph", "paragraph", "paragraph", "table"]
    assert found[1].text is not None
    assert found[1].text.endswith("where oak and beech grow.\nMy best find was a stag beetle.")
    assert found[3].text == "Beetle | Year\nStag | 1971"


BOILERPLATE = [
    "<nav><p>{}</p></nav>",
    "<footer><p>{}</p></footer>",
    "<aside><p>{}</p></aside>",
    '<div class="comments-area"><p>{}</p></div>',
    '<div id="disqus_thread"><p>{}</p></div>',
    '<div class="relatedPosts"><p>{}</p></div>',
    '<div class="social-share"><p>{}</p></div>',
    '<div class="sidebar"><p>{}</p></div>',
    '<div id="cookieConsent"><p>{}</p></div>',
    '<div class="newsletter-signup"><p>{}</p></div>',
    '<div role="navigation"><p>{}</p></div>',
    '<div style="display: none"><p>{}</p></div>',
    "<div hidden><p>{}</p></div>",
    '<p><span class="sr-only">{}</span></p>',
    '<div><a href="/1">{}</a></div>',
    "<form><select><option>{}</select><button>{}</button></form>",
    "<script>{}</script>",
    "<template><p>{}</p></template>",
    "<svg><text>{}</text></svg>",
    "<h2>Related articles</h2><ul><li><a href=/1>{}</a></ul>",
]


@pytest.mark.parametrize("template", BOILERPLATE)
def test_boilerplate_beside_an_article_is_left_out(template: str) -> None:
    noise = "Some other words, which are no part of the article, whatever they say."
    inner = template.replace("{}", noise)
    found = items(f"<div class=page><article>{f'<p>{PROSE}</p>' * 4}</article>{inner}</div>")
    assert rows(found) == [("paragraph", PROSE)] * 4
    assert article(inner) == []


@pytest.mark.parametrize(
    "name",
    [
        "sidebar",
        "comments",
        "modal popup",
        "menu",
        "hidden",
        "ads-wrapper",
        "field--label-hidden",
        "has-sidebar",
    ],
)
def test_names_are_only_hints(name: str) -> None:
    """A page whose whole text is inside an element with a bad name is not lost."""
    found = items(f'<div class="{name}"><p>{PROSE}</p><p>{PROSE}</p></div><p>Home</p>')
    assert ("paragraph", PROSE) in rows(found)


def test_a_title_repeated_by_a_heading_parts_what_is_above_it_from_the_article() -> None:
    ticker = "".join(
        f'<li><a href="/{i}">News number {i}</a> that is on top of every page.</li>' for i in range(4)
    )
    found = items(
        f"<div><ul>{ticker}</ul><h1>Swans of the inner harbour</h1><p>{PROSE}</p><p>{PROSE}</p></div>",
        "<title>Swans of the inner harbour | Notes</title>",
    )
    assert rows(found) == [
        ("heading", "Swans of the inner harbour"),
        ("paragraph", PROSE),
        ("paragraph", PROSE),
    ]


def test_inline_markup_does_not_part_words_and_blocks_do() -> None:
    found = article("<div>un<b>break</b><i>able</i> <a href=/x>link</a><div>next block</div>tail</div>")
    assert rows(found) == [
        ("paragraph", "unbreakable link"),
        ("paragraph", "next block"),
        ("paragraph", "tail"),
    ]


def test_two_breaks_end_a_paragraph_and_one_is_a_line() -> None:
    assert rows(article("<p>one<br>two<br> <br>three</p>")) == [
        ("paragraph", "one\ntwo"),
        ("paragraph", "three"),
    ]


def test_definition_lists_and_paragraphs_in_items() -> None:
    found = article(
        "<dl><dt>Ebb</dt><dd>falling water</dd></dl><ol><li><p>a</p><p>b</p></li><li>c<br>d</li></ol>"
    )
    assert rows(found) == [("list", "- Ebb\n  falling water"), ("list", "1. a\n  b\n2. c\n  d")]


def test_a_list_that_arranges_sections_is_no_list() -> None:
    found = article(f"<ul><li><h3>First</h3><p>{PROSE}</p></li><li><h3>Second</h3><p>{PROSE}</p></li></ul>")
    assert [item.role for item in found] == ["heading", "paragraph", "heading", "paragraph"]


def test_an_image_in_a_table_follows_it_and_one_in_a_list_parts_it() -> None:
    table = "<table><tr><td>a</td><td><img src=t.jpg>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    assert [item.text or item.url for item in article(table)] == [
        "a | b\nc | d",
        "https://harbour.example/posts/t.jpg",
    ]
    parts = article("<ul><li>one</li><li><img src=l.jpg></li><li>two</li></ul>")
    assert [item.text or item.url for item in parts] == [
        "- one",
        "https://harbour.example/posts/l.jpg",
        "- two",
    ]


def test_code_keeps_its_white_space_and_line_numbers_go() -> None:
    found = article(
        "<table><tr><td><pre>1\n2\n</pre></td><td><pre>\nif x:\n\ty()  \n</pre></td></tr></table>"
    )
    assert rows(found) == [("code", "if x:\n\ty()")]


def test_formulas_and_emoji_become_text() -> None:
    found = article(
        '<p>so <math alttext="x^2"><mi>x</mi></math> is fun <img class="emoji" src=e.png alt="!"></p>'
    )
    assert rows(found) == [("paragraph", "so x^2 is fun !")]


def test_captions_of_pictures_that_are_not_kept_go_with_them() -> None:
    video = "<figure><video src=v.mp4></video><figcaption>A film of the mill</figcaption></figure>"
    assert article(video) == []


def test_each_caption_goes_to_its_picture() -> None:
    figures = "".join(
        f"<figure><img src={n}.jpg><figcaption>Caption {n}</figcaption></figure>" for n in range(3)
    )
    below = (
        '<div><img src=z.jpg><div class="image-caption">Below</div><span class="x">Text after.</span></div>'
    )
    found = article(figures + below)
    assert [(item.url and item.url[-5:], item.caption) for item in found if item.kind == "image"] == [
        ("0.jpg", "Caption 0"),
        ("1.jpg", "Caption 1"),
        ("2.jpg", "Caption 2"),
        ("z.jpg", "Below"),
    ]


IMAGES = {
    "plain": ('<img src="a.jpg">', ["a.jpg"]),
    "lazy over a placeholder": ('<img src="data:image/gif;base64,AAAA" data-src="a.jpg">', ["a.jpg"]),
    "lazy over a preview": ('<img src="tiny.jpg" data-original="a.jpg">', ["a.jpg"]),
    "flag that is no address": ('<img src="a.jpg" data-lazy="true">', ["a.jpg"]),
    "srcset": ('<img src="s.jpg" srcset="m.jpg 640w, a.jpg 1280w, s.jpg 320w">', ["a.jpg"]),
    "density": ('<img src="s.jpg" srcset="s.jpg, a.jpg 2x">', ["a.jpg"]),
    "picture": ('<picture><source srcset="a.webp 2x, b.webp"><img alt="only here"></picture>', ["a.webp"]),
    "picture with img": ('<picture><source srcset="a.webp"><img src="a.jpg"></picture>', ["a.jpg"]),
    "noscript alone": ('<noscript><img src="a.jpg"></noscript>', ["a.jpg"]),
    "noscript after": ('<img data-src="a.jpg"><noscript><img src="a-small.jpg"></noscript>', ["a.jpg"]),
    "noscript before": ('<noscript><img src="a-small.jpg"></noscript><img data-src="a.jpg">', ["a.jpg"]),
    "noscript for a placeholder": ('<img src="blank.gif"><noscript><img src="a.jpg"></noscript>', ["a.jpg"]),
    "tracking pixel": ('<img src="a.jpg" width="1" height="1"><img src="b.jpg" style="width:1px">', []),
    "spacer": ('<img src="/i/spacer.gif">', []),
    "unusable": ('<img src="javascript:x"><img src="http://[bad"><img><img src="  "><img src="blob:x">', []),
    "space in a path": ('<img src=" a b.jpg ">', ["a%20b.jpg"]),
    "same twice": ('<img src="a.jpg"><img src="a.jpg#x">', ["a.jpg"]),
    "amp": ('<amp-img src="a.jpg" width=300 height=200></amp-img>', ["a.jpg"]),
}


@pytest.mark.parametrize("name", IMAGES)
def test_image_addresses(name: str) -> None:
    source, wanted = IMAGES[name]
    found = [item.url for item in article(source)]
    assert found == [f"https://harbour.example/posts/{name}" for name in wanted]


def test_base_and_absolute_addresses() -> None:
    head = '<base href="/media/"><base href="/second/">'
    found = items(f"<p>{PROSE}</p><img src=a.jpg><img src=//cdn.example/b.jpg><img src=/c.jpg>", head)
    assert [item.url for item in found[1:]] == [
        "https://harbour.example/media/a.jpg",
        "https://cdn.example/b.jpg",
        "https://harbour.example/c.jpg",
    ]


def test_srcset_grammar() -> None:
    assert srcset("a.jpg") == [(1.0, "a.jpg")]
    assert srcset(" a,b.jpg 1.5x ,c.jpg 200w,\nd.jpg") == [(1.5, "a,b.jpg"), (200.0, "c.jpg"), (1.0, "d.jpg")]
    assert srcset(", ,") == []
    assert largest(["a 1w, b 3w", "c 3w"]) == "b"
    assert largest(["data:image/png;base64,AAAA 2x, a 1x"]) == "a"


def test_addresses_are_http_only() -> None:
    assert absolute("ftp://a/b", URL) is None
    assert absolute("x" * 5000, URL) is None
    assert absolute("?q=1#f", URL) == "https://harbour.example/posts/7?q=1"
    assert address({"src": None}, [], URL) is None


def test_article_body_of_json_ld_where_the_page_shows_next_to_nothing() -> None:
    body = f"{PROSE}\\n\\n{PROSE} {PROSE} {PROSE}"
    head = f'<script type="application/ld+json">{{"@graph": [{{"articleBody": "{body}"}}]}}</script>'
    found = items("<p>Please turn on JavaScript.</p>", head)
    assert rows(found) == [("paragraph", PROSE), ("paragraph", f"{PROSE} {PROSE} {PROSE}")]


def test_noscript_text_where_there_is_no_other() -> None:
    found = items(f"<div id=app></div><noscript><div><p>{PROSE}</p></div></noscript>")
    assert rows(found) == [("paragraph", PROSE)]
    assert (
        article("<noscript><p>Please turn on JavaScript, it is needed for everything here.</p></noscript>")
        == []
    )


def test_a_page_of_pictures_only_is_content() -> None:
    assert [item.kind for item in items("<img src=a.jpg><img src=b.jpg>")] == ["image", "image"]
    with pytest.raises(Drop):
        items("<img src=spacer.gif>")


def _benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "html_quality", TESTS.parent / "benchmarks" / "html_quality.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_scores_as_its_authors_do() -> None:
    benchmark = _benchmark()
    assert benchmark.shingle_scores("a b c d e", "a b c d e") == (1.0, 1.0)
    assert benchmark.shingle_scores("a b c d e", "x a b c d") == (0.5, 0.5)
    assert benchmark.shingle_scores("a b c d", "") == (0.0, 0.0)
    page = benchmark.Page(
        "http://a/", b"", "trafilatura", {"with": ["ab", "cd", "ef"], "without": ["gh", "ij"]}
    )
    score = benchmark.score_evaldata([(page, "ab cd gh")])
    assert (score.precision, score.recall) == (2 / 3, 2 / 3)


@pytest.mark.corpora
def test_quality_on_real_pages(corpora: Path) -> None:
    """Not below what trafilatura 2.2 reaches on the same pages with the same scores (0.960 and 0.928)."""
    benchmark = _benchmark()
    pages = benchmark.read_pages(corpora)
    extract = benchmark.extractors()["kalemint main"]
    both = [(page, extract(page.payload, page.url)) for page in pages]
    assert len(both) > 500
    assert benchmark.score_aeb(both).f1 >= 0.960
    assert benchmark.score_evaldata(both).f1 >= 0.928


def test_the_sign_that_links_to_a_heading_is_no_text() -> None:
    body = "<p>" + "Enough words to be the content of a page about bees and their hives. " * 6 + "</p>"
    first = "<h1>Bees<a class='headerlink' href='#bees'>\u00b6</a></h1>"
    second = "<h2>Hives <a class='hash-link' href='#h'>#</a></h2>"
    page = f"<main>{first}{body}{second}{body}</main>"
    items = extract_html(page.encode(), "http://e.org/").items
    assert [i.text for i in items if i.role == "heading"] == ["Bees", "Hives"]
