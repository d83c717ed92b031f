"""Take lines, citations and whole texts out of documents, on the bytes that Arrow holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from components.core.columns import flat_items
from components.filter.judge import item_of_line
from components.filter.rules.base import TextFacts
from components.filter.texts import Texts

CITATION: Final = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
"""As the kernel of `text_scores` finds them (C4's code)."""
Mask = npt.NDArray[np.bool_]


def edited(
    table: pa.Table, texts: Texts, facts: TextFacts, rows: Mask, *, without_citations: bool
) -> tuple[pa.Table, Mask]:
    """The documents with what the rules left of their texts, and which items are left.

    Args:
        table: n documents; `texts` and `facts` are theirs.
        rows: the documents whose text is wanted, shape (n,); the others stay as they are.
        without_citations: whether citations are cut out of the lines.

    Returns:
        The table, and a mask over its items (in the order of `flat_items`): false for text items that
        were taken out or lost all their lines.
    """
    items, offsets = flat_items(table)
    positions = offsets[texts.row] + texts.item
    index = item_of_line(facts)
    # a line that was nothing but citations goes with them
    left = facts.lines.left & (facts.lines["tokens"] > 0)
    gone = ~facts.items.left & rows[texts.row]
    had = np.bincount(index, minlength=len(gone))
    have = np.bincount(index[left], minlength=len(gone))
    touched = rows[texts.row] & facts.items.left & (have < had)
    gone |= touched & (have == 0)
    wanted = np.ones(len(items), np.bool_)
    wanted[positions[gone]] = False
    changed = touched & ~gone
    cited = np.zeros(len(gone), np.bool_)
    if without_citations:
        cited[index[left & (facts.lines["cut"] > 0)]] = True
        cited &= rows[texts.row] & ~gone
        changed |= cited
    if not changed.any():
        return table, wanted
    new = _without_lines(texts, facts.lines["line"][~left], index[~left], np.flatnonzero(changed))
    for place, number in enumerate(np.flatnonzero(changed).tolist()):
        if cited[number]:
            new[place] = CITATION.sub("", new[place])
    return _with_texts(table, items, positions[changed], new), wanted


def _without_lines(
    texts: Texts,
    gone: npt.NDArray[np.int32],
    item: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
) -> list[str]:
    """The texts of the items `numbers` without the lines `gone`, each of the text item `item`."""
    first = np.searchsorted(item, numbers)
    last = np.searchsorted(item, numbers, side="right")
    size = int((texts.starts[numbers + 1] - texts.starts[numbers]).sum())
    out = np.empty(size, np.uint8)
    ends = _copy(texts.data, texts.starts, numbers, first, last, gone, out)
    data = out.tobytes()
    return [
        data[start:stop].decode() for start, stop in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]


@njit(cache=True, nogil=True)
def _copy(data, starts, numbers, first, last, gone, out):
    """Copy the lines of each item that are not in gone[first:last]; where each item ends in `out`."""
    ends = np.empty(len(numbers), np.int64)
    filled = 0
    for place in range(len(numbers)):
        at, stop = starts[numbers[place]], starts[numbers[place] + 1]
        line, skip, item_start = 0, first[place], filled
        while at <= stop:
            end = at
            while end < stop and data[end] != 10:
                end += 1
            if skip < last[place] and gone[skip] == line:
                skip += 1
            else:
                if filled > item_start:
                    out[filled] = 10
                    filled += 1
                for byte in range(at, end):
                    out[filled] = data[byte]
                    filled += 1
            line += 1
            at = end + 1
        while filled > item_start and out[filled - 1] == 10:
            filled -= 1
        ends[place] = filled
    return ends


def _with_texts(
    table: pa.Table, items: pa.StructArray, positions: npt.NDArray[np.int64], new: list[str]
) -> pa.Table:
    """The table with other texts in these items."""
    mask = np.zeros(len(items), np.bool_)
    mask[positions] = True
    texts = pc.replace_with_mask(items.field("text"), pa.array(mask), pa.array(new, pa.string()))
    return with_item_fields(table, {"text": texts})


def with_item_fields(table: pa.Table, new: Mapping[str, pa.Array]) -> pa.Table:
    """The table with other values in these fields of its items, in the order of `flat_items`."""
    items, offsets = flat_items(table)
    children = [new.get(field.name, items.field(field.name)) for field in items.type]
    field = table.schema.field("items")
    array = pa.ListArray.from_arrays(
        pa.array(offsets.astype(np.int32)),
        pa.StructArray.from_arrays(children, fields=list(items.type)),
        type=field.type,
    )
    return table.set_column(table.schema.get_field_index("items"), field, array)
