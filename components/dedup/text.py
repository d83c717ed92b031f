"""The text of documents as deduplication reads it: Arrow's UTF-8 bytes, without a string a document."""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core.columns import flat_items
from components.core.scripts import UNSPACED

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

SPACE: Final = 1
"""White space, as `str.split` has it."""
LONE: Final = 2
"""A character of a script without spaces (`UNSPACED`): a word of its own."""
UNSURE: Final = 4
"""A character that a text in NFC may hold only in some places: texts with it are looked at again."""
CLASSIFIED: Final = 0x40000
"""Code points from here on are ordinary ones: tags, variation selectors and private use."""

_JAMO: Final = (range(0x1161, 0x1176), range(0x11A8, 0x11C3))
"""Vowels and final consonants of Hangul, which compose with what is before them."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in UTF-8, each in parts with white space between them.

    Attributes:
        data: the bytes of all parts.
        offsets: where each of the p parts begins in `data`, and where the last ends; shape (p + 1,).
        bounds: the first part of each of the n texts, and p; shape (n + 1,).
    """

    data: U8
    offsets: I64
    bounds: I64

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @property
    def eights(self) -> npt.NDArray[np.uint64]:
        """`data` as little-endian numbers of 8 bytes, less the up to 7 bytes that are left."""
        return self.data[: len(self.data) // 8 * 8].view("<u8")

    def part(self, number: int) -> str:
        """One part as a string."""
        return self.data[self.offsets[number] : self.offsets[number + 1]].tobytes().decode("utf-8", "replace")

    def text(self, number: int) -> str:
        """One text as a string, a line break between its parts."""
        return "\n".join(map(self.part, range(int(self.bounds[number]), int(self.bounds[number + 1]))))


def of_strings(strings: pa.Array | pa.ChunkedArray, bounds: I64 | None = None) -> Texts:
    """Texts out of an Arrow array of p strings (null: no text).

    Args:
        bounds: first string of each text, and p; None: each string is a text.
    """
    if isinstance(strings, pa.ChunkedArray):
        strings = pa.concat_arrays(strings.chunks) if strings.num_chunks else pa.array([], strings.type)
    if strings.null_count:
        strings = pc.fill_null(strings, "")
    wide = pa.types.is_large_string(strings.type)
    _, places, data = strings.buffers()
    count = len(strings)
    if places is None or count == 0:
        offsets = np.zeros(1, np.int64)
    else:
        raw = np.frombuffer(places, np.int64 if wide else np.int32)
        offsets = raw[strings.offset : strings.offset + count + 1].astype(np.int64)
    held = np.frombuffer(b"\0" if data is None or not data.size else data, np.uint8)
    if held.ctypes.data % 8:
        held = np.frombuffer(held.tobytes(), np.uint8)
    return Texts(held, offsets, np.arange(count + 1) if bounds is None else bounds)


def of_documents(documents: pa.Table) -> Texts:
    """The texts of a `documents/1` table: the text items of each document, in order."""
    items, bounds = flat_items(documents)
    return of_strings(items.field("text"), bounds)


def _unsure() -> set[int]:
    """Code points that may be wrong in NFC, or right only after or before certain others."""
    found = {point for points in _JAMO for point in points}
    for point in range(0x80, 0x30000):
        character = chr(point)
        if unicodedata.combining(character):
            found.add(point)
        parts = unicodedata.decomposition(character).split()
        if parts and not parts[0].startswith("<"):
            if len(parts) == 2:
                found.add(int(parts[1], 16))  # it may compose with what is before it
            if not unicodedata.is_normalized("NFC", character):
                found.add(point)
    return found


@functools.cache
def character_classes() -> U8:
    """`SPACE`, `LONE` and `UNSURE` of every code point below `CLASSIFIED`; one byte each."""
    classes = np.zeros(CLASSIFIED, np.uint8)
    for point in range(CLASSIFIED):
        if chr(point).isspace():
            classes[point] |= SPACE
    everything = "".join(map(chr, range(0xD800))) + "".join(map(chr, range(0xE000, CLASSIFIED)))
    for match in UNSPACED.finditer(everything):
        classes[ord(match.group())] |= LONE
    classes[sorted(_unsure())] |= UNSURE
    return classes


def renormalised(texts: Texts, unsure: npt.NDArray[np.bool_]) -> tuple[I64, Texts]:
    """Those texts among the `unsure` ones that are not in NFC, and what they are in NFC.

    Texts by this project's extractors are in NFC, so this is rare; asking costs a string for each
    text with a combining mark, at some 100 MB/s.
    """
    numbers: list[int] = []
    strings: list[str] = []
    for number in np.flatnonzero(unsure).tolist():
        text = texts.text(number)
        if not unicodedata.is_normalized("NFC", text):
            numbers.append(number)
            strings.append(unicodedata.normalize("NFC", text))
    return np.array(numbers, np.int64), of_strings(pa.array(strings, pa.large_string()))
