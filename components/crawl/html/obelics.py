"""Mode `obelics`: the DOM rules that OBELICS published and MINT-1T built on (arXiv 2306.16527, 2406.11271).

Faithful, with what that costs: an element that is on neither list below is deleted **with its
content**. List items, tables, `<header>`, `<nav>`, `<form>` and `<pre>` are on neither, so their texts
and images are lost here; `HtmlParams.mode = "main"` keeps them. There is no boilerplate model.

The published code edits the tree and starts over after every change. The same rules are applied
here in one walk, in time linear in the page. A paragraph is one item; joined by an empty line, the text
items between two images are one text of OBELICS.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from components.core.errors import BadRecord
from components.core.records import Item
from components.crawl.html.images import absolute, declared_size
from components.crawl.html.parse import HtmlParams, HtmlReason, words
from components.crawl.html.tree import clean

UNWRAPPED: Final = words(
    "a abbr acronym b bdi bdo big cite code data dfn em font i ins kbd mark q s samp shadow small span "
    "strike strong sub sup time tt u var wbr"
)
"""Elements that are replaced by what is in them."""
KEPT: Final = words(
    "address article aside blink blockquote body br caption center dd dl dt div figcaption h hgroup html "
    "legend main marquee ol p section summary title ul "
    "audio embed figure iframe img object picture video source"
)
"""Elements that stay, digits of their names ignored. Any other goes, and what is in it."""
DOUBLE_BREAK: Final = words("blockquote dl h ol p ul")
SINGLE_BREAK: Final = words(
    "address article aside center dd dt div figcaption hgroup legend main section summary"
)
SOURCES: Final = (
    "src",
    "data-src",
    "data-src-fg",
    "data-scroll-image",
    "srcset",
    "data-lateloadsrc",
    "data-img-src",
    "data-original",
    "data-gt-lazy-src",
    "data-lazy",
    "data-lazy-src",
    "src2",
)
"""Attributes that may hold an image's address, in the published order."""
END_OF_DOCUMENT: Final = "END_OF_DOCUMENT_TOKEN_TO_BE_REPLACED"
"""What stands for an element of class `more-link`: several articles share one page."""

_REMOVED_CLASSES: Final = frozenset({"footer", "site-info"})
_REMOVED_DIVS: Final = frozenset({"footer", "header", "navigation", "nav", "navbar", "menu"})
_WEIGHT: Final = {"": 0, "\n": 1, "\n\n": 2}
_DIGITS: Final = re.compile(r"\d")


def source_of(attributes: dict[str, str | None], base: str) -> str | None:
    """Absolute URL of an image by the published order; values with a comma or a space are passed over."""
    for name in SOURCES:
        value = (attributes.get(name) or "").strip()
        if value and "," not in value and " " not in value:
            url = absolute(value, base)
            if url:
                return url
    return None


class _Texts:
    """Texts and images so far. `\x02` stands for a `<br>`."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.pieces: list[str] = []
        self.separator = ""  # the strongest one since the last text
        self.heading = 0
        self.count = 0  # texts and images seen, to know whether an element was empty

    def separate(self, separator: str) -> None:
        if _WEIGHT[separator] > _WEIGHT[self.separator]:
            self.separator = separator

    def add(self, text: str, heading: int) -> None:
        if self.separator == "\n\n" or (heading != self.heading and self.separator):
            self.end_paragraph()
        elif self.separator and self.pieces:
            self.pieces.append("\x02")
        self.separator = ""
        self.heading = heading
        self.pieces.append(text)
        self.count += 1

    def end_paragraph(self) -> None:
        text = unicodedata.normalize("NFC", clean("".join(self.pieces)))
        self.pieces.clear()
        if text and self.heading:
            self.items.append(Item("text", "heading", text.replace("\n", " "), self.heading))
        elif text:
            self.items.append(Item("text", "paragraph", text))

    def image(self, item: Item) -> None:
        self.end_paragraph()
        self.separator = ""
        self.items.append(item)
        self.count += 1


def _is_removed(name: str, attributes: dict[str, str | None]) -> bool:
    if not _REMOVED_CLASSES.isdisjoint((attributes.get("class") or "").split()):
        return True
    return name == "div" and any(
        (attributes.get(key) or "") in _REMOVED_DIVS for key in ("id", "class", "title")
    )


def _image(attributes: dict[str, str | None], base: str) -> Item | None:
    url = source_of(attributes, base)
    if url is None:
        return None
    width, height = declared_size(attributes)
    alt = unicodedata.normalize("NFC", clean((attributes.get("alt") or "")[:5000])) or None
    return Item(kind="image", role="figure", url=url, alt=alt, width=width, height=height)


def obelics_content(tree: Any, base: str, params: HtmlParams) -> list[Item]:
    """Items of a page by the published rules.

    Args:
        tree: lexbor parser.
        base: address that relative addresses are resolved against.
        params: limits.

    Raises:
        BadRecord: `too_deep` or `too_complex`.
    """
    texts = _Texts()
    body = tree.body
    first = body.first_child if body is not None else None
    # (node, heading level, inside a div of a date, depth), or at the end of an element
    # (None, number of texts when it began, separator before it, separator of the element)
    stack: list[tuple[Any, Any, Any, Any]] = [(first, 0, False, 1)] if first is not None else []
    nodes = 0
    while stack:
        node, heading, dated, depth = stack.pop()
        if node is None:
            _leave(texts, heading, dated, depth)
            continue
        nodes += 1
        if nodes > params.max_nodes:
            raise BadRecord(HtmlReason.TOO_COMPLEX, f"more than {params.max_nodes} nodes")
        following = node.next
        if following is not None:
            stack.append((following, heading, dated, depth))
        tag = node.tag or ""
        if tag == "-text":
            text = node.text_content
            if not dated and (texts.pieces or not text.isspace()):
                _add_text(texts, text, heading)
            continue
        name = _DIGITS.sub("", tag)
        attributes = node.attributes
        if attributes and "more-link" in (attributes.get("class") or "").split():
            texts.separate("\n\n")
            texts.add(END_OF_DOCUMENT, 0)
            texts.separate("\n\n")
            continue
        if (name not in KEPT and name not in UNWRAPPED) or (attributes and _is_removed(name, attributes)):
            continue
        if name == "br":
            _add_text(texts, "\x02", heading)
            continue
        if name == "img":
            item = _image(attributes, base)
            if item is not None:
                texts.image(item)
            continue
        child = node.first_child
        if child is None:
            continue
        if name in KEPT:
            separator = "\n\n" if name in DOUBLE_BREAK else "\n" if name in SINGLE_BREAK else ""
            depth += 1
            if depth > params.max_depth:
                raise BadRecord(
                    HtmlReason.TOO_DEEP, f"more than {params.max_depth} elements inside each other"
                )
            stack.append((None, texts.count, texts.separator, separator))
            texts.separate(separator)
            dated = name == "div" and "date" in (attributes.get("class") or "")
            if name == "h":
                heading = int(tag[1]) if tag[1:] in ("1", "2", "3", "4", "5", "6") else 0
        stack.append((child, heading, dated, depth))
    texts.end_paragraph()
    return texts.items


def _add_text(texts: _Texts, text: str, heading: int) -> None:
    if text == "\x02" or text.isspace():
        if texts.pieces and not texts.separator:
            texts.pieces.append(text)
        return
    texts.add(text, heading)


def _leave(texts: _Texts, count: int, before: str, separator: str) -> None:
    """The end of an element: an empty one was never there, any other parts what is around it."""
    if texts.count == count:
        texts.separator = before
    else:
        texts.separate(separator)
