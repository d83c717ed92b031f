"""The pass over the UTF-8 bytes of a shard's texts that makes every score of words and lines.

One file, though long: numba compiles it as one function and caches it by this file's date, so what
it calls must not live elsewhere. Nothing in it allocates for each document.

A text is decoded to code points; a polynomial hash of all its prefixes gives the hash of any part of
it by one subtraction and one product, so that no word, line or n-gram is ever copied. Words are what
spaCy's rules for English make of a text (prefixes, suffixes and infixes are split off, contractions
and abbreviations are looked up), but that a character of a script without spaces is a word. All
integer arithmetic is modulo 2^64.
"""

# ruff: noqa: PLR0911, PLR1714, SIM102, SIM110
# What ruff would have instead (sets, generators) numba compiles to slower code or not at all.
from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from components.filter import characters as c

# Without the runtime for reference counts: no function here makes an array, and counting the references
# to the arrays that each call passes on took 40 % of the time (604 pages: 308 ms with it, 165 without).
_OPTIONS: Final[dict[str, Any]] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
jit = njit(**_OPTIONS)

SPECIALS: Final = 4096
"""Slots of the table of words with pieces of their own."""
UNIT: Final = 1 << 30
"""Bit of a unit of measure, split off a number. Bits 0 to 14 are the lengths of up to three pieces, 15 and
16 how many pieces there are."""
STOP_WORD: Final = 1 << 17
"""Bit of the first of up to eight stop words."""
LONGEST_SPECIAL: Final = 12


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DOCUMENT_COLUMNS: Final = _names("""
    words tokens unspaced_words word_characters characters lines hashes ellipses bullet_lines ellipsis_lines
    alpha_words stop_words newlines paragraphs duplicate_paragraphs duplicate_paragraph_characters text_lines
    duplicate_lines duplicate_line_characters top_2 top_3 top_4 dup_5 dup_6 dup_7 dup_8 dup_9 dup_10
    times_2 times_3 times_4
""")
"""What a row of `counts` counts."""
LINE_COLUMNS: Final = _names("""
    row item line cut same_as characters width tokens words longest_word sentences uppercase digits marks
""")
"""What a row of `lines` counts; `marks` is a set of bits (`LINE_MARKS`)."""
LINE_MARKS: Final = _names("""
    cited ends_sentence ends_terminal lorem_ipsum javascript curly_bracket policy counter navigation
""")
(_D_WORDS, _D_TOKENS, _D_UNSPACED, _D_WORD_CHARS, _D_CHARS, _D_LINES, _D_HASHES, _D_ELLIPSES, _D_BULLETS) = (
    range(9)
)
(_D_ELLIPSIS_LINES, _D_ALPHA, _D_STOPS, _D_NEWLINES, _D_PARAGRAPHS, _D_DUP_PARAGRAPHS) = range(9, 15)
(_D_DUP_PARAGRAPH_CHARS, _D_TEXT_LINES, _D_DUP_LINES, _D_DUP_LINE_CHARS, _D_TOP_2) = range(15, 20)
_D_DUP_5, _D_TIMES_2 = 22, 28
_D_COLUMNS, _L_COLUMNS = len(DOCUMENT_COLUMNS), len(LINE_COLUMNS)
(_L_ROW, _L_ITEM, _L_LINE, _L_CUT, _L_SAME, _L_CHARS, _L_WIDTH, _L_TOKENS, _L_WORDS) = range(9)
(_L_LONGEST, _L_SENTENCES, _L_UPPER, _L_DIGITS, _L_MARKS) = range(9, 14)
(_CITED, _ENDS_SENTENCE, _ENDS_TERMINAL, _LOREM, _JAVASCRIPT, _CURLY, _POLICY, _COUNTER, _NAVIGATION) = (
    1 << n for n in range(9)
)

BASE: Final = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""


def _points(*phrases: str) -> tuple[np.ndarray, np.ndarray]:
    """Phrases as one array of code points, and where each starts."""
    points = np.array([ord(letter) for phrase in phrases for letter in phrase], np.uint32)
    return points, np.cumsum([0, *map(len, phrases)])


_PHRASES, _PHRASE_STARTS = _points(
    "lorem ipsum", "javascript", "terms of use", "privacy policy", "cookie policy", "uses cookies",
    "use of cookies", "use cookies", "items in cart", "sign-in", "read more", "[edit]", "[citation needed]",
)  # fmt: skip
(_P_LOREM, _P_JAVASCRIPT, _P_TERMS, _P_PRIVACY, _P_COOKIE, _P_USES, _P_USE_OF, _P_USE, _P_CART) = range(9)
(_P_SIGN_IN, _P_READ_MORE, _P_EDIT, _P_CITATION) = range(9, 13)
_COUNTED, _COUNTED_STARTS = _points(
    "likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes",
    "downloads", "views", "followers",
)  # fmt: skip


