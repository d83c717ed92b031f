"""MinHash signatures and their LSH bands, over whole shards of texts at once.

Nothing here depends on the machine, the numpy version or the order of other texts: hash functions
come out of BLAKE2b and everything else is 64-bit integer arithmetic that wraps around.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

CHUNK_CHARACTERS: Final = 1 << 18
"""Text hashed at a time; keeps the work arrays, 8 bytes for each byte of text, in the CPU's cache."""
_BASE: Final = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""


def exact_key(normalised: str) -> int:
    """A 64-bit hash of a whole text (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(normalised.encode(), digest_size=8).digest(), "little")


def _constants(label: str, seed: int, count: int) -> U64:
    """`count` 64-bit numbers that look random and follow from label and seed."""
    stream = hashlib.shake_256(f"{label}/{seed}".encode()).digest(8 * count)
    return np.frombuffer(stream, dtype="<u8").astype(np.uint64)


def _mix(values: U64) -> U64:
    """Spread every input bit over all 64 output bits (the finaliser of MurmurHash3)."""
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values


def _powers(base: int, count: int) -> U64:
    powers = np.full(count, base % 2**64, np.uint64)
    if count:
        powers[0] = 1
    return np.cumprod(powers, dtype=np.uint64)


class MinHasher:
    """Turns texts into band keys.

    Args:
        shingle: words in an n-gram.
        bands, rows: shape of a signature; it has bands x rows values.
        seed: chooses the hash functions.
    """

    def __init__(self, shingle: int, bands: int, rows: int, seed: int) -> None:
        self.shingle, self.bands, self.rows = shingle, bands, rows
        self._letters = _constants("letters", seed, 256)
        self._multipliers = (_constants("multipliers", seed, bands * rows) >> np.uint64(32)).astype(
            np.uint32
        ) | np.uint32(1)
        self._flips = (_constants("flips", seed, bands * rows) >> np.uint64(32)).astype(np.uint32)
        self._places = _constants("places", seed, shingle) | np.uint64(1)
        self._band_seeds = _constants("bands", seed, bands)
        self._grow_powers(2 * CHUNK_CHARACTERS)

    def _grow_powers(self, count: int) -> None:
        self._up = _powers(_BASE, count)
        self._down = _powers(pow(_BASE, -1, 2**64), count)

    def band_keys(self, texts: Sequence[str]) -> tuple[I64, U64]:
        """Keys of the texts that have at least one shingle.

        Args:
            texts: words with one space between them (`text.spaced`).

        Returns:
            The indices of those texts, shape (m,), and their keys, shape (m, bands).
        """
        rows: list[I64] = [np.zeros(0, np.int64)]
        signatures: list[U32] = [np.zeros((self.bands * self.rows, 0), np.uint32)]
        for first, chunk in _chunks(texts):
            shingles, counts = self._shingles(chunk)
            present = np.flatnonzero(counts)
            if len(present):
                rows.append(present + first)
                starts = np.cumsum(counts[present]) - counts[present]
                signatures.append(self._signatures(shingles, starts))
        return np.concatenate(rows), self._bands(np.concatenate(signatures, axis=1))

    def signatures(self, texts: Sequence[str]) -> tuple[I64, U32]:
        """As `band_keys`, but the MinHash values themselves, shape (m, bands x rows)."""
        shingles, counts = self._shingles(texts)
        present = np.flatnonzero(counts)
        if not len(present):
            return present, np.zeros((0, self.bands * self.rows), np.uint32)
        starts = np.cumsum(counts[present]) - counts[present]
        return present, self._signatures(shingles, starts).T

    def _words(self, texts: Sequence[str]) -> tuple[U64, I64]:
        """A hash of every word of every text, and how many words each text has.

        A word's hash is a polynomial in its bytes. The sums of all prefixes of the buffer give that
        of any part of it by one subtraction and one product, so no word is looked at by itself.
        """
        counts = np.zeros(len(texts), np.int64)
        present = [number for number, text in enumerate(texts) if text]
        if not present:
            return np.zeros(0, np.uint64), counts
        # a text holds no white space but single spaces, so a line break can only end a text
        buffer = np.frombuffer("\n".join([texts[number] for number in present]).encode(), np.uint8)
        if len(buffer) > len(self._up):
            self._grow_powers(len(buffer))
        prefix = np.zeros(len(buffer) + 1, np.uint64)
        np.cumsum(self._letters[buffer] * self._up[: len(buffer)], out=prefix[1:])
        breaks = buffer == ord("\n")
        stops = np.append(np.flatnonzero(breaks | (buffer == ord(" "))), len(buffer))
        starts = np.append(0, stops[:-1] + 1)
        last_words = np.append(np.searchsorted(stops, np.flatnonzero(breaks)), len(stops) - 1)
        counts[present] = np.diff(last_words, prepend=-1)
        return _mix((prefix[stops] - prefix[starts]) * self._down[starts]), counts

    def _shingles(self, texts: Sequence[str]) -> tuple[U64, I64]:
        """A hash of every n-gram of words of every text, and how many each text has."""
        words, counts = self._words(texts)
        n = self.shingle
        length = max(len(words) - n + 1, 0)
        hashes = np.zeros(length, np.uint64)
        inside = np.ones(length, np.bool_)
        ends = np.cumsum(counts)
        for place in range(n):
            hashes += words[place : place + length] * self._places[place]
            if place:  # an n-gram that starts so close to a text's end runs into the next text
                crossing = ends - place
                inside[crossing[(crossing >= 0) & (crossing < length)]] = False
        return _mix(hashes[inside]), np.maximum(counts - n + 1, 0)

    def _signatures(self, shingles: U64, starts: I64) -> U32:
        """The least value under every hash function, shape (bands x rows, texts).

        Args:
            starts: index of the first shingle of every text; no text is without.
        """
        values = (shingles >> np.uint64(32)).astype(np.uint32)
        hashed = np.empty_like(values)
        least = np.empty((len(self._multipliers), len(starts)), np.uint32)
        for number, (multiplier, flip) in enumerate(zip(self._multipliers, self._flips, strict=True)):
            np.multiply(values, multiplier, out=hashed)
            np.bitwise_xor(hashed, flip, out=hashed)
            np.minimum.reduceat(hashed, starts, out=least[number])
        return least

    def _bands(self, signatures: U32) -> U64:
        """One key for every band, shape (texts, bands)."""
        keys = np.empty((signatures.shape[1], self.bands), np.uint64)
        for band in range(self.bands):
            key = np.full(signatures.shape[1], self._band_seeds[band], np.uint64)
            for row in signatures[band * self.rows : (band + 1) * self.rows]:
                key = _mix(key ^ row)
            keys[:, band] = key
        return keys


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Runs of texts of about `CHUNK_CHARACTERS` characters, each with the index of its first text."""
    first, size = 0, 0
    for index, text in enumerate(texts):
        size += len(text) + 1
        if size >= CHUNK_CHARACTERS:
            yield first, texts[first : index + 1]
            first, size = index + 1, 0
    if first < len(texts):
        yield first, texts[first:]
