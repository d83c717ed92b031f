"""Keys of texts: a hash of the whole, and MinHash signatures with their LSH bands.

One compiled pass over the UTF-8 bytes does it all: words, n-grams, MinHash values, band keys. Nothing
here depends on the machine, the library versions or the order of other texts: hash functions come out
of SHAKE-256 and everything else is 64-bit integer arithmetic that wraps around.

What a word is: a run of characters without white space, after NFC; a character of a script that
writes no spaces (Han, kana, Thai, Lao, Khmer, Myanmar) is a word of its own. Case is kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from components.dedup.text import (
    CLASSIFIED,
    LONE,
    SPACE,
    UNSURE,
    Texts,
    character_classes,
    renormalised,
)

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

_BASIS: Final = np.uint64(0xCBF29CE484222325)
_FOLD: Final = np.uint64(0x9E3779B97F4A7C15)
_GLUED: Final = np.uint64(0xD6E8FEB86659FD93)
_MIX_A: Final = np.uint64(0xFF51AFD7ED558CCD)
_MIX_B: Final = np.uint64(0xC4CEB9FE1A85EC53)
_ONE: Final = np.uint64(1)
_EIGHT: Final = np.uint64(8)
_LAST_BIT: Final = np.uint64(63)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_HALF: Final = np.uint64(32)
_THIRD: Final = np.uint64(33)
CHUNK: Final = 4096
"""Bytes that are split into words at a time."""
_BLOCK: Final = 2048
"""Shingles hashed at a time: 8 KB, so that they stay in the CPU's first cache for all functions."""
_PAD: Final = 64
"""Blocks are filled up to a multiple of this, so that the inner loop has no remainder."""


@dataclass(frozen=True, slots=True)
class TextKeys:
    """What is known of n texts.

    Attributes:
        whole: a hash of the words and of where white space is, shape (n,).
        words: how many words each text has, shape (n,).
        bands: keys of the bands, shape (n, bands); zero where a text has no shingle.
        signatures: MinHash values, shape (n, bands x rows); 2^32 - 1 where a text has no shingle.
    """

    whole: U64
    words: I64
    bands: U64
    signatures: U32


def _constants(label: str, seed: int, count: int) -> U64:
    """`count` 64-bit numbers that look random and follow from label and seed."""
    stream = hashlib.shake_256(f"{label}/{seed}".encode()).digest(8 * count)
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64)


class MinHasher:
    """Turns texts into keys.

    Args:
        shingle: words in an n-gram.
        bands, rows: shape of a signature; it has bands x rows values. 0 bands: whole texts only.
        seed: chooses the hash functions of the bands; the hash of a whole text does not depend on it.
    """

    def __init__(self, shingle: int, bands: int, rows: int, seed: int) -> None:
        self.shingle, self.bands, self.rows = shingle, bands, rows
        count = bands * rows
        self._multipliers = (_constants("multipliers", seed, count) >> _HALF).astype(np.uint32) | np.uint32(1)
        self._flips = (_constants("flips", seed, count) >> _HALF).astype(np.uint32)
        self._base = _constants("places", seed, 1)[0] | np.uint64(1)
        self._band_seeds = _constants("bands", seed, bands)

    def keys(self, texts: Texts) -> TextKeys:
        """The keys of texts, which are put into NFC where they are not."""
        found, unsure = self._run(texts)
        if unsure.any():
            numbers, again = renormalised(texts, unsure)
            if len(numbers):
                better, _ = self._run(again)
                found.whole[numbers], found.words[numbers] = better.whole, better.words
                found.bands[numbers], found.signatures[numbers] = better.bands, better.signatures
        return found

    def _run(self, texts: Texts) -> tuple[TextKeys, npt.NDArray[np.bool_]]:
        count = len(texts)
        found = TextKeys(
            whole=np.zeros(count, np.uint64),
            words=np.zeros(count, np.int64),
            bands=np.zeros((count, self.bands), np.uint64),
            signatures=np.full((count, self.bands * self.rows), 0xFFFFFFFF, np.uint32),
        )
        unsure = np.zeros(count, np.bool_)
        _hash_texts(
            texts.data,
            texts.eights,
            texts.offsets,
            texts.bounds,
            character_classes(),
            self.shingle,
            self._base,
            self._multipliers,
            self._flips,
            self._band_seeds,
            self.rows,
            found.whole,
            found.words,
            found.bands,
            found.signatures,
            unsure,
        )
        return found, unsure


@numba.njit(inline="always")
def _mix(value):
    """Spread every input bit over all 64 output bits (the finaliser of MurmurHash3)."""
    value ^= value >> _THIRD
    value *= _MIX_A
    value ^= value >> _THIRD
    value *= _MIX_B
    return value ^ (value >> _THIRD)