@jit
def _decode(data, start, stop, points, at):
    """Write the code points of data[start:stop] to points[at:]; the position after the last one."""
    while start < stop:
        byte = np.uint32(data[start])
        if byte < 0x80:
            points[at] = byte
            start += 1
        elif byte < 0xE0:
            points[at] = (byte & 0x1F) << 6 | data[start + 1] & 0x3F
            start += 2
        elif byte < 0xF0:
            points[at] = (byte & 0x0F) << 12 | (data[start + 1] & 0x3F) << 6 | data[start + 2] & 0x3F
            start += 3
        else:
            points[at] = (
                (byte & 0x07) << 18
                | (data[start + 1] & 0x3F) << 12
                | (data[start + 2] & 0x3F) << 6
                | data[start + 3] & 0x3F
            )
            start += 4
        at += 1
    return at


@jit
def _prepare(points, classes, sums, up, table, start, stop):
    """Fill in the classes and the prefix hashes of points[start:stop]."""
    for at in range(start, stop):
        point = points[at]
        classes[at] = table[point] if point < c.SIZE else (c.UNSPACED | c.LETTER if point < 0x40000 else 0)
        sums[at + 1] = sums[at] + np.uint64(point) * up[at]


@jit
def _mix(value):
    """Spread every input bit over all 64 output bits (the finaliser of MurmurHash3)."""
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xFF51AFD7ED558CCD)
    value ^= value >> np.uint64(33)
    value *= np.uint64(0xC4CEB9FE1A85EC53)
    return value ^ (value >> np.uint64(33))


@jit
def _special(sums, down, keys, values, start, stop):
    """The value of a word in the table of specials; 0 where it is not in it."""
    if stop - start > LONGEST_SPECIAL or stop <= start:
        return 0
    key = _mix((sums[stop] - sums[start]) * down[start]) | np.uint64(1)
    slot = np.int64(key >> np.uint64(52))
    while keys[slot] != 0:
        if keys[slot] == key:
            return values[slot]
        slot = (slot + 1) & (SPECIALS - 1)
    return 0


@jit
def _pieces(value):
    """How many pieces a special word has; 0 for a word that is only a unit or a stop word."""
    return (value >> 15) & 3


@jit
def _put(tokens, count, start, stop):
    tokens[count, 0] = start
    tokens[count, 1] = stop
    return count + 1


@jit
def _put_special(tokens, count, start, stop, value):
    pieces = _pieces(value)
    for piece in range(pieces - 1):
        length = (value >> (5 * piece)) & 31
        count = _put(tokens, count, start, start + length)
        start += length
    return _put(tokens, count, start, stop)


@jit
def _prefix(points, classes, start, stop):
    """Length of what is split off the start of points[start:stop]."""
    first = points[start]
    if first == ord("."):
        end = start
        while end < stop and points[end] == ord("."):
            end += 1
        return end - start if end - start > 1 else 0
    if first == ord("+"):
        return 0 if start + 1 < stop and classes[start + 1] & c.ASCII_DIGIT else 1
    if classes[start] & c.PREFIX:
        return 1
    if stop - start > 1 and points[start + 1] == ord("$") and (first == ord("A") or first == ord("C")):
        return 2
    if (
        stop - start > 2
        and first == ord("U")
        and points[start + 1] == ord("S")
        and points[start + 2] == ord("$")
    ):
        return 3
    return 0


@jit
def _suffix(points, classes, sums, down, keys, values, start, stop):
    """Length of what is split off the end of points[start:stop]; the longest of all that fit."""
    if stop <= start:
        return 0
    last = points[stop - 1]
    kind = classes[stop - 1]
    before = classes[stop - 2] if stop - 2 >= start else np.uint32(0)
    if last == ord("."):
        end = stop
        while end > start and points[end - 1] == ord("."):
            end -= 1
        if stop - end > 1:
            return stop - end
        if before & (c.ASCII_DIGIT | c.LOWER | c.QUOTE | c.MARK):
            return 1
        if stop - 2 >= start:
            other = points[stop - 2]
            if other == ord("%") or other == 0xB2 or other == ord("-") or other == ord("+"):
                return 1
        return 1 if before & c.UPPER and stop - 3 >= start and classes[stop - 3] & c.UPPER else 0
    if (last == ord("s") or last == ord("S")) and stop - 2 >= start:
        if points[stop - 2] == ord("'") or points[stop - 2] == 0x2019:
            return 2
    if not kind & c.ASCII_DIGIT:
        for length in range(min(4, stop - start - 1), 0, -1):
            if classes[stop - length - 1] & c.ASCII_DIGIT:
                if _special(sums, down, keys, values, stop - length, stop) & UNIT:
                    return length
        if before & c.ASCII_DIGIT and (kind & c.CURRENCY or last == ord("+")):
            return 1
    return 1 if kind & c.SUFFIX else 0


