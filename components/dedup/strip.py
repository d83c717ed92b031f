"""Take lines out of the text items of documents."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core.columns import flat_items, with_item_field, with_items
from components.dedup.text import Texts

Marked = dict[int, dict[int, str]]
"""Part of the texts → number of a line in it → why it goes. Lines are those of `split("\\n")`."""


@dataclass(slots=True)
class Stripped:
    """What went from the lines of one document.

    Attributes:
        lines, characters: how many, by reason; lines without a word are not counted.
        empty: no text is left.
    """

    lines: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)
    empty: bool = False


def strip_lines(documents: pa.Table, texts: Texts, marked: Marked) -> tuple[pa.Table, dict[int, Stripped]]:
    """Take out the marked lines, and the items that are left without text.

    Args:
        texts: of those documents, one part an item (`text.of_documents`).

    Returns:
        the documents; and what went, by row.
    """
    found: dict[int, Stripped] = {}
    left: dict[int, str] = {}
    for part, reasons in sorted(marked.items()):
        row = int(np.searchsorted(texts.bounds, part, side="right")) - 1
        lines = texts.part(part).split("\n")
        stripped = found.setdefault(row, Stripped())
        for number, reason in reasons.items():
            if lines[number].strip():
                stripped.lines[reason] += 1
                stripped.characters[reason] += len(lines[number])
        left[part] = "\n".join(line for number, line in enumerate(lines) if number not in reasons).strip("\n")
    for row, stripped in found.items():
        parts = range(int(texts.bounds[row]), int(texts.bounds[row + 1]))
        stripped.empty = not any(left.get(part, texts.part(part)).strip() for part in parts)
    return _with_texts(documents, left), found


def _with_texts(documents: pa.Table, texts: dict[int, str]) -> pa.Table:
    """The documents with other texts for some items; an item whose text is blank is taken out."""
    if not texts:
        return documents
    items, _ = flat_items(documents)
    places = np.array(sorted(texts), np.int64)
    replaced = np.zeros(len(items), np.bool_)
    replaced[places] = True
    values = pa.array([texts[place] for place in places.tolist()], pa.string())
    column = pc.replace_with_mask(items.field("text"), pa.array(replaced), values)
    wanted: npt.NDArray[np.bool_] = np.ones(len(items), np.bool_)
    wanted[[place for place, text in texts.items() if not text.strip()]] = False
    return with_items(with_item_field(documents, "text", column), wanted)
