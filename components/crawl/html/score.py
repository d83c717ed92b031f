"""Where a page's main content is, and which of its paragraphs are no part of it.

The content is the smallest block that holds nearly all of the page's prose; class names that speak
of an article's body lower what is asked of it. Inside it, blocks made of links, blocks whose
names speak against them, and headings that are left without content are taken out.
"""

from __future__ import annotations

import re
from typing import Final

from components.crawl.html.hints import Hint, closes_article, is_label
from components.crawl.html.tree import Block, Page, Paragraph, Picture

_SENTENCE: Final = re.compile(r"[.!?…。！？؟।:;,][\"'”’»)\]]*(?:\s|$)|[。！？，、]")
_SHARE: Final = {Hint.BODY: 0.35, Hint.CONTENT: 0.6, Hint.NONE: 0.75, Hint.DOUBT: 0.85}
"""How much of a block's prose a child must hold for the child to be taken in its place."""


_SAVED: Final = 0.3
"""A block that was put out comes back where all that is left has less than this share of its prose."""


_AFTER_HEADLINE: Final = 0.5
"""What comes before the headline stays where what follows has less than this share of its characters."""


def _prose(paragraph: Paragraph, heading: int) -> float:
    """How many characters of a paragraph look like prose: sentences that are not links."""
    plain = paragraph.chars - paragraph.links
    if paragraph.links * 2 > paragraph.chars or heading:
        return 0.0
    if plain < 40:
        return plain * 0.1
    if not _SENTENCE.search(paragraph.text):
        return plain * 0.3
    return float(plain) if plain >= 80 else plain * 0.6


def find_lost(page: Page) -> int:
    """Key of a block whose names put it out by mistake; 0 where there is none.

    Names are only hints: where what they leave in is next to nothing beside one block that they
    put out, that block is content.
    """
    blocks = page.blocks
    left = 0.0
    lost: dict[int, float] = {}
    for entry in page.entries:
        if type(entry) is Paragraph:
            block = blocks[entry.block]
            mass = _prose(entry, block.heading)
            if block.out:
                lost[entry.block] = lost.get(entry.block, 0.0) + mass
            else:
                left += mass
    best = max(lost, key=lambda index: (lost[index], -index), default=0)
    return blocks[best].key if best and left < _SAVED * lost[best] else 0


def weigh(page: Page) -> None:
    """Sum mass, characters and links of the blocks that are not out."""
    blocks = page.blocks
    for entry in page.entries:
        block = blocks[entry.block]
        if type(entry) is Paragraph and not block.out:
            block.chars += entry.chars
            block.links += entry.links
            block.mass += _prose(entry, block.heading)
    for index in range(len(blocks) - 1, 0, -1):
        block = blocks[index]
        if not block.chars:
            continue
        if block.hint == Hint.DOUBT:
            block.mass *= 0.7
        elif block.tag == "form":
            block.mass *= 0.5
        above = blocks[block.parent]
        above.mass += block.mass
        above.chars += block.chars
        above.links += block.links


def find_main(page: Page) -> int:
    """Index of the block that is the main content; 0 where no block stands out."""
    blocks = page.blocks
    children: dict[int, list[int]] = {}
    for index in range(1, len(blocks)):
        children.setdefault(blocks[index].parent, []).append(index)
    at = 0
    while True:
        block = blocks[at]
        best, best_mass = -1, 0.0
        for child in children.get(at, ()):
            if blocks[child].mass > best_mass:
                best, best_mass = child, blocks[child].mass
        if best < 0:
            return at
        inner = blocks[best]
        hint = inner.hint
        if inner.tag in ("article", "main"):
            hint = max(hint, Hint.CONTENT)
        share = _SHARE.get(Hint(hint), _SHARE[Hint.NONE])
        if block.hint == Hint.BODY or inner.tag in (
            "p",
            "li",
            "td",
            "tr",
            "tbody",
            "blockquote",
            "ul",
            "ol",
            "table",
        ):
            share = max(share, 0.9)
        if inner.tag in ("p", "li", "blockquote", "pre") or best_mass < share * block.mass:
            return at
        at = best


def _junk_blocks(blocks: list[Block], main: int) -> list[bool]:
    """For each block: whether it, or a block around it, is out or made of links.

    What is around `main` may be made of links.
    """
    junk = [False] * len(blocks)
    for index in range(1, len(blocks)):
        block = blocks[index]
        junk[index] = (
            junk[block.parent]
            or block.out
            or (block.chars > 0 and not index <= main < block.end and _made_of_links(block))
        )
    return junk


def _made_of_links(block: Block) -> bool:
    links = block.links / block.chars
    if block.heading:
        return False
    if block.tag in ("p", "td", "tr", "li", "dd", "dt", "tbody", "thead", "th"):
        return links > 0.9 and block.tag == "p" and block.chars < 200
    if block.tag in ("ul", "ol", "dl", "table"):
        return links > 0.6
    return links > 0.6 or (links > 0.4 and block.hint == Hint.DOUBT)