@jit
def _label_character(point):
    return (
        ord("a") <= point <= ord("z")
        or ord("A") <= point <= ord("Z")
        or ord("0") <= point <= ord("9")
        or 0xA1 <= point <= 0xFFFF
    )


@jit
def _host(points, classes, start, stop):
    """Is points[start:stop] a host name with a top-level domain, then maybe a port and a path?"""
    at, labels, label, lower, digits = start, 0, start, True, True
    while at < stop:
        point = points[at]
        if _label_character(point) or ((point == ord("-") or point == ord("_")) and at > label):
            lower = lower and classes[at] & c.LOWER != 0
            digits = digits and classes[at] & c.ASCII_DIGIT != 0
        elif point == ord(".") and at > label and at + 1 < stop and _label_character(points[at + 1]):
            if points[at - 1] == ord("-") or points[at - 1] == ord("_"):
                return False
            labels += 1
            label, lower = at + 1, True
        else:
            break
        at += 1
    if labels == 0 or not ((lower and at - label >= 2) or (digits and labels == 3 and at - label <= 3)):
        return False
    if at < stop and points[at] == ord(":"):
        port = at + 1
        while port < stop and classes[port] & c.ASCII_DIGIT:
            port += 1
        if not 2 <= port - at - 1 <= 5:
            return False
        at = port
    return at == stop or points[at] == ord("/") or points[at] == ord("?") or points[at] == ord("#")


@jit
def _is_address(points, classes, start, stop):
    """Is it a web or mail address, which stays whole?"""
    dotted = False
    for at in range(start + 1, stop - 1):
        dotted |= points[at] == ord(".")
    if not dotted:
        return False
    if _host(points, classes, start, stop):
        return True
    scheme = True
    for at in range(start, stop - 3):
        point = points[at]
        after = 0
        if point == ord(":") and points[at + 1] == ord("/") and points[at + 2] == ord("/") and at - start > 1:
            after = at + 3 if scheme else 0
        elif point == ord("@") and at > start:
            after = at + 1
        if after and _host(points, classes, after, stop):
            return True
        signs = point == ord("+") or point == ord("-") or point == ord(".") or point == ord("_")
        scheme = scheme and (signs or classes[at] & (c.LETTER | c.DIGIT) != 0)
    return False


@jit
def _infix(points, classes, start, at, stop):
    """Length of what splits points[start:stop] in two at `at`; 0 where nothing does."""
    point, kind = points[at], classes[at]
    if kind & c.LETTER:
        return 0
    if kind & c.ICON or point == 0x2026:
        return 1
    end = at + 1
    if point == ord(".") and end < stop and points[end] == ord("."):
        while end < stop and points[end] == ord("."):
            end += 1
        return end - at
    if at == start or end >= stop:
        return 0
    before, after = classes[at - 1], classes[end]
    if point == ord(".") and before & (c.LOWER | c.QUOTE) and after & (c.UPPER | c.QUOTE):
        return 1
    if before & c.ASCII_DIGIT and (after & c.ASCII_DIGIT or points[end] == ord("-")):
        if point == ord("+") or point == ord("-") or point == ord("*") or point == ord("^"):
            return 1
    if point == ord(",") and before & c.LETTER and after & c.LETTER:
        return 1
    if not before & (c.LETTER | c.ASCII_DIGIT):
        return 0
    if point == ord("-") or point == 0x2013 or point == 0x2014 or point == ord("~"):
        most = 3 if point == ord("-") else 2 if point == 0x2014 else 1
        while end < stop and end - at < most and points[end] == point:
            end += 1
        return end - at if end < stop and classes[end] & c.LETTER else 0
    if after & c.LETTER and (
        point == ord(":") or point == ord("<") or point == ord(">") or point == ord("=") or point == ord("/")
    ):
        return 1
    return 0


