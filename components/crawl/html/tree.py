"""One walk over a parsed page that turns it into blocks, paragraphs and pictures in document order.

The walk keeps its own stack: how deep a page is nested costs no C or Python stack. It visits every
node once and leaves out what is never content (scripts, navigation, hidden elements) as it goes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from components.core.errors import BadRecord
from components.crawl.html.hints import Hint, hint_of
from components.crawl.html.parse import HtmlReason, words

LINE_BREAK: Final = "\x02"
"""Stands for `<br>` inside a paragraph's raw text; no HTML text can hold it."""

_SKIP, _BLOCK, _CHROME, _INLINE, _SPAN, _LINK, _BREAK, _IMAGE, _NOSCRIPT, _RULE, _MATH, _SOURCE = range(12)
_IN_LINK, _IN_NOSCRIPT = 1, 2

_KINDS: Final[dict[str, int]] = {
    **dict.fromkeys(
        words(
            "address article blockquote body caption center dd details div dl dt fieldset figcaption "
            "figure form h1 h2 h3 h4 h5 h6 header hgroup html legend li main marquee ol p pre listing xmp "
            "section summary table tbody td tfoot th thead tr ul"
        ),
        _BLOCK,
    ),
    **dict.fromkeys(
        words(
            "script style template svg iframe canvas select option optgroup datalist button input textarea "
            "object embed applet audio video track map area head title meta link base noframes frameset "
            "frame progress meter rp rt dialog menu nav -comment"
        ),
        _SKIP,
    ),
    **dict.fromkeys(("footer", "aside"), _CHROME),
    **dict.fromkeys(("img", "amp-img", "amp-anim"), _IMAGE),
    **dict.fromkeys(("span", "font", "strong", "em", "b", "i", "small", "time", "label"), _SPAN),
    "br": _BREAK,
    "hr": _RULE,
    "a": _LINK,
    "noscript": _NOSCRIPT,
    "math": _MATH,
    "source": _SOURCE,
}
_ROLES_OUT: Final = words(
    "navigation banner contentinfo complementary search dialog alertdialog menu menubar toolbar tablist"
)
_BODY_PROPERTIES: Final = frozenset({"articlebody", "reviewbody"})
_NEVER_OUT: Final = frozenset({"body", "html", "main", "article", "td", "tr", "tbody", "h1"})
_HEADING_LINK: Final = re.compile(
    r"(?<![\w-])(?:header-?link|heading-?link|head(?:er|ing)-?anchor|anchor-?link|hash-?link|permalink)(?![\w-])"
)
HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_PRE: Final = frozenset({"pre", "listing", "xmp"})
_INVISIBLE_STYLE: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CJK: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_CHARACTER: Final = re.compile(r"emoji|smil(?:ey|ie)|\blatex\b|mwe-math|\btex\b", re.IGNORECASE)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufffe\uffff]")


class Block:
    """A block-level element.

    Attributes:
        tag: element name.
        parent: index of the enclosing block in `Page.blocks`; -1 for the root.
        hint: what its class, id and role say (`Hint`).
        name: class of the element, for comparing siblings.
        out: it is boilerplate by its tag, role or names; what is in it makes no blocks of its own.
        key: identifies an element that is out, as long as the tree lives.
        heading: 1 to 6 for a heading and for blocks inside one, else 0.
        end: index after the last block inside it.
        chars, links: characters of text inside it, and those of them in links.
        mass: characters inside it that look like prose.
    """

    __slots__ = (
        "chars",
        "depth",
        "end",
        "heading",
        "hint",
        "key",
        "links",
        "mass",
        "name",
        "out",
        "parent",
        "start",
        "tag",
    )

    def __init__(
        self,
        tag: str,
        parent: int,
        hint: int,
        depth: int,
        name: str,
        start: int | None,
        out: bool,
        heading: int,
    ) -> None:
        self.tag = tag
        self.parent = parent
        self.hint = hint
        self.depth = depth
        self.name = name
        self.out = out
        self.key = 0
        self.heading = heading
        self.start = start
        self.end = 0
        self.chars = 0
        self.links = 0
        self.mass = 0.0


class Paragraph:
    """A run of text directly inside one block.

    Attributes:
        block: index of that block.
        text: white space collapsed, lines at `<br>`; as written inside `<pre>`.
        chars: its length; characters of scripts without spaces count double.
        links: how many of the characters are in links.
    """

    __slots__ = ("block", "chars", "links", "text")

    def __init__(self, block: int, text: str, chars: int, links: int) -> None:
        self.block = block
        self.text = text
        self.chars = chars
        self.links = links