def select(page: Page, main: int, title: str | None = None) -> list[bool]:
    """For each entry: whether it is content.

    Entries of the block `main` that are not in junk; the lead and pictures between the heading and
    it; and what stands in its twins (siblings with the same tag and class). Not what comes before the
    heading that the page's title repeats, nor labels and the sections that follow an article.

    Args:
        page: the page, weighed.
        main: index of the block that holds the main content.
        title: content of `<title>`.
    """
    blocks, entries = page.blocks, page.entries
    junk = _junk_blocks(blocks, main)
    end = blocks[main].end
    keep = [main <= entry.block < end and not junk[entry.block] for entry in entries]
    headline = _headline(page, main, keep, title)
    if main:
        _add_twins(page, main, junk, keep)
        _add_lead(page, main, junk, keep, headline)
    if headline > 0:
        above = [entry for entry, kept in zip(entries[:headline], keep[:headline], strict=True) if kept]
        texts = [entry for entry in above if isinstance(entry, Paragraph)]
        before, links = sum(entry.chars for entry in texts), sum(entry.links for entry in texts)
        after = _kept(entries, keep, headline, len(keep))
        if after >= _AFTER_HEADLINE * before and (before < 150 or links > 0.2 * before):
            keep[:headline] = [False] * headline
    tidy = list(keep)
    _drop_labels(page, tidy)
    _drop_bare_headings(page, tidy)
    enough = 0.3 * _kept(entries, keep, 0, len(entries))
    return tidy if _kept(entries, tidy, 0, len(entries)) >= enough else keep


def _kept(entries: list[Paragraph | Picture], keep: list[bool], begin: int, end: int) -> int:
    """Characters of the paragraphs that are kept from `begin` to `end`."""
    both = zip(entries[begin:end], keep[begin:end], strict=True)
    return sum(entry.chars for entry, kept in both if kept and isinstance(entry, Paragraph))


_WORD: Final = re.compile(r"\w+")


def _headline(page: Page, main: int, keep: list[bool], title: str | None) -> int:
    """Position of the heading that says what the page's title says, before or in `main`; -1 without."""
    words = set(_WORD.findall((title or "").lower()))
    if len(words) < 2:
        return -1
    end = page.blocks[main].end
    best, best_level = -1, 4
    for i, entry in enumerate(page.entries):
        if entry.block >= end:
            break
        block = page.blocks[entry.block]
        if 0 < block.heading < best_level and type(entry) is Paragraph and not block.out:
            said = set(_WORD.findall(entry.text.lower()))
            if len(said) >= 3 and 2 * len(said & words) >= max(1.5 * len(said), len(words)):
                best, best_level = i, block.heading
    return best


def _drop_labels(page: Page, keep: list[bool]) -> None:
    """Take out labels, and in the later half of what is kept the sections that follow an article."""
    blocks, entries = page.blocks, page.entries
    total = _kept(entries, keep, 0, len(entries))
    seen, closed = 0, 0  # `closed` is the level of the heading whose section is left out
    for i, entry in enumerate(entries):
        if not keep[i]:
            continue
        block = blocks[entry.block]
        if type(entry) is Paragraph:
            seen += entry.chars
            if block.heading and closed and block.heading <= closed:
                closed = 0
            if block.heading and not closed and seen * 2 > total and closes_article(entry.text):
                closed = block.heading
            if is_label(entry.text):
                keep[i] = False
        if closed:
            keep[i] = False


def _add_twins(page: Page, main: int, junk: list[bool], keep: list[bool]) -> None:
    blocks, entries = page.blocks, page.entries
    twins: list[tuple[int, int]] = []
    at = main
    for _ in range(3):
        above = blocks[at].parent
        if above < 0 or blocks[above].tag == "body" or blocks[at].mass < 0.5 * blocks[above].mass:
            break
        if blocks[at].name:
            child = above + 1
            while child < blocks[above].end:
                block = blocks[child]
                alike = block.tag == blocks[at].tag and block.name == blocks[at].name
                if child != at and alike and block.mass > 0.5 * (block.chars or 1):
                    twins.append((child, block.end))
                child = block.end
        at = above
    if twins:
        for i, entry in enumerate(entries):
            if not keep[i] and not junk[entry.block]:
                keep[i] = any(a <= entry.block < b for a, b in twins)


def _add_lead(page: Page, main: int, junk: list[bool], keep: list[bool], headline: int) -> None:
    blocks, entries = page.blocks, page.entries
    first = next((i for i, entry in enumerate(entries) if entry.block >= main), len(entries))
    title = next((i for i in range(first - 1, -1, -1) if _is_title(entries[i], blocks)), -1)
    if 0 <= headline < first:
        title = headline
    if title < 0:
        return
    mass = 0.0
    found = []
    for i in range(title + 1, first):
        entry = entries[i]
        if junk[entry.block]:
            continue
        if type(entry) is Picture:
            found.append(i)
        elif type(entry) is Paragraph:
            prose = _prose(entry, blocks[entry.block].heading == 1)
            if prose >= 36:
                found.append(i)
                mass += prose
    if mass <= max(600.0, 0.4 * blocks[main].mass):
        for i in found:
            keep[i] = True


def _is_title(entry: Paragraph | Picture, blocks: list[Block]) -> bool:
    return blocks[entry.block].heading == 1 and type(entry) is Paragraph


def _drop_bare_headings(page: Page, keep: list[bool]) -> None:
    """Take out headings whose content was taken out: nothing kept before the next one of their level."""
    blocks, entries = page.blocks, page.entries
    following = 0  # level of the kept heading that comes next; 0 where text or a picture does
    lost = True
    for i in range(len(entries) - 1, -1, -1):
        if not keep[i]:
            lost = True
            continue
        level = blocks[entries[i].block].heading
        if not level:
            following, lost = 7, False
        elif lost and following <= level:
            keep[i] = False
        else:
            following, lost = level, False
