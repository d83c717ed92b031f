"""Scores of texts: numbers with names; none is compared with anything here."""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.filter import characters, english_words, text_kernel
from components.filter.texts import Texts

F64 = npt.NDArray[np.float64]
U64 = npt.NDArray[np.uint64]

STOP_WORDS: Final = ("the", "be", "to", "of", "and", "that", "have", "with")
"""Gopher's (Rae et al. 2021, A.1.1)."""
_UNITS: Final = """
km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph
hPa Pa mbar mb MB kb KB gb GB tb TB T G M K %
"""


@functools.cache
def _specials() -> tuple[U64, npt.NDArray[np.int32]]:
    """The hash table of words with pieces of their own, units and stop words, as the kernel reads it."""
    values: dict[str, int] = {}
    for word, pieces in english_words.pieces().items():
        if len(word) <= text_kernel.LONGEST_SPECIAL:
            values[word] = (
                sum(len(piece) << (5 * place) for place, piece in enumerate(pieces)) | len(pieces) << 15
            )
    for unit in _UNITS.split():
        values[unit] = values.get(unit, 0) | text_kernel.UNIT
    for number, word in enumerate(STOP_WORDS):
        values[word] = values.get(word, 0) | text_kernel.STOP_WORD << number
    keys = np.zeros(text_kernel.SPECIALS, np.uint64)
    slots = np.zeros(text_kernel.SPECIALS, np.int32)
    for word, value in values.items():
        key = (
            _mix(sum(ord(letter) * pow(text_kernel.BASE, place, 2**64) for place, letter in enumerate(word)))
            | 1
        )
        slot = key >> 52
        while keys[slot]:
            slot = (slot + 1) % text_kernel.SPECIALS
        keys[slot], slots[slot] = key, value
    return keys, slots


def _mix(value: int) -> int:
    """As `text_kernel._mix`, in Python's integers."""
    value %= 2**64
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD % 2**64
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 % 2**64
    return value ^ value >> 33


@functools.cache
def _powers(exponent: int) -> tuple[U64, U64]:
    """2^exponent powers of BASE, and of its inverse modulo 2^64."""
    result = []
    for base in (text_kernel.BASE, pow(text_kernel.BASE, -1, 2**64)):
        powers = np.full(2**exponent, base, np.uint64)
        powers[0] = 1
        result.append(np.cumprod(powers, dtype=np.uint64))
    return result[0], result[1]


def score(texts: Texts) -> tuple[dict[str, F64], dict[str, npt.NDArray[Any]]]:
    """Scores of n documents and of their lines.

    Returns:
        The document scores, each of shape (n,): counts (`words`, `tokens`, `characters`, `images`,
        `newlines`, `stop_words`: how many different ones), `mean_word_length` in characters, and shares
        between 0 and 1 (0 where there is nothing to count); and the columns of `item_scores/1` for lines.
    """
    counts, lines = _counts(texts)
    document = dict(zip(text_kernel.DOCUMENT_COLUMNS, counts.T.astype(np.float64), strict=True))
    line = dict(zip(text_kernel.LINE_COLUMNS, np.ascontiguousarray(lines.T), strict=True))
    marks = line.pop("marks")
    for number, name in enumerate(text_kernel.LINE_MARKS):
        line[name] = (marks >> number & 1).astype(np.bool_)
    return {**_shares(document), "images": texts.images.astype(np.float64)}, line


def _counts(texts: Texts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    between = np.diff(texts.first)
    sizes = np.diff(texts.starts[texts.first]) + 2 * between
    longest = int(sizes.max(initial=0))
    up, down = _powers(max(12, (2 * longest + 16).bit_length()))
    most_lines = int(np.count_nonzero((texts.data == ord("\n")) | (texts.data == ord("[")))) + len(texts.row)
    tables = text_kernel.Tables(characters.table(), up, down, *_specials())
    counts = np.zeros((texts.documents, len(text_kernel.DOCUMENT_COLUMNS)), np.int64)
    lines = np.zeros((most_lines, len(text_kernel.LINE_COLUMNS)), np.int32)
    work = text_kernel.work(longest)
    filled = text_kernel.score(texts.data, texts.starts, texts.first, texts.item, tables, work, counts, lines)
    return counts, lines[:filled]


def _shares(count: dict[str, F64]) -> dict[str, F64]:
    """The scores that rules read, out of what the kernel counted."""

    def share(part: str, whole: str) -> F64:
        return np.divide(count[part], count[whole], out=np.zeros_like(count[part]), where=count[whole] > 0)

    count["spaced_words"] = count["words"] - count["unspaced_words"]
    scores = {name: count[name] for name in ("words", "tokens", "characters", "newlines", "stop_words")}
    scores |= {
        "mean_word_length": share("word_characters", "spaced_words"),
        "unspaced_share": share("unspaced_words", "words"),
        "hash_share": share("hashes", "tokens"),
        "ellipsis_share": share("ellipses", "tokens"),
        "bullet_lines_share": share("bullet_lines", "lines"),
        "ellipsis_lines_share": share("ellipsis_lines", "lines"),
        "alpha_words_share": share("alpha_words", "words"),
        "alpha_tokens_share": share("alpha_words", "tokens"),
        "duplicate_paragraphs_share": share("duplicate_paragraphs", "paragraphs"),
        "duplicate_paragraph_characters_share": share("duplicate_paragraph_characters", "characters"),
        "duplicate_lines_share": share("duplicate_lines", "text_lines"),
        "duplicate_line_characters_share": share("duplicate_line_characters", "characters"),
    }
    scores |= {f"top_{n}gram_share": share(f"top_{n}", "characters") for n in range(2, 5)}
    scores |= {f"top_{n}gram_count": count[f"times_{n}"] for n in range(2, 5)}
    scores |= {f"duplicate_{n}gram_share": share(f"dup_{n}", "characters") for n in range(5, 11)}
    return scores
