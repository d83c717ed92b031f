"""Scores of text items and of documents that OBELICS judges (Laurencon et al. 2023, arXiv 2306.16527, A.2).

They go back to BigScience's ROOTS: shares of repeated character and word n-grams, of special
characters, of punctuation, and of words that are on lists of stop, flagged, common and spam words.
Where OBELICS lists special characters by hand (its copy of ROOTS' list), they are here all punctuation,
symbols, digits, white space and control characters of Unicode. Word lists are this package's own.
"""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.filter.texts import Texts
from components.filter.word_lists import (
    FNV_OFFSET,
    FNV_PRIME,
    WordTable,
    file_sections,
    package_sections,
    place_of,
    word_hash,
    word_table,
)

CHARACTERS: Final = 10
"""Length of the character n-grams (OBELICS)."""
WORDS: Final = 5
"""Length of the word n-grams (OBELICS)."""

STOP, FLAGGED, COMMON, SPAM = 1, 2, 4, 8
_LISTS: Final = {"stop": STOP, "flagged": FLAGGED, "common": COMMON, "spam": SPAM}
_FILES: Final = ("stop_words.txt", "flagged_words.txt", "common_words.txt", "spam_words.txt")

_SPACE, _SPECIAL, _WORD, _MARK, _JOINT = 1, 2, 4, 8, 16
_SIZE: Final = 0x20000
"""Code points with a class of their own; all above it are letters, or take no part in text."""
_OFFSET: Final = np.uint64(FNV_OFFSET)
_PRIME: Final = np.uint64(FNV_PRIME)
_BASE: Final = np.uint64(0x9E3779B97F4A7C15)


class Lexicon(NamedTuple):
    """Words of several languages.

    Attributes:
        table: words, hashed with a seed that follows from their language (`language_seed`).
        languages: which lists there are for a language: a sum of STOP, FLAGGED, COMMON and SPAM.
    """

    table: WordTable
    languages: dict[str, int]


def language_seed(language: str) -> int:
    """The seed under which a language's words are hashed."""
    return word_hash(language + "/")


@functools.lru_cache(maxsize=2)
def load_lexicon(files: tuple[str, ...] = ()) -> Lexicon:
    """The lists of this package and those in further files.

    Args:
        files: word lists (see `word_lists`) with sections such as `stop/pl` or `flagged/en`; words are
            added to those that the language has.

    Raises:
        ConfigurationError: for a section of another name, or words outside any.
    """
    words: dict[int, int] = {}
    languages: dict[str, int] = {}
    lists = {name: package_sections(name) for name in _FILES} | {uri: file_sections(uri) for uri in files}
    for name, sections in lists.items():
        for section, members in sections.items():
            kind, _, language = section.partition("/")
            if not members:
                continue
            if kind not in _LISTS or not language:
                raise ConfigurationError(
                    f"{name}: words stand in a section [{section}]; write it as [kind/language] with a kind "
                    f"of {', '.join(_LISTS)}."
                )
            languages[language] = languages.get(language, 0) | _LISTS[kind]
            seed = language_seed(language)
            for word in members:
                key = word_hash(word, seed)
                words[key] = words.get(key, 0) | _LISTS[kind]
    return Lexicon(word_table(words), languages)


def document_scores(texts: Texts) -> dict[str, npt.NDArray[np.float64]]:
    """Shares of repetition of n documents, each of shape (n,); 0 where there is no n-gram.

    Returns:
        `repeated_characters_share`: of all 10-grams of characters, those that are among the sqrt(d) most
        frequent of the d different ones and occur twice; `repeated_words_share`: of all 5-grams of
        words, those that occur twice. Items are joined by a blank line.
    """
    _, shares = _score(texts, texts.first, np.zeros(texts.documents, np.uint64), load_lexicon(), lists=False)
    return {"repeated_characters_share": shares[:, 0], "repeated_words_share": shares[:, 1]}


def item_scores(
    texts: Texts, languages: Sequence[str | None], lexicon: Lexicon
) -> dict[str, npt.NDArray[np.float32] | npt.NDArray[np.int32]]:
    """Scores of the m text items, each of shape (m,), as `item_scores/1` describes them.

    Args:
        languages: of the n documents: whose lists the words of their items are looked up in. Counts of
            listed words are not a number where a language has no such list.
    """
    codes = [language or "" for language in languages]
    seeds = np.array([language_seed(code) for code in codes], np.uint64)[texts.row]
    first = np.arange(len(texts.row) + 1, dtype=np.int64)
    counts, shares = _score(texts, first, seeds, lexicon, lists=True)
    scores: dict[str, Any] = {
        name: counts[:, column].astype(np.int32)
        for column, name in enumerate(
            (
                "plain_words",
                "text_characters",
                "special_characters",
                "punctuation_tokens",
                "punctuation_marks",
            )
        )
    }
    scores["repeated_characters_share"] = shares[:, 0].astype(np.float32)
    scores["repeated_words_share"] = shares[:, 1].astype(np.float32)
    present = np.array([lexicon.languages.get(code, 0) for code in codes], np.int64)[texts.row]
    for column, (kind, bit) in enumerate(_LISTS.items(), 5):
        listed = counts[:, column].astype(np.float32)
        listed[present & bit == 0] = np.nan
        scores[f"{kind}_listed_words"] = listed
    return scores