@jit
def _put_checked(tokens, count, start, stop, sums, down, keys, values):
    value = _special(sums, down, keys, values, start, stop)
    if _pieces(value):
        return _put_special(tokens, count, start, stop, value)
    return _put(tokens, count, start, stop)


@jit
def _split_word(points, classes, sums, down, keys, values, start, stop, tokens, count, suffixes):
    """Append the tokens of points[start:stop], which holds no white space; how many there are now."""
    held, first = 0, count
    while start < stop:
        if _pieces(_special(sums, down, keys, values, start, stop)):
            break
        size = stop - start
        prefix = _prefix(points, classes, start, stop)
        if prefix and _pieces(_special(sums, down, keys, values, start + prefix, stop)):
            count = _put(tokens, count, start, start + prefix)
            start += prefix
            break
        suffix = _suffix(points, classes, sums, down, keys, values, start + prefix, stop)
        if suffix and _pieces(_special(sums, down, keys, values, start, stop - suffix)):
            suffixes[held] = stop
            held += 1
            stop -= suffix
            break
        if prefix:
            count = _put(tokens, count, start, start + prefix)
            start += prefix
        if suffix:
            suffixes[held] = stop
            held += 1
            stop -= suffix
        if stop - start == size:
            break
    if start < stop:
        value = _special(sums, down, keys, values, start, stop)
        if _pieces(value):
            count = _put_special(tokens, count, start, stop, value)
        elif _is_address(points, classes, start, stop):
            count = _put(tokens, count, start, stop)
        else:
            piece, at = start, start
            while at < stop:
                length = _infix(points, classes, start, at, stop)
                if length == 0:
                    at += 1
                    continue
                if at > start:
                    if at > piece:
                        count = _put_checked(tokens, count, piece, at, sums, down, keys, values)
                    count = _put(tokens, count, at, at + length)
                    piece = at + length
                at += length
            if piece < stop:
                count = _put_checked(tokens, count, piece, stop, sums, down, keys, values)
    while held:
        held -= 1
        count = _put(tokens, count, stop, suffixes[held])
        stop = suffixes[held]
    return count if count - first < 2 else _join(sums, down, keys, values, tokens, first, count)


@jit
def _join(sums, down, keys, values, tokens, first, count):
    """Join neighbours that make one special word, such as `):` and `''`; how many tokens there are now."""
    kept = first
    while first < count:
        size = 1
        for more in range(min(3, count - first), 1, -1):
            value = _special(sums, down, keys, values, tokens[first, 0], tokens[first + more - 1, 1])
            if _pieces(value) == 1:
                size = more
                break
        kept = _put(tokens, kept, tokens[first, 0], tokens[first + size - 1, 1])
        first += size
    return kept


@jit
def _split_line(points, classes, sums, down, keys, values, start, stop, tokens, count, suffixes):
    """Append the tokens of a line.

    Returns the number of tokens now, of words between white space, and the length of the longest.
    """
    words, longest, at = 0, 0, start
    while at < stop:
        if classes[at] & c.SPACE:
            at += 1
            continue
        first = at
        seen, common = np.uint32(0), np.uint32(0xFFFFFFFF)
        while at < stop and not classes[at] & (c.SPACE | c.UNSPACED):
            seen |= classes[at]
            common &= classes[at]
            at += 1
        if at > first:
            words += 1
            longest = max(longest, at - first)
            if common & c.LETTER:
                count = _put_checked(tokens, count, first, at, sums, down, keys, values)
            else:
                count = _split_word(
                    points, classes, sums, down, keys, values, first, at, tokens, count, suffixes
                )
        while at < stop and classes[at] & c.UNSPACED:
            count = _put(tokens, count, at, at + 1)
            words += 1
            longest = max(longest, 1)
            at += 1
    return count, words, longest


@jit
def _sentences(classes, tokens, first, last):
    """Sentences of a line: after a full stop, the next token that is not punctuation starts one."""
    if first == last:
        return 0
    sentences, stopped = 1, False
    for token in range(first, last):
        start, stop = tokens[token, 0], tokens[token, 1]
        if stop - start == 1 and classes[start] & c.STOP:
            stopped = True
        elif stopped:
            for at in range(start, stop):
                if not classes[at] & c.PUNCTUATION:
                    sentences += 1
                    stopped = False
                    break
    return sentences


@jit
def _lower(point):
    return point + 32 if ord("A") <= point <= ord("Z") else point


@jit
def _phrase_at(points, at, stop, phrases, starts, phrase):
    """Is this phrase at `at`, in any case?"""
    first, length = starts[phrase], starts[phrase + 1] - starts[phrase]
    if at < 0 or at + length > stop:
        return False
    for offset in range(length):
        if _lower(points[at + offset]) != phrases[first + offset]:
            return False
    return True


