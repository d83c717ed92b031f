"""Where a page's main content is, and which of its paragraphs are no part of it.

The content is the smallest block that holds nearly all of the page's prose; class names that speak
of an article's body lower what is asked of it. Inside it, blocks made of links, blocks whose
names speak against them, and headings that are left without content are taken out.
"""

from __future__ import annotations

import re
from typing import Final

from components.crawl.html_hints import Hint
from components.crawl.html_tree import Block, Page, Paragraph, Picture

_SENTENCE: Final = re.compile(r"[.!?…。！？؟।:;,][\"'”’»)\]]*(?:\s|$)|[。！？，、]")
_SHARE: Final = {Hint.BODY: 0.35, Hint.CONTENT: 0.6, Hint.NONE: 0.75, Hint.DOUBT: 0.85}
"""How much of a block's prose a child must hold for the child to be taken in its place."""


_SAVED: Final = 0.3
"""A block that was put out comes back where all that is left has less than this share of its prose."""


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


def weigh(page: Page) -> None:
    """Decide which blocks are out for good, and sum mass, characters and links of the others."""
    blocks = page.blocks
    paragraphs = [entry for entry in page.entries if type(entry) is Paragraph]
    prose = [_prose(entry, blocks[entry.block].heading) for entry in paragraphs]
    _put_out(blocks, paragraphs, prose)
    for entry, mass in zip(paragraphs, prose, strict=True):
        block = blocks[entry.block]
        if not block.out:
            block.chars += entry.chars
            block.links += entry.links
            block.mass += mass
    for index in range(len(blocks) - 1, 0, -1):
        block = blocks[index]
        if block.hint == Hint.DOUBT:
            block.mass *= 0.7
        elif block.tag == "form":
            block.mass *= 0.5
        above = blocks[block.parent]
        above.mass += block.mass
        above.chars += block.chars
        above.links += block.links


def _put_out(blocks: list[Block], paragraphs: list[Paragraph], prose: list[float]) -> None:
    """Extend `out` to what is inside; names are only hints.

    Where what they leave in is next to nothing beside one block that they put out, that block is
    taken back in.
    """
    roots = _out_roots(blocks)
    for _ in range(4):
        left = 0.0
        lost: dict[int, float] = {}
        for entry, mass in zip(paragraphs, prose, strict=True):
            root = roots[entry.block]
            if root:
                lost[root] = lost.get(root, 0.0) + mass
            else:
                left += mass
        best = max(lost, key=lambda index: (lost[index], -index), default=0)
        if not best or left >= _SAVED * lost[best]:
            break
        blocks[best].out = False
        roots = _out_roots(blocks)
    for index, root in enumerate(roots):
        blocks[index].out = root > 0


def _out_roots(blocks: list[Block]) -> list[int]:
    """For each block the outermost block around it that is out; 0 where there is none."""
    roots = [0] * len(blocks)
    for index in range(1, len(blocks)):
        roots[index] = roots[blocks[index].parent] or (index if blocks[index].out else 0)
    return roots


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


def select(page: Page, main: int) -> list[bool]:
    """For each entry: whether it is content.

    Entries of the block `main` that are not in junk; the lead and pictures between the title and
    it; and what stands in its twins (siblings with the same tag and class).
    """
    blocks, entries = page.blocks, page.entries
    junk = _junk_blocks(blocks, main)
    end = blocks[main].end
    if main == 0:
        keep = [not junk[entry.block] for entry in entries]
    else:
        keep = [main <= entry.block < end and not junk[entry.block] for entry in entries]
        _add_twins(page, main, junk, keep)
        _add_lead(page, main, junk, keep)
    _drop_bare_headings(page, keep)
    return keep


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


def _add_lead(page: Page, main: int, junk: list[bool], keep: list[bool]) -> None:
    blocks, entries = page.blocks, page.entries
    first = next((i for i, entry in enumerate(entries) if entry.block >= main), len(entries))
    title = next((i for i in range(first - 1, -1, -1) if _is_title(entries[i], blocks)), None)
    if title is None:
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
