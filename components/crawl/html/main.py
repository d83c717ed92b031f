"""Mode `main`: the main content of a page, in reading order.

The page is read in one walk (`tree`), its prose is weighed and the block that holds it found
(`score`), and what is kept becomes items (`emit`). Where next to nothing is found, the text
inside `<noscript>`, then the `articleBody` of JSON-LD are tried.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from components.core.records import Item
from components.crawl.html.emit import emit
from components.crawl.html.meta import article_body
from components.crawl.html.parse import HtmlParams
from components.crawl.html.score import find_lost, find_main, select, weigh
from components.crawl.html.tree import Page, Paragraph, clean, read_page

_LITTLE: Final = 400
"""Characters of text below which other places are looked at."""
_MAX_WALKS: Final = 5
"""How often a page is walked at most, to take back what its class names put out by mistake."""


def _kept_chars(page: Page, keep: list[bool]) -> int:
    return sum(
        entry.chars
        for entry, kept in zip(page.entries, keep, strict=True)
        if kept and type(entry) is Paragraph
    )


def main_content(tree: Any, base: str, title: str | None, params: HtmlParams) -> list[Item]:
    """Items of a page's main content.

    Args:
        tree: lexbor parser.
        base: address that relative addresses are resolved against.
        title: content of `<title>`, which tells the headline from other headings.
        params: limits.

    Raises:
        BadRecord: `too_deep` or `too_complex`.
    """
    body = tree.body
    if body is None:
        return []
    page, keep, chars = _choose(body, title, params, noscript=False)
    if chars < _LITTLE:
        other_page, other_keep, other_chars = _choose(body, title, params, noscript=True)
        if other_chars > 2 * chars:
            page, keep, chars = other_page, other_keep, other_chars
    items = emit(page, keep, base)
    if chars < _LITTLE:
        lines = [clean(line) for line in article_body(tree).splitlines()]
        if sum(map(len, lines)) > max(2 * chars, 200):
            images = [item for item in items if item.kind == "image"]
            texts = [Item("text", "paragraph", unicodedata.normalize("NFC", line)) for line in lines if line]
            return images + texts
    return items


def _choose(
    body: Any, title: str | None, params: HtmlParams, *, noscript: bool
) -> tuple[Page, list[bool], int]:
    spared: frozenset[int] = frozenset()
    for _ in range(_MAX_WALKS):
        page = read_page(
            body, max_depth=params.max_depth, max_nodes=params.max_nodes, noscript=noscript, spared=spared
        )
        lost = find_lost(page)
        if not lost:
            break
        spared |= {lost}
    weigh(page)
    keep = select(page, find_main(page), title)
    return page, keep, _kept_chars(page, keep)