@jit
def _phrases_at(points, at, stop):
    """Marks of the phrases that start at `at`."""
    letter = _lower(points[at])
    if letter == ord("l"):
        return _LOREM if _phrase_at(points, at, stop, _PHRASES, _PHRASE_STARTS, _P_LOREM) else 0
    if letter == ord("j"):
        return _JAVASCRIPT if _phrase_at(points, at, stop, _PHRASES, _PHRASE_STARTS, _P_JAVASCRIPT) else 0
    first, last = -1, -1
    if letter == ord("t"):
        first, last = _P_TERMS, _P_TERMS
    elif letter == ord("p"):
        first, last = _P_PRIVACY, _P_PRIVACY
    elif letter == ord("c"):
        first, last = _P_COOKIE, _P_COOKIE
    elif letter == ord("u"):
        first, last = _P_USES, _P_USE
    elif letter == ord("i"):
        return _NAVIGATION if _phrase_at(points, at, stop, _PHRASES, _PHRASE_STARTS, _P_CART) else 0
    if first >= 0:
        for phrase in range(first, last + 1):
            if _phrase_at(points, at, stop, _PHRASES, _PHRASE_STARTS, phrase):
                return _POLICY
    return 0


@jit
def _is_counter(points, classes, start, stop):
    """Does the line say '12.5k views' and nothing else?"""
    word = c.LETTER | c.DIGIT
    while start < stop and not classes[start] & word and points[start] != ord("_"):
        start += 1
    if start == stop or not classes[start] & c.DIGIT:
        return False
    while start < stop and (
        classes[start] & c.DIGIT or points[start] == ord(",") or points[start] == ord(".")
    ):
        start += 1
    if start < stop:
        letter = _lower(points[start])
        if letter == ord("k") or letter == ord("m") or letter == ord("b"):
            start += 1
    after = start
    while start < stop and classes[start] & c.SPACE:
        start += 1
    if start == after:
        return False
    for number in range(len(_COUNTED_STARTS) - 1):
        if _phrase_at(points, start, stop, _COUNTED, _COUNTED_STARTS, number):
            start += _COUNTED_STARTS[number + 1] - _COUNTED_STARTS[number]
            while start < stop:
                if classes[start] & word or points[start] == ord("_"):
                    return False
                start += 1
            return True
    return False


@jit
def _score_line(points, classes, start, stop, row):
    """Fill in what the characters of points[start:stop] say; the line is not empty."""
    marks, upper, digits, wide = 0, 0, 0, 0
    for at in range(start, stop):
        kind = classes[at]
        if kind & c.LETTER:
            marks |= _phrases_at(points, at, stop)
            upper += 1 if kind & c.CAPITAL else 0
            wide += 1 if kind & c.UNSPACED else 0
        elif kind & c.DIGIT:
            digits += 1
        elif kind & c.UNSPACED:
            wide += 1
        elif points[at] == ord("{"):
            marks |= _CURLY
    last = points[stop - 1]
    dots = (
        stop - start > 2
        and last == ord(".")
        and points[stop - 2] == ord(".")
        and points[stop - 3] == ord(".")
    )
    if classes[stop - 1] & c.TERMINAL:
        marks |= _ENDS_TERMINAL
        if not dots:
            marks |= _ENDS_SENTENCE
    # C4's own list, and the closing brackets that end quoted sentences in Chinese and Japanese
    if last == ord('"') or last == ord("'") or last == 0x300D or last == 0x300F:
        marks |= _ENDS_SENTENCE
    if digits and _is_counter(points, classes, start, stop):
        marks |= _COUNTER
    if _phrase_at(points, start, stop, _PHRASES, _PHRASE_STARTS, _P_SIGN_IN):
        marks |= _NAVIGATION
    ending = 3 if dots else 1 if last == 0x2026 else 0
    if ending and _phrase_at(points, stop - ending - 9, stop, _PHRASES, _PHRASE_STARTS, _P_READ_MORE):
        marks |= _NAVIGATION
    row[_L_CHARS] = stop - start
    row[_L_WIDTH] = stop - start + wide
    row[_L_UPPER] = upper
    row[_L_DIGITS] = digits
    row[_L_MARKS] = marks