@numba.njit(cache=True, nogil=True)
def find_words(data, place, stop, classes, starts, stops, state):
    """Find words from byte `place` on, in no more than `CHUNK` bytes.

    Args:
        starts, stops: filled with the first byte of each word and the one after its last; a word
            whose end is not reached has a start only. They have room for `CHUNK` + 8.
        state: words begun; words ended; 1 where a character was `UNSURE`, else as before. A word that
            has begun is gone on with.

    Returns:
        the byte to go on from.
    """
    begun, ended = state[0], state[1]
    inside = begun - ended
    last = min(stop, place + CHUNK)
    while place < last:
        byte = data[place]
        if byte < 0x80:
            # no branches: where words end can't be predicted
            word = 1 - (np.int64(classes[byte]) & SPACE)
            starts[begun] = place
            begun += word & (1 - inside)
            stops[ended] = place
            ended += inside & (1 - word)
            inside = word
            place += 1
            continue
        if byte < 0xE0:
            size, point = 2, np.int64(byte & 0x1F)
        elif byte < 0xF0:
            size, point = 3, np.int64(byte & 0x0F)
        else:
            size, point = 4, np.int64(byte & 0x07)
        size = min(size, stop - place)
        for at in range(place + 1, place + size):
            point = (point << 6) | np.int64(data[at] & 0x3F)
        kind = np.int64(classes[point]) if point < CLASSIFIED else 0
        if inside and kind & (SPACE | LONE):
            stops[ended] = place
            ended += 1
            inside = 0
        if not inside and not kind & SPACE:
            starts[begun] = place
            begun += 1
            inside = 1
        place += size
        if kind & LONE:
            stops[ended] = place
            ended += 1
            inside = 0
        if kind & UNSURE:
            state[2] = 1
    if inside and place >= stop:
        stops[ended] = place
        ended += 1
    state[0], state[1] = begun, ended
    return place


@numba.njit(inline="always")
def hash_word(data, eights, start, stop):
    """A hash of some bytes, of which there is at least one.

    Args:
        eights: the same bytes as `data`, 8 by 8 as little-endian numbers, less the rest.
    """
    value = _BASIS ^ (np.uint64(stop - start) * _FOLD)
    while start < stop:
        count = min(stop - start, 8)
        index = start >> 3
        if index + 1 < len(eights):
            shift = np.uint64((start & 7) << 3)
            held = (eights[index] >> shift) | ((eights[index + 1] << (_LAST_BIT - shift)) << _ONE)
        else:
            held = np.uint64(0)
            for at in range(min(start + 8, len(data)) - 1, start - 1, -1):
                held = (held << _EIGHT) | np.uint64(data[at])
        held &= _ALL >> np.uint64((8 - count) << 3)
        value = _mix(value ^ held)
        start += count
    return value


@numba.njit(inline="always")
def fold(whole, word, glued):
    """The hash of a text with one more word; `glued`: no white space is before it."""
    whole = (whole ^ (word + _GLUED if glued else word)) * _FOLD
    return whole ^ (whole >> _HALF)


@numba.njit(nogil=True)
def _lower(values, count, multipliers, flips, signature):
    """Take the least of each MinHash value and those of the first `count` shingles.

    `values` has room for `_PAD` more; a value that is there twice changes no minimum.
    """
    if count == 0:
        return
    padded = (count + _PAD - 1) // _PAD * _PAD
    for place in range(count, padded):
        values[place] = values[count - 1]
    for number in range(len(multipliers)):
        multiplier, flip, least = multipliers[number], flips[number], signature[number]
        for place in range(padded):
            # numba makes 64 bits of a product of two 32-bit numbers: it is cut back
            hashed = np.uint32(values[place] * multiplier) ^ flip
            least = min(least, hashed)
        signature[number] = least


@numba.njit(cache=True, nogil=True)
def _hash_texts(
    data, eights, offsets, bounds, classes, shingle, base, multipliers, flips, band_seeds, rows,
    whole_out, words_out, bands_out, signatures_out, unsure_out,
):  # fmt: skip
    """Fill the outputs for every text; `TextKeys` has their shapes."""
    starts, stops = np.empty(CHUNK + 8, np.int64), np.empty(CHUNK + 8, np.int64)
    state = np.zeros(3, np.int64)
    values = np.empty(_BLOCK + _PAD, np.uint32)
    window = np.zeros(shingle, np.uint64)
    highest = _ONE  # base to the power of `shingle`: what the word that leaves was raised to
    for _ in range(shingle):
        highest *= base
    for text in range(len(bounds) - 1):
        whole, words, filled, rolling = np.uint64(0), 0, 0, np.uint64(0)
        window[:] = 0
        slot = 0
        state[2] = 0
        for part in range(bounds[text], bounds[text + 1]):
            place, stop = offsets[part], offsets[part + 1]
            before = -1  # where the word before ended; none in this part
            state[0] = state[1] = 0
            while place < stop:
                place = find_words(data, place, stop, classes, starts, stops, state)
                begun, ended = state[0], state[1]
                for number in range(ended):
                    start = starts[number]
                    word = hash_word(data, eights, start, stops[number])
                    whole = fold(whole, word, start == before)
                    before = stops[number]
                    words += 1
                    rolling = rolling * base + word - window[slot] * highest
                    window[slot] = word
                    slot = slot + 1 if slot + 1 < shingle else 0
                    if words >= shingle and len(band_seeds):
                        values[filled] = np.uint32(_mix(rolling) >> _HALF)
                        filled += 1
                        if filled == _BLOCK:
                            _lower(values, filled, multipliers, flips, signatures_out[text])
                            filled = 0
                starts[0] = starts[ended]
                state[0], state[1] = begun - ended, 0
        whole_out[text] = whole
        words_out[text] = words
        unsure_out[text] = state[2]
        if words < shingle:
            continue
        signature = signatures_out[text]
        _lower(values, filled, multipliers, flips, signature)
        for band in range(len(band_seeds)):
            key = band_seeds[band]
            for row in range(band * rows, (band + 1) * rows):
                key = _mix(key ^ np.uint64(signature[row]))
            bands_out[text, band] = key