def _score(
    texts: Texts,
    first: npt.NDArray[np.int64],
    seeds: npt.NDArray[np.uint64],
    lexicon: Lexicon,
    *,
    lists: bool,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Counts (units, 9) and shares (units, 2) of units of the text items first[i] to first[i + 1]."""
    classes, lower = _characters()
    units = len(first) - 1
    counts = np.zeros((units, 9), np.int64)
    shares = np.zeros((units, 2), np.float64)
    _score_units(
        texts.data, texts.starts, first, seeds, classes, lower, *lexicon.table, lists, counts, shares
    )
    return counts, shares


@functools.cache
def _characters() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Classes and lower case of the code points below `_SIZE`; a curly apostrophe becomes a straight one."""
    classes = np.zeros(_SIZE, np.uint8)
    lower = np.arange(_SIZE, dtype=np.uint32)
    for point in range(_SIZE):
        character = chr(point)
        category = unicodedata.category(character)
        if character.isspace():
            classes[point] |= _SPACE
        if category[0] in "PSNZ" or category in ("Cc", "Cf"):
            classes[point] |= _SPECIAL
        if character.isalnum():
            classes[point] |= _WORD
        small = character.lower()
        if len(small) == 1:
            lower[point] = ord(small)
    for characters, bit in ((",;:?!.", _MARK), ("_'", _WORD), ("-/", _JOINT)):
        for character in characters:
            classes[ord(character)] |= bit
    lower[ord("\u2019")] = ord("'")
    lower[ord("\u2010")] = lower[ord("\u2011")] = ord("-")
    return classes, lower


@numba.njit(cache=True, nogil=True)
def _decode(data, start, stop, points, count):  # type: ignore[no-untyped-def]
    """Append the code points of UTF-8 bytes to `points`, which has `count`; how many it has then."""
    place = start
    while place < stop:
        byte = np.uint32(data[place])
        if byte < 0x80:
            points[count] = byte
            place += 1
        else:
            extra = 1 if byte < 0xE0 else 2 if byte < 0xF0 else 3
            point = byte & (0x3F >> extra)
            for more in range(1, extra + 1):
                point = (point << 6) | (np.uint32(data[place + more]) & 0x3F)
            points[count] = point
            place += 1 + extra
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _tally(hashes, count, keys, times):  # type: ignore[no-untyped-def]
    """Count how often each of `count` hashes occurs.

    Returns:
        How many different ones there are. times[:different] is how often each occurs.
    """
    size = 16
    while size < 2 * count:
        size *= 2
    slots = keys[:size]
    slots[:] = -1
    mask = np.uint64(size - 1)
    different = 0
    for number in range(count):
        value = hashes[number]
        place = (value ^ (value >> np.uint64(32))) & mask
        while slots[place] >= 0 and hashes[slots[place]] != value:
            place = (place + np.uint64(1)) & mask
        if slots[place] < 0:
            # the first of its kind moves to the front, so that hashes[:different] are all different
            hashes[different] = value
            slots[place] = different
            times[different] = 0
            different += 1
        times[slots[place]] += 1
    return different


@numba.njit(cache=True, nogil=True)
def _lookup(points, start, stop, lower, seed, keys, flags):  # type: ignore[no-untyped-def]
    value = seed
    for place in range(start, stop):
        point = points[place]
        value = (value ^ np.uint64(lower[point] if point < len(lower) else point)) * _PRIME
    place = place_of(keys, value)
    return flags[place], value


@numba.njit(cache=True, nogil=True)
def _common_parts(points, start, stop, classes, lower, seed, keys, flags):  # type: ignore[no-untyped-def]
    """Whether a word is made of common ones: with hyphens or slashes between them, or a final 's."""
    if (
        stop - start > 2
        and lower[min(points[stop - 2], np.uint32(len(lower) - 1))] == 39
        and points[stop - 1] == 115
    ):
        stop -= 2
    begin = start
    for place in range(start, stop + 1):
        joint = place == stop
        if not joint:
            joint = points[place] < len(lower) and (classes[lower[points[place]]] & 16) != 0
        if joint:
            if place > begin and not _lookup(points, begin, place, lower, seed, keys, flags)[0] & 4:
                return False
            begin = place + 1
    return True


@numba.njit(cache=True, nogil=True)
def _is(points, place, classes, kind):  # type: ignore[no-untyped-def]
    return points[place] < len(classes) and (classes[points[place]] & kind) != 0


@numba.njit(cache=True, nogil=True)
def _count_words(points, count, seed, classes, lower, keys, flags, words, listed):  # type: ignore[no-untyped-def]
    """Words: what special characters at their ends leave of the runs between white space.

    Args:
        words: takes a hash of each.
        listed: takes how many are on each of the four lists.

    Returns:
        How many words there are.
    """
    number = 0
    place = 0
    while place < count:
        begin = place
        while place < count and not _is(points, place, classes, 1):
            place += 1
        end = place
        while begin < end and _is(points, begin, classes, 2):
            begin += 1
        while end > begin and _is(points, end - 1, classes, 2):
            end -= 1
        if end > begin:
            flag, value = _lookup(points, begin, end, lower, seed, keys, flags)
            words[number] = value ^ (value >> np.uint64(31))
            number += 1
            if len(listed):
                if not flag & 4 and _common_parts(points, begin, end, classes, lower, seed, keys, flags):
                    flag |= 4
                for bit in range(4):
                    listed[bit] += (flag >> bit) & 1
        place += 1
    return number


@numba.njit(cache=True, nogil=True)
def _count_characters(points, count, classes):  # type: ignore[no-untyped-def]
    """Special characters; tokens [\\w']+ and [,;:?!.]; and how many of these are marks."""
    special = tokens = marks = 0
    inside = False
    for place in range(count):
        kind = classes[points[place]] if points[place] < len(classes) else np.uint8(4)
        special += (kind & 2) != 0
        tokens += ((kind & 4) != 0 and not inside) or (kind & 8) != 0
        marks += (kind & 8) != 0
        inside = (kind & 4) != 0
    return special, tokens, marks


@numba.njit(cache=True, nogil=True)
def _repeated_words(words, number, hashes, slots, times):  # type: ignore[no-untyped-def]
    """Share of 5-grams that occur more than once."""
    total = number - 4
    if total <= 0:
        return 0.0
    for gram in range(total):
        value = np.uint64(0)
        for word in range(5):
            value = value * _BASE + words[gram + word]
        hashes[gram] = value ^ (value >> np.uint64(29))
    repeated = 0
    for gram in range(_tally(hashes, total, slots, times)):
        if times[gram] > 1:
            repeated += times[gram]
    return repeated / total


@numba.njit(cache=True, nogil=True)
def _repeated_characters(points, count, classes, hashes, slots, times):  # type: ignore[no-untyped-def]
    """Share of 10-grams among the sqrt(d) most frequent of d different ones, if they occur twice."""
    total = count - 9
    if total <= 0:
        return 0.0
    power = np.uint64(1)
    for _ in range(10):
        power *= _BASE
    value = np.uint64(0)
    for place in range(count):
        if _is(points, place, classes, 1) and points[place] > 10:
            points[place] = 32  # OBELICS makes all kinds of spaces one, but for tabs and line breaks
        value = value * _BASE + np.uint64(points[place])
        if place >= 10:
            value -= power * np.uint64(points[place - 10])
        if place >= 9:
            hashes[place - 9] = value ^ (value >> np.uint64(29))
    different = _tally(hashes, total, slots, times)
    most = 0
    for gram in range(different):
        most = max(most, times[gram])
    # how many n-grams occur so often; sorting would take longer to compile than all the rest
    often = np.zeros(most + 1, np.int64)
    for gram in range(different):
        often[times[gram]] += 1
    left = int(np.sqrt(different))
    repeated = 0
    for number in range(most, 1, -1):
        taken = min(left, often[number])
        repeated += taken * number
        left -= taken
    return repeated / total


@numba.njit(cache=True, nogil=True)
def _score_units(  # type: ignore[no-untyped-def]
    data, starts, first, seeds, classes, lower, keys, flags, lists, counts, shares
):
    longest = 0
    for unit in range(len(first) - 1):
        size = starts[first[unit + 1]] - starts[first[unit]] + 2 * (first[unit + 1] - first[unit])
        longest = max(longest, size)
    points = np.empty(longest + 1, np.uint32)
    hashes = np.empty(longest + 1, np.uint64)
    words = np.empty(longest // 2 + 2, np.uint64)
    times = np.empty(longest + 1, np.int64)
    size = 16
    while size < 2 * longest:
        size *= 2
    slots = np.empty(size, np.int32)
    for unit in range(len(first) - 1):
        count = 0
        for item in range(first[unit], first[unit + 1]):
            if starts[item + 1] > starts[item]:
                if count:
                    points[count] = points[count + 1] = 10
                    count += 2
                count = _decode(data, starts[item], starts[item + 1], points, count)
        listed = counts[unit, 5:9] if lists else counts[unit, 9:]
        number = _count_words(points, count, seeds[unit], classes, lower, keys, flags, words, listed)
        counts[unit, 0] = number
        counts[unit, 1] = count
        counts[unit, 2], counts[unit, 3], counts[unit, 4] = _count_characters(points, count, classes)
        shares[unit, 1] = _repeated_words(words, number, hashes, slots, times)
        shares[unit, 0] = _repeated_characters(points, count, classes, hashes, slots, times)