class Picture:
    """An `<img>`, with what `<picture>` and `<noscript>` around it add."""

    __slots__ = ("attributes", "block", "in_link", "in_noscript", "sources")

    def __init__(
        self,
        block: int,
        attributes: dict[str, str | None],
        sources: list[str],
        in_link: bool,
        in_noscript: bool,
    ) -> None:
        self.block = block
        self.attributes = attributes
        self.sources = sources
        self.in_link = in_link
        self.in_noscript = in_noscript


class Page:
    """Blocks in document order, and paragraphs and pictures in document order."""

    __slots__ = ("blocks", "entries")

    def __init__(self, blocks: list[Block], entries: list[Paragraph | Picture]) -> None:
        self.blocks = blocks
        self.entries = entries


@lru_cache(maxsize=4096)
def _invisible(style: str) -> bool:
    return bool(_INVISIBLE_STYLE.search(style))


def hidden(attributes: dict[str, str | None]) -> bool:
    """True where the element's own attributes hide it."""
    style = attributes.get("style")
    if style and _invisible(style[:500]):
        return True
    return "hidden" in attributes and attributes["hidden"] != "until-found"


def clean(raw: str, *, pre: bool = False) -> str:
    """Text without control characters and outer white space; inner white space collapsed unless `pre`."""
    if pre:
        lines = _CONTROL.sub("", raw.replace(LINE_BREAK, "\n").replace("\r\n", "\n")).split("\n")
        return "\n".join(line.rstrip() for line in lines).strip("\n")
    if LINE_BREAK in raw:
        lines = [" ".join(_CONTROL.sub("", line).split()) for line in raw.split(LINE_BREAK)]
        return "\n".join(line for line in lines if line)
    text = " ".join(raw.split())
    return text if text.isprintable() else " ".join(_CONTROL.sub("", text).split())


def read_page(
    body: Any,
    *,
    max_depth: int,
    max_nodes: int,
    noscript: bool = False,
    spared: frozenset[int] = frozenset(),
) -> Page:
    """Walk over everything below `body`.

    Args:
        body: lexbor node.
        max_depth: most block elements inside each other.
        max_nodes: most nodes visited.
        noscript: read the text inside `<noscript>` too.
        spared: keys of blocks (`Block.key`) that are not put out, whatever their tag, role and names are.

    Raises:
        BadRecord: `too_deep` or `too_complex`.
    """
    walk = _Walk(max_depth, max_nodes, 0 if noscript else _IN_NOSCRIPT, spared)
    walk.run(body.first_child)
    return _close(Page(walk.blocks, walk.entries))


