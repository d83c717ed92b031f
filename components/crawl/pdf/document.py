"""What shows only in the whole document: headings, and paragraphs that go on in the next column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from components.crawl.pdf.blocks import Block, caption_kind, join_lines

LARGER: Final = 1.12
"""A heading's font is this many times larger than that of most text."""
MAX_CHARACTERS: Final = 200
"""Longest heading."""
MAX_FOOTNOTES: Final = 6
"""Most footnotes that may stand between the parts of a paragraph."""

_SECTION: Final = re.compile(r"(?:\d+(?:\.\d+)*\.?|[IVX]+\.|[A-Z]\.|第.{1,3}[章节節])\s*\S")
_ENDED: Final = tuple(".!?:;。！？：…")


def _body_size(blocks: Sequence[Block]) -> float:
    counts: Counter[float] = Counter()
    for block in blocks:
        if block.role != "table":
            for line in block.lines:
                counts[round(line.size * 2) / 2] += len(line.text)
    return max(counts, key=lambda s: (counts[s], s)) if counts else 0.0


def _is_heading(block: Block, body: float, bold_body: bool, italic_body: bool) -> bool:
    text = block.text
    if block.role not in ("paragraph", "list") or len(text) > MAX_CHARACTERS or len(block.lines) > 4:
        return False
    if caption_kind(text) or sum(c.isalpha() for c in text) < 2:
        return False
    if block.size >= LARGER * body:
        return block.role == "paragraph" or bool(_SECTION.match(text))
    if block.size < 0.92 * body or len(block.lines) > 2:
        return False
    sectioned = bool(_SECTION.match(text))
    if block.bold and not bold_body:
        return (sectioned or block.role == "paragraph") and not text.endswith((*_ENDED, ","))
    if block.italic and not italic_body:
        words = len(text.split())
        return (
            len(block.lines) == 1 and words <= 10 and text[0].isupper() and not text.endswith((*_ENDED, ","))
        )
    return sectioned and text.upper() == text and sum(c.isalpha() for c in text) >= 4


def set_headings(blocks: Sequence[Block]) -> None:
    """Make headings of blocks in a larger, bold or italic font, or numbered and in capitals.

    Levels go by size, then by weight, from 1 (the largest of the document) to 6.
    """
    body = _body_size(blocks)
    letters = sum(len(b.text) for b in blocks if b.lines)
    bold_body = 2 * sum(len(b.text) for b in blocks if b.bold) > letters
    italic_body = 4 * sum(len(b.text) for b in blocks if b.italic) > letters
    headings = [b for b in blocks if b.lines and _is_heading(b, body, bold_body, italic_body)]
    styles = sorted({(b.size, b.bold) for b in headings}, reverse=True)
    levels: dict[tuple[float, bool], int] = {}
    level, previous = 0, (1e9, False)
    for size, bold in styles:
        if size < 0.95 * previous[0] or bold != previous[1]:
            level += 1
            previous = (size, bold)
        levels[size, bold] = min(level, 6)
    for block in headings:
        block.role = "heading"
        block.level = levels[block.size, block.bold]


def _goes_on(before: Block, after: Block) -> bool:
    """Whether a block at the top of a column ends the sentence at the foot of the one before."""
    if after.role != "paragraph" or before.role not in ("paragraph", "list"):
        return False
    next_column = after.page != before.page or after.box[1] < before.box[1] - 1
    if not next_column or abs(before.size - after.size) > 0.06 * before.size:
        return False
    if before.text.endswith(_ENDED) or caption_kind(before.text):
        return False
    return after.text[:1].islower() or (before.text.endswith("-") and after.text[:1].isalpha())


def _before(joined: Sequence[Block], block: Block) -> Block | None:
    """The block that may go on in this one: the last of the text, behind footnotes in a smaller font."""
    for last in reversed(joined[-MAX_FOOTNOTES - 1 :]):
        if not last.lines:
            return None
        if last.role == "table" or last.size >= 0.92 * block.size:
            return last
    return None


def join_paragraphs(blocks: Sequence[Block], hyphenated: frozenset[str]) -> list[Block]:
    """Join a paragraph with its continuation in the next column or page.

    Only footnotes may stand between; they then follow the whole paragraph.
    """
    joined: list[Block] = []
    for block in blocks:
        last = _before(joined, block) if block.lines else None
        if last is None or not _goes_on(last, block):
            joined.append(block)
            continue
        # a hyphen that ends a line is a soft one until something else shows
        text = last.text.removesuffix("-") + "\u00ad" if last.lines[-1].text.endswith("\u00ad") else last.text
        last.text = join_lines(text, block.text, hyphenated)
        last.lines = last.lines + block.lines
    return joined
