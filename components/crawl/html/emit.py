"""From chosen paragraphs and pictures to items: lists, tables, code, quotes, figures with captions."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect
from typing import Final

from components.core.records import Item, Role
from components.crawl.html.hints import names_caption
from components.crawl.html.images import address, declared_size, is_tiny
from components.crawl.html.tree import Block, Page, Paragraph, Picture, clean

_LISTS: Final = frozenset({"ul", "ol", "dl"})
_PRE: Final = frozenset({"pre", "listing", "xmp"})
_LINE_NUMBERS: Final = re.compile(r"[\d\s]+")
_MAX_INDENT: Final = 10
"""Levels of a list that are shown by white space; deeper ones would make it longer than the text."""
_MAX_CELL: Final = 500
"""Characters of one cell above which a table is taken for layout."""


class _Place:
    """Where in a list, a table, a quotation or a code block a block is; 0 stands for none.

    `cells` lists the cells of each row of a table, so that empty ones keep their column.
    """

    __slots__ = ("cell", "code", "depth", "item", "listing", "number", "quote", "row", "table")

    def __init__(self, above: _Place | None) -> None:
        self.listing: int = above.listing if above else 0  # the outermost list
        self.depth: int = above.depth if above else 0
        self.item: int = above.item if above else 0
        self.number: int = above.number if above else 0  # of an item of an ordered list
        self.table: int = above.table if above else 0
        self.row: int = above.row if above else 0
        self.cell: int = above.cell if above else 0
        self.quote: int = above.quote if above else 0
        self.code: int = above.code if above else 0


class _Places:
    """The places of all blocks of a page."""

    def __init__(self, page: Page, kept: list[Paragraph | Picture]) -> None:
        blocks = page.blocks
        plain_lists, layout = _lists_with_headings(page, kept), _layout_tables(page, kept)
        self.cells: dict[int, list[int]] = {}
        self.of: list[_Place] = [_Place(None)]
        owner = [0] * len(blocks)  # nearest list of each block
        count: dict[int, int] = {}
        for index in range(1, len(blocks)):
            block = blocks[index]
            tag = block.tag
            above = self.of[block.parent]
            owner[index] = owner[block.parent]
            if tag not in _STRUCTURE:
                self.of.append(above)
                continue
            place = _Place(above)
            self.of.append(place)
            if tag in _LISTS:
                owner[index] = index
                count[index] = 0 if block.start is None else block.start - 1
                root = place.listing or index
                if root not in plain_lists:
                    place.listing = root
                    place.depth = above.depth + 1
            elif tag in ("li", "dt", "dd") and place.listing:
                place.item = index
                ordered = blocks[owner[index]].tag == "ol"
                if ordered:
                    count[owner[index]] += 1
                place.number = count[owner[index]] if ordered else 0
            elif tag == "table":
                place.table = 0 if index in layout else index
                place.row = place.cell = 0
            elif tag == "tr" and place.table:
                place.row = index
                self.cells[index] = []
            elif tag in ("td", "th") and place.row:
                place.cell = index
                self.cells[place.row].append(index)
            elif tag == "blockquote":
                place.quote = place.quote or index
            elif tag in _PRE:
                place.code = index


_STRUCTURE: Final = _LISTS | _PRE | {"li", "dt", "dd", "table", "tr", "td", "th", "blockquote"}


def _lists_with_headings(page: Page, kept: list[Paragraph | Picture]) -> set[int]:
    """Lists that only arrange sections: there is a heading in one of their items."""
    blocks = page.blocks
    inside = [-1] * len(blocks)  # outermost list around each block
    for index in range(1, len(blocks)):
        above = inside[blocks[index].parent]
        inside[index] = above if above >= 0 else (index if blocks[index].tag in _LISTS else -1)
    return {
        inside[entry.block]
        for entry in kept
        if type(entry) is Paragraph and blocks[entry.block].heading and inside[entry.block] >= 0
    }


def _layout_tables(page: Page, kept: list[Paragraph | Picture]) -> set[int]:
    """Tables that only arrange what is in them.

    Those with a table, heading or code block in a cell, a very long cell, or fewer than two columns.
    """
    blocks = page.blocks
    table = [0] * len(blocks)
    cell = [0] * len(blocks)
    row = [0] * len(blocks)
    layout: set[int] = set()
    widths: dict[int, int] = {}  # row -> cells
    for index in range(1, len(blocks)):
        block = blocks[index]
        table[index], cell[index], row[index] = table[block.parent], cell[block.parent], row[block.parent]
        if block.tag == "table":
            if table[index]:
                layout.add(table[index])
            table[index], cell[index], row[index] = index, 0, 0
        elif block.tag == "tr":
            row[index] = index
        elif block.tag in ("td", "th"):
            cell[index] = index
            widths[row[index]] = widths.get(row[index], 0) + 1
        elif table[index] and (block.heading or block.tag in _PRE):
            layout.add(table[index])
    chars: dict[int, int] = {}
    wide: set[int] = set()
    for entry in kept:
        index = entry.block
        if isinstance(entry, Paragraph) and table[index]:
            chars[cell[index]] = chars.get(cell[index], 0) + len(entry.text)
            if chars[cell[index]] > _MAX_CELL:
                layout.add(table[index])
            if widths.get(row[index], 0) > 1:
                wide.add(table[index])
    return layout | {index for index in set(table) if index and index not in wide}


class _Writer:
    """Collects items; a list, table, quotation or code block stays open until something else comes."""

    def __init__(self, page: Page, kept: list[Paragraph | Picture], base: str) -> None:
        self.page = page
        self.base = base
        self.items: list[Item] = []
        self.places = _Places(page, kept)
        self.open: tuple[str, int] = ("", 0)
        self.lines: list[str] = []
        self.rows: dict[int, dict[int, list[str]]] = {}
        self.waiting: list[Item] = []  # pictures in the table that is open
        self.last_list_item = 0

    def close(self) -> None:
        """End the open group."""
        kind = self.open[0]
        if kind == "table":
            self._add_table()
        elif kind and self.lines:
            role: Role = "list" if kind == "list" else "code" if kind == "code" else "quote"
            text = "\n".join(self.lines)
            if not (kind == "code" and _LINE_NUMBERS.fullmatch(text) and "\n" in text):
                self.add_text(role, text)
        self.open, self.lines, self.rows, self.last_list_item = ("", 0), [], {}, 0
        self.items += self.waiting
        self.waiting = []

    def _add_table(self) -> None:
        lines = []
        for row in sorted(self.rows):
            cells = self.rows[row]
            if set(cells) == {0}:
                lines.append(" ".join(cells[0]))
                continue
            lines.append(
                " | ".join(" ".join(cells.get(cell, [])) for cell in self.places.cells.get(row, cells))
            )
        if lines:
            self.add_text("table", "\n".join(lines))

    def add_text(self, role: Role, text: str, level: int | None = None) -> None:
        """Add a text item."""
        self.items.append(Item("text", role, unicodedata.normalize("NFC", text), level))

    def paragraph(self, entry: Paragraph) -> None:
        """Add a paragraph to the group it belongs to, or on its own."""
        place = self.places.of[entry.block]
        heading = self.page.blocks[entry.block].heading
        if place.code:
            group = ("code", place.code)
        elif place.table:
            group = ("table", place.table)
        elif heading:
            group = ("", 0)
        elif place.listing:
            group = ("list", place.listing)
        elif place.quote:
            group = ("quote", place.quote)
        else:
            group = ("", 0)
        if group != self.open or not group[0]:
            self.close()
            self.open = group
        kind = group[0]
        if kind == "table":
            cells = self.rows.setdefault(place.row, {})
            cells.setdefault(place.cell, []).append(entry.text.replace("\n", " "))
        elif kind == "list":
            self._list_line(entry, place)
        elif kind:
            self.lines.append(entry.text)
        elif heading:
            self.add_text("heading", entry.text.replace("\n", " "), heading)
        else:
            self.add_text("paragraph", entry.text)

    def _list_line(self, entry: Paragraph, place: _Place) -> None:
        indent = "  " * min(max(0, place.depth - 1), _MAX_INDENT)
        first = place.item != self.last_list_item and place.item > 0
        self.last_list_item = place.item
        tag = self.page.blocks[place.item].tag
        mark = f"{place.number}. " if place.number else "- "
        if not first or tag == "dd":
            mark = "  "
        lines = entry.text.split("\n")
        self.lines.append(indent + mark + lines[0])
        self.lines += [f"{indent}  {line}" for line in lines[1:]]

    def picture(self, item: Item) -> None:
        """Add an image: at once, or after the table it is in."""
        if self.open[0] == "table":
            self.waiting.append(item)
            return
        self.close()
        self.items.append(item)


def _pictures(kept: list[Paragraph | Picture], base: str) -> dict[int, Item]:
    """Image items by their position in `kept`.

    An image in `<noscript>` counts only where no image beside it says the same.
    """
    found: dict[int, Item] = {}
    shown: dict[int, str] = {}  # block -> address of its last image outside <noscript>
    for position, entry in enumerate(kept):
        if type(entry) is not Picture:
            continue
        url = address(entry.attributes, entry.sources, base)
        width, height = declared_size(entry.attributes)
        if url is None or is_tiny(width, height):
            continue
        neighbour = kept[position - 1] if position else None
        if entry.in_noscript:
            twin = type(neighbour) is Picture and not neighbour.in_noscript and position - 1 in found
            if twin or shown.get(entry.block) == url:
                continue
        elif type(neighbour) is Picture and neighbour.in_noscript and neighbour.block == entry.block:
            found.pop(position - 1, None)
        if not entry.in_noscript:
            shown[entry.block] = url
        alt = clean((entry.attributes.get("alt") or "")[:5000])
        found[position] = Item(
            kind="image",
            role="figure",
            url=url,
            alt=unicodedata.normalize("NFC", alt) or None,
            width=width,
            height=height,
        )
    return found


def _caption_block(blocks: list[Block], index: int) -> int:
    """The block around `index` that is a caption by its tag or its name; 0 where there is none."""
    for _ in range(3):
        block = blocks[index]
        if block.tag == "figcaption" or (block.name and block.chars < 500 and names_caption(block.name)):
            return index
        index = block.parent
        if index <= 0:
            break
    return 0


def _captions(
    page: Page, kept: list[Paragraph | Picture], pictures: dict[int, Item]
) -> dict[int, Item | None]:
    """For each caption's position in `kept`, the image that it belongs to.

    That is the nearest one among those in the figure, or in the closest of the four blocks around
    the caption that holds any. None where there is none: the caption of a video, or of an image that
    is not kept.
    """
    blocks = page.blocks
    positions = sorted(pictures)
    found: dict[int, Item | None] = {}
    for position, entry in enumerate(kept):
        if not isinstance(entry, Paragraph) or blocks[entry.block].heading:
            continue
        around = _caption_block(blocks, entry.block)
        if not around:
            continue
        at = bisect(positions, position)
        before = positions[at - 1] if at else None
        after = positions[at] if at < len(positions) else None
        found[position] = None
        for _ in range(4):
            end = blocks[around].end
            near = [p for p in (before, after) if p is not None and around <= kept[p].block < end]
            if near:
                found[position] = pictures[near[0]]
                break
            if around <= 0 or blocks[around].tag == "figure":
                break
            around = blocks[around].parent
    return found


def emit(page: Page, keep: list[bool], base: str) -> list[Item]:
    """Items of the entries that are kept, in document order.

    Args:
        page: the page that was read.
        keep: for each of its entries whether it is content.
        base: address that relative addresses are resolved against.
    """
    kept = [entry for entry, kept in zip(page.entries, keep, strict=True) if kept]
    pictures = _pictures(kept, base)
    captions = _captions(page, kept, pictures)
    writer = _Writer(page, kept, base)
    captioned = {id(item) for item in captions.values()}
    last_url = None
    for position, entry in enumerate(kept):
        if isinstance(entry, Picture):
            image = pictures.get(position)
            if image is not None and (image.url != last_url or id(image) in captioned):
                writer.picture(image)
                last_url = image.url
        elif position in captions:
            item = captions[position]
            if item is None:
                continue
            text = unicodedata.normalize("NFC", entry.text)
            item.caption = f"{item.caption} {text}" if item.caption else text
        else:
            writer.paragraph(entry)
            last_url = None
    writer.close()
    return writer.items
