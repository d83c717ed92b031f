from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.crawl.addresses import canonical, is_local, resolve


@pytest.mark.parametrize(
    ("url", "base", "meant"),
    [
        ("a.png", "http://e.org/x/y.html", "http://e.org/x/a.png"),
        ("//cdn.e.org/a.png", "https://e.org/", "https://cdn.e.org/a.png"),
        ("/ä b.png#top", "http://E.org:80/x", "http://e.org/%C3%A4%20b.png"),
        ("img/a.png", "file:///home/me/site/page.html", "file:///home/me/site/img/a.png"),
        ("../a b.png?v=1", "file:///home/me/site%20one/page.html", "file:///home/me/a%20b.png"),
        ("../../../../../a.png", "file:///home/page.html", "file:///a.png"),
        ("img/a.png", "s3://bucket/site/page.html", "s3://bucket/site/img/a.png"),
        ("http://e.org/a.png", "file:///home/me/page.html", "http://e.org/a.png"),
        ("file:///etc/passwd", "http://e.org/", None),
        ("file:///etc/passwd", "file:///home/me/page.html", None),
        ("s3://other/a.png", "http://e.org/", None),
        ("javascript:alert(1)", "http://e.org/", None),
    ],
)
def test_what_an_address_means(url: str, base: str, meant: str | None) -> None:
    assert resolve(url, base) == meant


@given(st.text(max_size=60))
def test_a_page_of_the_web_never_means_a_local_file(url: str) -> None:
    try:
        meant = resolve(url, "https://e.org/a/b")
    except ValueError:
        return
    assert meant is None or not is_local(meant)


@given(st.text(max_size=60))
def test_canonical_is_a_fixed_point(path: str) -> None:
    once = canonical("http://e.org/" + path)
    assert once is None or canonical(once) == once
