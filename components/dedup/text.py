"""The text of a document as deduplication sees it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Myanmar
    "\u1780-\u17ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"  # Japanese kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Han
    "\U00020000-\U0003ffff]"  # Han, extensions
)
"""A character of a script that puts no spaces between words: it is a word of its own."""


def normalise(text: str) -> str:
    """NFC, with every run of white space as one space, none at the ends. Case is kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def spaced(normalised: str) -> str:
    """A normalised text with one space between all its words, also of scripts that write none."""
    if normalised.isascii() or not UNSPACED.search(normalised):
        return normalised
    return " ".join(UNSPACED.sub(r" \g<0> ", normalised).split())


def normalised_texts(documents: pa.Table) -> list[str]:
    """The normalised text of every document of a `documents/1` table: its text items in order."""
    column = documents.column("items").combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    parts = pc.list_flatten(column).field("text").to_pylist()
    stops = np.cumsum(pc.list_value_length(column).to_numpy(zero_copy_only=False).astype(np.int64)).tolist()
    starts = [0, *stops][:-1]
    return [
        normalise("\n".join([part for part in parts[start:stop] if part]))
        for start, stop in zip(starts, stops, strict=True)
    ]
