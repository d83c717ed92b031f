"""The loops of Bloom deduplication, compiled: tokens, hashes of n-grams, and the filter itself.

A filter of b blocks is an array of 8 x b 64-bit words. A block is one cache line: a hash chooses one
block and one bit in each of its 8 words, so that a look-up costs one access to memory. The hashes of
a whole paragraph are made before any is looked up, so that those accesses overlap.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from components.dedup.word_bounds import TABLE_SIZE, TAGS, WordBreak

U8 = npt.NDArray[np.uint8]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

WORDS_PER_BLOCK: Final = 8

_OTHER, _SPACE = int(WordBreak.OTHER), int(WordBreak.SPACE)
_LETTER, _NUMERIC, _HEBREW = int(WordBreak.LETTER), int(WordBreak.NUMERIC), int(WordBreak.HEBREW)
_KATAKANA, _CONNECTOR = int(WordBreak.KATAKANA), int(WordBreak.EXTEND_NUM_LET)
_MID_LETTER, _MID_NUM = int(WordBreak.MID_LETTER), int(WordBreak.MID_NUM)
_MID_NUM_LET, _SINGLE_QUOTE = int(WordBreak.MID_NUM_LET), int(WordBreak.SINGLE_QUOTE)
_DOUBLE_QUOTE = int(WordBreak.DOUBLE_QUOTE)
_EXTEND, _JOINER = int(WordBreak.EXTEND), int(WordBreak.JOINER)
_FLAG, _PICTOGRAPH = int(WordBreak.FLAG), int(WordBreak.PICTOGRAPH)
_LAST_CODE, _TAGS = TABLE_SIZE, TAGS

# odd constants, so that multiplication modulo 2^64 loses nothing
_BYTE = np.uint64(0x100000001B3)
_GRAM = np.uint64(0x9E3779B97F4A7C15)
_MIX_A, _MIX_B = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_BITS = np.uint64(0xD6E8FEB86659FD93)
_BASIS = np.uint64(0xCBF29CE484222325)
_LOW = np.uint64(0xFFFFFFFF)
_ONE, _SIX_BITS = np.uint64(1), np.uint64(63)
_6, _12, _18, _24, _30, _36, _42 = (np.uint64(6 * place) for place in range(1, 8))
_29, _32, _33 = np.uint64(29), np.uint64(32), np.uint64(33)
_NEWLINE: Final = 10


@njit(cache=True, nogil=True)
def _character(data: U8, at: int, classes: U8) -> tuple[int, int]:
    """Word-break class and length in bytes of the character at `at` of valid UTF-8."""
    lead = int(data[at])
    if lead < 0x80:
        return int(classes[lead]), 1
    if lead < 0xE0:
        return int(classes[(lead & 0x1F) << 6 | int(data[at + 1]) & 0x3F]), 2
    code = int(data[at + 1]) & 0x3F
    if lead < 0xF0:
        return int(classes[(lead & 0x0F) << 12 | code << 6 | int(data[at + 2]) & 0x3F]), 3
    code = (lead & 0x07) << 18 | code << 12 | (int(data[at + 2]) & 0x3F) << 6
    code |= int(data[at + 3]) & 0x3F
    if code < _LAST_CODE:
        return int(classes[code]), 4
    return (_EXTEND if code >= _TAGS else _OTHER), 4


@njit(cache=True, nogil=True)
def _class_after(data: U8, at: int, stop: int, classes: U8) -> int:
    """Class of the next character that is no extending one; `SPACE` at the end."""
    while at < stop:
        kind, width = _character(data, at, classes)
        if kind not in (_EXTEND, _JOINER):
            return kind
        at += width
    return _SPACE


@njit(cache=True, nogil=True)
def _joins(last: int, kind: int, after: int, odd_flag: bool) -> int:  # noqa: PLR0911 - one for a rule
    """Whether a character belongs to the word of the one before (UAX #29, WB5 to WB16).

    Args:
        last, kind, after: classes of the two, extending characters left out, and of the one behind.
        odd_flag: the first ends an odd number of regional indicators.

    Returns:
        0: it does not; 1: it does; 2: it does, and so does the one behind.
    """
    letter = last in (_LETTER, _HEBREW)
    if kind in (_LETTER, _HEBREW, _NUMERIC):
        return int(letter or last in (_NUMERIC, _CONNECTOR))
    if kind == _CONNECTOR:
        return int(letter or last in (_NUMERIC, _KATAKANA, _CONNECTOR))
    if kind == _KATAKANA:
        return int(last in (_KATAKANA, _CONNECTOR))
    if kind == _FLAG:
        return int(last == _FLAG and odd_flag)
    quote = kind == _SINGLE_QUOTE
    if letter:
        if kind in (_MID_LETTER, _MID_NUM_LET) or quote:
            if after in (_LETTER, _HEBREW):
                return 2
            return int(last == _HEBREW and quote)
        return 2 * int(kind == _DOUBLE_QUOTE and last == _HEBREW and after == _HEBREW)
    if last == _NUMERIC and after == _NUMERIC:
        return 2 * int(kind in (_MID_NUM, _MID_NUM_LET) or quote)
    return 0


@njit(cache=True, nogil=True)
def tokenise(data: U8, start: int, stop: int, classes: U8, tokens: U64) -> int:
    """Hashes of the tokens of bytes `start` to `stop`, written to `tokens`; returns how many.

    A token is what lies between two word boundaries of UAX #29 and is not white space, so that a
    punctuation mark is one. A hash is FNV-1a of its bytes: letter case counts.
    """
    count, at, value = 0, start, _BASIS
    last, promised, odd_flag, after_joiner = _SPACE, False, False, False
    while at < stop:
        kind, width = _character(data, at, classes)
        if kind == _SPACE:
            if last != _SPACE:
                tokens[count] = value
                count += 1
                last, promised, odd_flag, after_joiner = _SPACE, False, False, False
            at += width
            continue
        extends = kind in (_EXTEND, _JOINER)
        if last == _SPACE:
            joined = False
        elif extends:
            joined = True
        elif promised or (after_joiner and kind == _PICTOGRAPH):
            joined, promised = True, False
        else:
            after = _SPACE
            if last in (_LETTER, _NUMERIC, _HEBREW) and kind > _NUMERIC:
                after = _class_after(data, at + width, stop, classes)
            answer = _joins(last, kind, after, odd_flag)
            joined, promised = answer > 0, answer > 1
        if not joined:
            if last != _SPACE:
                tokens[count] = value
                count += 1
            value = _BASIS
        if not extends:
            odd_flag = kind == _FLAG and not (joined and odd_flag)
            last = kind
        elif not joined:
            last = _OTHER
        after_joiner = kind == _JOINER
        for place in range(at, at + width):
            value = (value ^ np.uint64(data[place])) * _BYTE
        at += width
        if last not in (_LETTER, _NUMERIC):
            continue
        while at < stop and data[at] < 0x80:  # the rest of a plain word, without all those questions
            kind = int(classes[data[at]])
            if kind not in (_LETTER, _NUMERIC):
                break
            last, after_joiner = kind, False
            value = (value ^ np.uint64(data[at])) * _BYTE
            at += 1
    if last != _SPACE:
        tokens[count] = value
        count += 1
    return count


@njit(cache=True, nogil=True)
def _ngram_count(tokens: int, size: int, least: int) -> int:
    """N-grams of a paragraph: 1 where it has fewer tokens than an n-gram but not fewer than `least`."""
    if tokens >= size:
        return tokens - size + 1
    return int(tokens >= least and tokens > 0)


@njit(cache=True, nogil=True)
def _hash_ngrams(tokens: U64, count: int, size: int, ngrams: int, seed: np.uint64, hashes: U64) -> None:
    """Hashes of the n-grams of `count` tokens: a polynomial in the tokens, rolled on, then mixed."""
    width = min(size, count)
    rolling, oldest = np.uint64(0), _ONE
    for place in range(width):
        rolling = rolling * _GRAM + tokens[place]
        oldest *= _GRAM
    for number in range(ngrams):
        if number:
            rolling = rolling * _GRAM + tokens[number + width - 1] - tokens[number - 1] * oldest
        value = rolling ^ seed
        value = (value ^ (value >> _33)) * _MIX_A
        value = (value ^ (value >> _29)) * _MIX_B
        hashes[number] = value ^ (value >> _32)


@njit(cache=True, nogil=True)
def _block(value: np.uint64, blocks: np.uint64) -> np.int64:
    """First word of a hash's block: the upper half of the 128-bit product, for fewer than 2^32 blocks."""
    number = ((value >> _32) * blocks + (((value & _LOW) * blocks) >> _32)) >> _32
    return np.int64(number) * WORDS_PER_BLOCK


@njit(cache=True, nogil=True)
def _bits(value: np.uint64) -> np.uint64:
    """Eight groups of six bits, one for each word of a block, that don't depend on the block's number."""
    value = (value ^ (value >> _29)) * _BITS
    return value ^ (value >> _32)


@njit(cache=True, nogil=True)
def contained(words: U64, hashes: U64, count: int) -> int:
    """How many of the first `count` hashes the filter holds."""
    blocks = np.uint64(len(words) // WORDS_PER_BLOCK)
    found = 0
    for number in range(count):
        at, bits = _block(hashes[number], blocks), _bits(hashes[number])
        present = words[at] >> (bits & _SIX_BITS)
        present &= words[at + 1] >> (bits >> _6 & _SIX_BITS)
        present &= words[at + 2] >> (bits >> _12 & _SIX_BITS)
        present &= words[at + 3] >> (bits >> _18 & _SIX_BITS)
        present &= words[at + 4] >> (bits >> _24 & _SIX_BITS)
        present &= words[at + 5] >> (bits >> _30 & _SIX_BITS)
        present &= words[at + 6] >> (bits >> _36 & _SIX_BITS)
        present &= words[at + 7] >> (bits >> _42 & _SIX_BITS)
        found += int(present & _ONE)
    return found


@njit(cache=True, nogil=True)
def insert(words: U64, hashes: U64, count: int) -> None:
    """Put the first `count` hashes into the filter."""
    blocks = np.uint64(len(words) // WORDS_PER_BLOCK)
    for number in range(count):
        at, bits = _block(hashes[number], blocks), _bits(hashes[number])
        words[at] |= _ONE << (bits & _SIX_BITS)
        words[at + 1] |= _ONE << (bits >> _6 & _SIX_BITS)
        words[at + 2] |= _ONE << (bits >> _12 & _SIX_BITS)
        words[at + 3] |= _ONE << (bits >> _18 & _SIX_BITS)
        words[at + 4] |= _ONE << (bits >> _24 & _SIX_BITS)
        words[at + 5] |= _ONE << (bits >> _30 & _SIX_BITS)
        words[at + 6] |= _ONE << (bits >> _36 & _SIX_BITS)
        words[at + 7] |= _ONE << (bits >> _42 & _SIX_BITS)


@njit(cache=True, nogil=True)
def _line_end(data: U8, at: int, stop: int) -> int:
    while at < stop and data[at] != _NEWLINE:
        at += 1
    return at


@njit(cache=True, nogil=True)
def count_ngrams(data: U8, offsets: I64, classes: U8, size: int, least: int, tokens: U64) -> int:
    """N-grams of all lines of the texts between the `offsets` of `data`; arguments as those of `mark`."""
    total = 0
    for item in range(len(offsets) - 1):
        at = offsets[item]
        while at <= offsets[item + 1]:
            end = _line_end(data, at, offsets[item + 1])
            total += _ngram_count(tokenise(data, at, end, classes, tokens), size, least)
            at = end + 1
    return total


@njit(cache=True, nogil=True)
def mark(
    words: U64,
    data: U8,
    offsets: I64,
    documents: I64,
    classes: U8,
    size: int,
    least: int,
    threshold: float,
    seed: np.uint64,
    tokens: U64,
    hashes: U64,
    totals: I64,
    seen: I64,
    items: I64,
    lines: I64,
    shares: F32,
) -> int:
    """Find lines whose n-grams were seen before, and put those of all others into the filter.

    Args:
        words: the filter.
        data, offsets: texts of items in UTF-8, and where each begins and the last ends; shape (items + 1,).
        documents: first item of every document, and one past the last of all; shape (documents + 1,).
        size, least: tokens in an n-gram, and in one that is shorter because its line is.
        tokens, hashes: room for the tokens of the longest text.
        totals, seen: get the n-grams of every document, and how many of them were seen before.
        items, lines, shares: get item, line and share of seen n-grams of every line that is to go;
            there is room for all lines.

    Returns:
        how many lines are to go.
    """
    gone = 0
    for document in range(len(documents) - 1):
        for item in range(documents[document], documents[document + 1]):
            at, line = offsets[item], 0
            while at <= offsets[item + 1]:
                end = _line_end(data, at, offsets[item + 1])
                count = tokenise(data, at, end, classes, tokens)
                ngrams = _ngram_count(count, size, least)
                if ngrams:
                    _hash_ngrams(tokens, count, size, ngrams, seed, hashes)
                    found = contained(words, hashes, ngrams)
                    totals[document] += ngrams
                    seen[document] += found
                    if found / ngrams > threshold:
                        items[gone], lines[gone], shares[gone] = item, line, found / ngrams
                        gone += 1
                    else:
                        insert(words, hashes, ngrams)
                at = end + 1
                line += 1
    return gone