@jit
def _citation(points, classes, at, stop):
    """Length of the citation at `at` ([12], [], [edit], [citation needed]); 0 where there is none."""
    if points[at] != ord("["):
        return 0
    end = at + 1
    while end < stop and classes[end] & c.DIGIT:
        end += 1
    if end < stop and points[end] == ord("]"):
        return end + 1 - at
    for phrase in (_P_EDIT, _P_CITATION):
        first, last = _PHRASE_STARTS[phrase], _PHRASE_STARTS[phrase + 1]
        if at + last - first <= stop:
            same = True
            for offset in range(last - first):
                same &= points[at + offset] == _PHRASES[first + offset]
            if same:
                return last - first
    return 0


@jit
def _slot(keys, mask, key):
    """Where `key` is in an open hash table, or the empty slot where it belongs."""
    slot = np.int64(key & np.uint64(mask))
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@jit
def _clear(keys, count):
    """Empty as much of the table as `count` keys need; the mask of slot numbers."""
    size = 16
    while size < 2 * count:
        size *= 2
    keys[:size] = 0
    return size - 1


@jit
def _duplicates(points, sums, down, keys, at, stop, breaks, most):
    """Parts of points[at:stop] between runs of `breaks` or more line breaks that an earlier part equals.

    Returns how many parts there are, how many are duplicates, and the characters of these.
    """
    mask = _clear(keys, most)
    parts, duplicates, characters = 0, 0, 0
    while at < stop:
        first, run = at, 0
        while at < stop:
            run = run + 1 if points[at] == ord("\n") else 0
            at += 1
            if run == breaks:
                break
        last = at - run if run == breaks else at
        while at < stop and points[at] == ord("\n"):
            at += 1
        parts += 1
        key = _mix((sums[last] - sums[first]) * down[first] + np.uint64(last - first)) | np.uint64(1)
        slot = _slot(keys, mask, key)
        if keys[slot] != 0:
            duplicates += 1
            characters += last - first
        keys[slot] = key
    return parts, duplicates, characters


@jit
def _top_ngram(hashes, ends, count, n, keys, counts, order):
    """Characters of the most frequent n-gram (words with a space between), and how often it occurs."""
    if count < n:
        return 0, 0
    mask = _clear(keys, count)
    most, unique = 1, 0
    for first in range(count - n + 1):
        key = hashes[first]
        for place in range(1, n):
            key = key * np.uint64(BASE) + hashes[first + place]
        key = _mix(key) | np.uint64(1)
        slot = _slot(keys, mask, key)
        if keys[slot] == 0:
            keys[slot] = key
            counts[slot] = 1
            order[unique, 0] = slot
            order[unique, 1] = first
            unique += 1
        else:
            counts[slot] += 1
            most = max(most, counts[slot])
    for number in range(unique):
        if counts[order[number, 0]] == most:
            first = order[number, 1]
            return ends[first + n] - ends[first] + n - 1, most
    return 0, 0


@jit
def _duplicate_ngrams(ends, joined, down, count, n, keys):
    """Characters in n-grams that came before; after one, the next starts behind it."""
    mask = _clear(keys, count)
    characters, first = 0, 0
    while first + n <= count:
        start = ends[first]
        key = _mix((joined[first + n] - joined[first]) * down[start]) | np.uint64(1)
        slot = _slot(keys, mask, key)
        if keys[slot] != 0:
            characters += ends[first + n] - start
            first += n
        else:
            keys[slot] = key
            first += 1
    return characters


class Work(NamedTuple):
    """Scratch memory of the kernel, for texts of up to a given number of characters."""

    points: np.ndarray
    classes: np.ndarray
    sums: np.ndarray
    tokens: np.ndarray
    suffixes: np.ndarray
    hashes: np.ndarray
    joined: np.ndarray
    ends: np.ndarray
    keys: np.ndarray
    key_counts: np.ndarray
    order: np.ndarray


class Tables(NamedTuple):
    """What the kernel looks up.

    Attributes:
        classes: classes of code points (`characters.table`).
        up, down: powers of BASE and of its inverse.
        keys, values: words with pieces of their own, units and stop words.
    """

    classes: np.ndarray
    up: np.ndarray
    down: np.ndarray
    keys: np.ndarray
    values: np.ndarray


def work(longest: int) -> Work:
    """Scratch memory for texts of up to `longest` characters, and a line of each beside them."""
    space = 2 * longest + 8
    size = 16
    while size < 2 * longest + 4:
        size *= 2
    return Work(
        points=np.zeros(space, np.uint32),
        classes=np.zeros(space, np.uint32),
        sums=np.zeros(space + 1, np.uint64),
        tokens=np.zeros((space, 2), np.int32),
        suffixes=np.zeros(space, np.int32),
        hashes=np.zeros(space, np.uint64),
        joined=np.zeros(space + 1, np.uint64),
        ends=np.zeros(space + 1, np.int64),
        keys=np.zeros(size, np.uint64),
        key_counts=np.zeros(size, np.int32),
        order=np.zeros((longest + 1, 2), np.int32),
    )


