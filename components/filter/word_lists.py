"""Lists of words that scores and rules look words up in, and the table a compiled loop finds them in.

A file of words is UTF-8: `#` starts a comment, `[section]` starts a section, and what stands between
white space is a word. Sections are named `kind/language` (`stop/en`), or just `kind`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.core.store import Stores

FNV_OFFSET: Final = 0xCBF29CE484222325
FNV_PRIME: Final = 0x100000001B3
"""Of the 64-bit FNV-1a hash; one step for each character of a word, whatever its code point."""


class WordTable(NamedTuple):
    """A hash table with open addressing; as long as a power of two and at most half full.

    Attributes:
        keys: hash of a word (`word_hash`); 0 where the place is free.
        flags: what the word is, a bit for each list.
    """

    keys: npt.NDArray[np.uint64]
    flags: npt.NDArray[np.uint8]


def read_sections(text: str) -> dict[str, list[str]]:
    """The words of every section, in lower case; those before the first section are in section ''."""
    sections: dict[str, list[str]] = {}
    words = sections.setdefault("", [])
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry.startswith("[") and entry.endswith("]"):
            words = sections.setdefault(entry[1:-1].strip(), [])
        else:
            words += entry.lower().split()
    return sections


def package_sections(name: str) -> dict[str, list[str]]:
    """The sections of a file of this package, e.g. `stop_words.txt`."""
    return read_sections((resources.files("components.filter") / "data" / name).read_text("utf-8"))


def file_sections(uri: str) -> dict[str, list[str]]:
    """The sections of a user's file.

    Raises:
        ConfigurationError: where there is no such file, or it is no UTF-8.
    """
    try:
        return read_sections(Stores().read(uri).decode())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The word list {uri} can't be read: {error}") from None


def word_hash(word: str, seed: int = FNV_OFFSET) -> int:
    """FNV-1a over the code points of a word, never 0.

    Args:
        seed: makes another hash function, so that the words of several languages share a table.
    """
    value = seed
    for character in word:
        value = (value ^ ord(character)) * FNV_PRIME % 2**64
    return value or 1


def word_table(words: Mapping[int, int] | Iterable[tuple[int, int]]) -> WordTable:
    """A table of (hash, flags) pairs; flags of the same word add up."""
    pairs = list(words.items() if isinstance(words, Mapping) else words)
    size = 16
    while size < 2 * len(pairs):
        size *= 2
    table = WordTable(np.zeros(size, np.uint64), np.zeros(size, np.uint8))
    hashes = np.array([pair[0] for pair in pairs], np.uint64)
    _fill(table.keys, table.flags, hashes, np.array([pair[1] for pair in pairs], np.uint8))
    return table


@numba.njit(cache=True, nogil=True)
def place_of(keys, key):  # type: ignore[no-untyped-def]
    """Where a key is in a table, or the free place where it would be.

    Kernels in other files call this, and numba doesn't see that it changed: remove `__pycache__` then.
    """
    mask = np.uint64(len(keys) - 1)
    place = (key ^ (key >> np.uint64(29))) & mask
    while keys[place] != key and keys[place] != np.uint64(0):
        place = (place + np.uint64(1)) & mask
    return place


@numba.njit(cache=True, nogil=True)
def _fill(keys, flags, hashes, values):  # type: ignore[no-untyped-def]
    for i in range(len(hashes)):
        place = place_of(keys, hashes[i])
        keys[place] = hashes[i]
        flags[place] |= values[i]