class _Walk:
    """The state of one walk: blocks and entries so far, and the paragraph that is being read."""

    def __init__(self, max_depth: int, max_nodes: int, noscript: int, spared: frozenset[int]) -> None:
        self.blocks = [Block("body", -1, 0, 0, "", None, False, 0)]
        self.entries: list[Paragraph | Picture] = []
        self.pieces: list[str] = []
        self.current = 0  # the block that `pieces` stand in
        self.link_chars = 0
        self.sources: list[str] = []  # srcset of the <source> elements before an <img>
        self.max_depth = max_depth
        self.max_nodes = max_nodes
        self.noscript = noscript  # the state inside <noscript>
        self.spared = spared

    def run(self, root: Any) -> None:
        """Visit `root`, its following siblings and all below them."""
        stack: list[tuple[Any, int, int]] = [(root, 0, 0)] if root is not None else []
        pieces, kind_of, enter = self.pieces, _KINDS.get, self.enter
        nodes = 0
        while stack:
            node, parent, state = stack.pop()
            # text among siblings, the most common node, costs no push and no pop
            while node is not None:
                nodes += 1
                tag = node.tag
                if tag != "-text":
                    break
                if not state & _IN_NOSCRIPT:
                    text = node.text_content
                    if text.isspace():
                        if pieces:
                            pieces.append(text)
                    else:
                        if parent != self.current:
                            if pieces:
                                self.flush()
                            self.current = parent
                        pieces.append(text)
                        if state:
                            self.link_chars += len(text.strip())
                node = node.next
            else:
                continue
            following = node.next
            if following is not None:
                stack.append((following, parent, state))
            if nodes > self.max_nodes:
                raise BadRecord(HtmlReason.TOO_COMPLEX, f"more than {self.max_nodes} nodes")
            kind = kind_of(tag, _INLINE)
            if kind == _SKIP:
                continue
            if kind <= _CHROME:
                parent = self.open_block(node, tag, parent, kind == _CHROME)
            elif kind != _INLINE:
                state = enter(node, kind, parent, state)
                if state < 0:
                    continue
            child = node.first_child
            if child is not None:
                stack.append((child, parent, state))
        self.flush()

    def flush(self) -> None:
        """End the paragraph that is being read."""
        if not self.pieces:
            return
        block = self.blocks[self.current]
        text = clean("".join(self.pieces), pre=block.tag in _PRE)
        self.pieces.clear()
        if text:
            chars = len(text)
            if not text.isascii() and _CJK.search(text):
                chars *= 2
            self.entries.append(Paragraph(self.current, text, chars, min(self.link_chars, chars)))
        self.link_chars = 0

    def open_block(self, node: Any, tag: str, parent: int, out: bool) -> int:
        """Begin a block; gives its index."""
        if self.pieces:
            self.flush()
        blocks = self.blocks
        above = blocks[parent]
        if above.out:
            return parent  # what is out is one block, however much is in it
        depth = above.depth + 1
        if depth > self.max_depth:
            raise BadRecord(
                HtmlReason.TOO_DEEP, f"more than {self.max_depth} block elements inside each other"
            )
        heading = int(tag[1]) if tag in HEADINGS else above.heading
        attributes = node.attributes
        hint, name, number = 0, "", None
        if attributes:
            get = attributes.get
            name = get("class") or ""
            mark = get("id")
            if name or mark:
                hint = hint_of(f"{name[:400]} {mark[:100]}" if mark else name[:400])
            if "itemprop" in attributes and (get("itemprop") or "").lower() in _BODY_PROPERTIES:
                hint = Hint.BODY
            if tag not in _NEVER_OUT:
                out = (
                    out
                    or (hint == -2 and tag not in HEADINGS)
                    or get("role") in _ROLES_OUT
                    or hidden(attributes)
                )
            if tag == "ol":
                start = get("start") or ""
                number = int(start) if start.isdecimal() and start.isascii() and len(start) < 7 else None
        block = Block(tag, parent, hint, depth, name, number, out, heading)
        if out:
            block.key = node.mem_id
            if block.key in self.spared:
                block.out, block.hint = False, max(hint, Hint.NONE)
        self.current = len(blocks)
        blocks.append(block)
        return self.current

    def enter(self, node: Any, kind: int, parent: int, state: int) -> int:
        """Take note of an inline element of a kind that matters.

        Returns the state for what is inside it; -1 where that is not to be visited.
        """
        if kind == _SPAN:
            attributes = node.attributes
            if attributes and not self.blocks[parent].out:
                name = attributes.get("class")
                if (name and hint_of(name[:400]) == Hint.OUT) or hidden(attributes):
                    return -1
            return state
        if kind == _LINK:
            attributes = node.attributes
            if _HEADING_LINK.search(attributes.get("class") or ""):
                return -1  # the sign behind a heading that links to it
            return state | _IN_LINK if attributes.get("href") else state
        if kind == _BREAK:
            self.line_break(parent, state)
        elif kind == _IMAGE:
            self.picture(node.attributes, parent, state)
        elif kind == _NOSCRIPT:
            return state | self.noscript
        elif kind == _RULE:
            self.flush()
        elif kind == _SOURCE:
            value = node.attributes.get("srcset") or node.attributes.get("data-srcset")
            if value:
                self.sources.append(value)
        elif kind == _MATH:
            alternative = node.attributes.get("alttext")
            if not alternative:
                return state
            self.add(alternative, parent)
        return -1

    def add(self, text: str, parent: int) -> None:
        """Add a piece of text to the paragraph of block `parent`."""
        if parent != self.current:
            self.flush()
            self.current = parent
        self.pieces.append(text)

    def line_break(self, parent: int, state: int) -> None:
        """A `<br>`; two with nothing between them end the paragraph."""
        if state & _IN_NOSCRIPT:
            return
        pieces = self.pieces
        if pieces and parent == self.current and self.blocks[parent].tag not in _PRE:
            for piece in reversed(pieces):
                if piece == LINE_BREAK:
                    self.flush()
                    return
                if not piece.isspace():
                    break
        self.add(LINE_BREAK, parent)

    def picture(self, attributes: dict[str, str | None], parent: int, state: int) -> None:
        """An image; one that stands for a character becomes text."""
        if _CHARACTER.search(attributes.get("class") or ""):
            if not state & _IN_NOSCRIPT:
                self.add(attributes.get("alt") or "", parent)
            return
        if self.pieces and _tall(attributes.get("height")):
            self.flush()
        in_link, in_noscript = bool(state & _IN_LINK), bool(state & _IN_NOSCRIPT)
        self.entries.append(Picture(parent, attributes, self.sources, in_link, in_noscript))
        self.sources = []


def _tall(height: str | None) -> bool:
    """False for an image of at most a line's height, which does not part the text around it."""
    if height is None:
        return True
    digits = height.strip().removesuffix("px")
    return not (digits.isdecimal() and len(digits) < 5 and int(digits) <= 40)


def _close(page: Page) -> Page:
    """Find where each block ends."""
    blocks = page.blocks
    for index in range(len(blocks) - 1, 0, -1):
        block = blocks[index]
        block.end = block.end or index + 1
        above = blocks[block.parent]
        above.end = max(above.end, block.end)
    blocks[0].end = len(blocks)
    return page