@jit
def _without_citations(points, classes, start, stop, at):
    """Copy points[start:stop] to points[at:] without its citations; the position after the copy."""
    while start < stop:
        skipped = _citation(points, classes, start, stop)
        if skipped:
            start += skipped
        else:
            points[at] = points[start]
            at += 1
            start += 1
    return at


@jit
def _ends_in_ellipsis(points, start, stop):
    last = points[stop - 1]
    if last == 0x2026:
        return True
    return stop - start > 2 and last == ord(".") and points[stop - 2] == last and points[stop - 3] == last


@jit
def _read_line(w, t, length, start, stop, count, lines, filled, token_count):
    """Score a line of the text in w.points[:length], with its citations and, in a row more, without.

    Returns the number of tokens of the document, and of rows.
    """
    if w.points[start] == 0x2022 or w.points[start] == ord("-"):
        count[_D_BULLETS] += 1
    if _ends_in_ellipsis(w.points, start, stop):
        count[_D_ELLIPSIS_LINES] += 1
    # the line without its citations goes behind the text
    copy, end = length + 1, stop
    for at in range(start, stop):
        if w.points[at] == ord("["):
            end = _without_citations(w.points, w.classes, start, stop, copy)
            break
    cited = end != stop and end - copy < stop - start
    tokens = token_count
    for version in range(2 if cited else 1):
        row = lines[filled]
        first, last = (copy, end) if version else (start, stop)
        if version:
            for column in range(_L_COLUMNS):
                row[column] = lines[filled - 1, column]
            row[_L_CUT] = stop - start - (end - copy)
            _prepare(w.points, w.classes, w.sums, t.up, t.classes, first, last)
        after, words, longest = _split_line(
            w.points, w.classes, w.sums, t.down, t.keys, t.values, first, last, w.tokens, tokens, w.suffixes
        )
        row[_L_TOKENS] = after - tokens
        row[_L_SENTENCES] = _sentences(w.classes, w.tokens, tokens, after)
        if version == 0:
            row[_L_WORDS], row[_L_LONGEST], row[_L_SAME] = words, longest, start
            tokens = after
        _score_line(w.points, w.classes, first, last, row)
        row[_L_MARKS] |= _CITED if cited else 0
        filled += 1
    return tokens, filled


@jit
def _read_lines(w, t, data, start, stop, at, length, document, item, count, lines, filled, token_count):
    """Score the lines of one text item, data[start:stop], that begins at w.points[at]."""
    end = at
    for byte in range(start, stop):
        end += 1 if data[byte] & 0xC0 != 0x80 else 0
    line = 0
    while at <= end:
        first = at
        while at < end and w.points[at] != ord("\n"):
            at += 1
        last = at
        while first < last and w.classes[first] & c.SPACE:
            first += 1
        while last > first and w.classes[last - 1] & c.SPACE:
            last -= 1
        if first < last:
            lines[filled, _L_ROW], lines[filled, _L_ITEM], lines[filled, _L_LINE] = document, item, line
            token_count, filled = _read_line(w, t, length, first, last, count, lines, filled, token_count)
        count[_D_LINES] += 1
        line += 1
        at += 1
    return end, token_count, filled


@jit
def _count_characters(points, length, count):
    at = 0
    while at < length:
        point = points[at]
        if point == ord("#"):
            count[_D_HASHES] += 1
        elif point == ord("\n"):
            count[_D_NEWLINES] += 1
        elif point == 0x2026:
            count[_D_ELLIPSES] += 1
        elif point == ord(".") and at + 2 < length and points[at + 1] == point and points[at + 2] == point:
            count[_D_ELLIPSES] += 1
            at += 2
        at += 1
    count[_D_CHARS] = length


