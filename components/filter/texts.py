"""The text items of a shard as the bytes that Arrow holds: no Python string for any of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.core.columns import flat_items


@dataclass(frozen=True, slots=True)
class Texts:
    """The m text items of n documents.

    Attributes:
        data: UTF-8 bytes of all text items, one after the other.
        starts: where each begins in `data`, shape (m + 1,).
        row: row of its document, shape (m,).
        item: its position among the document's items, shape (m,).
        first: the text items of document i are first[i] to first[i + 1], shape (n + 1,).
        images: how many image items each document has, shape (n,).
    """

    data: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    row: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]
    images: npt.NDArray[np.int64]

    @property
    def documents(self) -> int:
        """How many documents there are, with and without text."""
        return len(self.first) - 1

    def text(self, index: int) -> str:
        """One text item as a string; for the few places that need one."""
        return self.data[self.starts[index] : self.starts[index + 1]].tobytes().decode()


def texts_of(table: pa.Table) -> Texts:
    """The text items of a table of `documents/1`. An item without text counts as an empty text."""
    items, offsets = flat_items(table)
    is_text = pc.equal(items.field("kind"), "text").to_numpy(zero_copy_only=False)
    positions = np.flatnonzero(is_text)
    before = np.concatenate([[0], np.cumsum(is_text)])[offsets].astype(np.int64)
    row = np.repeat(np.arange(table.num_rows, dtype=np.int32), np.diff(before))
    data, starts = string_buffers(pc.fill_null(items.field("text").take(pa.array(positions)), ""))
    return Texts(
        data=data,
        starts=starts,
        row=row,
        item=(positions - offsets[row]).astype(np.int32),
        first=before,
        images=np.diff(offsets) - np.diff(before),
    )


def string_buffers(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The bytes of an array of m strings without nulls, and the m + 1 offsets between them."""
    _, offsets, data = array.buffers()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    kind = np.int64 if pa.types.is_large_string(array.type) else np.int32
    starts = np.frombuffer(offsets, kind)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    taken = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return taken[starts[0] : starts[-1]], starts - starts[0]