@jit
def _count_words(w, t, token_count, count):
    """Count words by what they are made of, and fill in their hashes for the n-grams."""
    stop_words = 0
    for token in range(token_count):
        start, stop = w.tokens[token, 0], w.tokens[token, 1]
        seen, common = np.uint32(0), np.uint32(0xFFFFFFFF)
        for at in range(start, stop):
            seen |= w.classes[at]
            common &= w.classes[at]
        if not common & c.SYMBOL:
            count[_D_WORDS] += 1
            if seen & c.UNSPACED:
                count[_D_UNSPACED] += 1
            else:
                count[_D_WORD_CHARS] += stop - start
        count[_D_ALPHA] += 1 if seen & c.LETTER else 0
        if stop - start <= 4:
            stop_words |= _special(w.sums, t.down, t.keys, t.values, start, stop) >> 17 & 0xFF
        key = (w.sums[stop] - w.sums[start]) * t.down[start]
        w.hashes[token] = _mix(key)
        w.joined[token + 1] = w.joined[token] + key * t.up[w.ends[token]]
        w.ends[token + 1] = w.ends[token] + stop - start
    while stop_words:
        count[_D_STOPS] += stop_words & 1
        stop_words >>= 1
    count[_D_TOKENS] = token_count


@jit
def _repetition(w, t, length, token_count, count):
    """Count repeated paragraphs, lines and n-grams."""
    head, tail = 0, length
    while head < tail and w.classes[head] & c.SPACE:
        head += 1
    while tail > head and w.classes[tail - 1] & c.SPACE:
        tail -= 1
    for breaks in range(1, 3):
        start, stop, place = (head, tail, _D_PARAGRAPHS) if breaks == 2 else (0, length, _D_TEXT_LINES)
        count[place], count[place + 1], count[place + 2] = _duplicates(
            w.points, w.sums, t.down, w.keys, start, stop, breaks, count[_D_LINES]
        )
    # a character of a script without spaces is about half a word, so its n-grams are twice as long
    scale = 2 if 2 * count[_D_UNSPACED] > count[_D_WORDS] else 1
    for n in range(2, 5):
        size, times = _top_ngram(w.hashes, w.ends, token_count, n * scale, w.keys, w.key_counts, w.order)
        count[_D_TOP_2 + n - 2] = size * times
        count[_D_TIMES_2 + n - 2] = times
    for n in range(5, 11):
        count[_D_DUP_5 + n - 5] = _duplicate_ngrams(w.ends, w.joined, t.down, token_count, n * scale, w.keys)


@jit
def _find_same_lines(w, t, length, lines, first_line, filled):
    """Fill in `same_as`, which held where the line starts."""
    mask = _clear(w.keys, filled - first_line)
    for number in range(first_line, filled):
        row = lines[number]
        start, stop = row[_L_SAME], row[_L_SAME] + row[_L_CHARS]
        if row[_L_CUT]:
            copy = length + 1
            stop = _without_citations(w.points, w.classes, start, stop + row[_L_CUT], copy)
            start = copy
            _prepare(w.points, w.classes, w.sums, t.up, t.classes, start, stop)
        key = _mix((w.sums[stop] - w.sums[start]) * t.down[start] + np.uint64(stop - start)) | np.uint64(1)
        slot = _slot(w.keys, mask, key)
        if w.keys[slot] == 0:
            w.keys[slot] = key
            w.key_counts[slot] = number - first_line
        row[_L_SAME] = w.key_counts[slot]


@jit
def score(data, starts, first_item, items, t, w, counts, lines):
    """Score every document.

    Args:
        data, starts, first_item, items: as `Texts` has them (`first` and `item`).
        t, w: tables, and scratch memory for the longest document, in which there are two line breaks
            between texts.
        counts: by document, shape (n, len(DOCUMENT_COLUMNS)), zeros; is filled in.
        lines: by line, shape (k, len(LINE_COLUMNS)), zeros; is filled in.

    Returns:
        How many rows of `lines` are filled.
    """
    filled = 0
    for document in range(len(first_item) - 1):
        count = counts[document]
        first, last = first_item[document], first_item[document + 1]
        length = 0
        for index in range(first, last):
            if starts[index] < starts[index + 1]:
                if length:
                    w.points[length] = w.points[length + 1] = ord("\n")
                    length += 2
                length = _decode(data, starts[index], starts[index + 1], w.points, length)
        if length == 0:
            continue
        _prepare(w.points, w.classes, w.sums, t.up, t.classes, 0, length)
        at, token_count, first_line = 0, 0, filled
        for index in range(first, last):
            if starts[index] < starts[index + 1]:
                if at:
                    at += 2
                    count[_D_LINES] += 1  # the blank one between items
                at, token_count, filled = _read_lines(
                    w, t, data, starts[index], starts[index + 1], at, length, document, items[index], count,
                    lines, filled, token_count,
                )  # fmt: skip
        _count_characters(w.points, length, count)
        _count_words(w, t, token_count, count)
        _repetition(w, t, length, token_count, count)
        _find_same_lines(w, t, length, lines, first_line, filled)
    return filled
