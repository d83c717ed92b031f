"""The pass over the UTF-8 bytes of a shard's texts that makes every score of words and lines.

One file, though long: numba compiles it as one function and caches it by this file's date, so what
it calls must not live elsewhere. Nothing in it allocates for each document.

A text is decoded to code points; a polynomial hash of all its prefixes gives the hash of any part of
it by one subtraction and one product, so that no word, line or n-gram is ever copied. Words are what
spaCy's rules for English make of a text (prefixes, suffixes and infixes are split off, contractions
and abbreviations are looked up), but that a character of a script without spaces is a word. All
integer arithmetic is modulo 2^64.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from components.filter import characters as c

jit = njit(cache=True, nogil=True, boundscheck=False, inline="never")

SPECIALS: Final = 4096
"""Slots of the table of words with pieces of their own."""
UNIT: Final = 1 << 30
"""Bit of a unit of measure, split off a number. Bits 0 to 14 are the lengths of up to three pieces, 15 and
16 how many pieces there are."""
STOP_WORD: Final = 1 << 17
"""Bit of the first of up to eight stop words."""
LONGEST_SPECIAL: Final = 12

DOCUMENT_COLUMNS: Final = (
    "words tokens unspaced_words word_characters characters lines hashes ellipses bullet_lines ellipsis_lines "
    "alpha_words stop_words newlines paragraphs duplicate_paragraphs duplicate_paragraph_characters text_lines "
    "duplicate_lines duplicate_line_characters top_2 top_3 top_4 dup_5 dup_6 dup_7 dup_8 dup_9 dup_10 "
    "times_2 times_3 times_4"
).split()
"""What a row of the kernel's first result counts."""
LINE_COLUMNS: Final = (
    "row item line cut same_as characters width tokens words longest_word sentences uppercase digits marks"
).split()
"""What a row of its second result counts; `marks` is a set of bits (`LINE_MARKS`)."""
LINE_MARKS: Final = (
    "cited ends_sentence ends_terminal lorem_ipsum javascript curly_bracket policy counter navigation"
).split()
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
                break
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
    for at in range(start, stop - 3):
        point = points[at]
        after = 0
        if point == ord(":") and points[at + 1] == ord("/") and points[at + 2] == ord("/") and at - start > 1:
            after = at + 3
        elif point == ord("@") and at > start:
            after = at + 1
        if after and _host(points, classes, after, stop):
            return True
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
    held = 0
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
    return count


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
def _duplicates(points, sums, down, keys, stop, breaks, most):
    """Parts of the text between runs of `breaks` or more line breaks that an earlier part equals.

    Returns how many parts there are, how many are duplicates, and the characters of these.
    """
    mask = _clear(keys, most)
    parts, duplicates, characters, at = 0, 0, 0, 0
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


@njit(cache=True, nogil=True, boundscheck=False)
def score(
    data, starts, first_item, items, table, up, down, special_keys, special_values, longest, most_lines
):
    """Score every document.

    Args:
        data, starts, first_item, items: as `Texts` has them (`first` and `item`).
        table: classes of code points (`characters.table`).
        up, down: powers of BASE and of its inverse.
        special_keys, special_values: words with pieces of their own, units and stop words.
        longest: no document has more characters, the line breaks between its texts counted.
        most_lines: no more rows come out for lines.

    Returns:
        Counts by document (n, len(DOCUMENT_COLUMNS)) and by line (k, len(LINE_COLUMNS)).
    """
    documents = len(first_item) - 1
    counts = np.zeros((documents, _D_COLUMNS), np.int64)
    lines = np.zeros((most_lines, _L_COLUMNS), np.int32)
    space = 2 * longest + 8
    points = np.zeros(space, np.uint32)
    classes = np.zeros(space, np.uint32)
    sums = np.zeros(space + 1, np.uint64)
    tokens = np.zeros((space, 2), np.int32)
    suffixes = np.zeros(space, np.int32)
    hashes = np.zeros(space, np.uint64)
    joined = np.zeros(space + 1, np.uint64)
    ends = np.zeros(space + 1, np.int64)
    size = 16
    while size < 2 * longest + 4:
        size *= 2
    keys = np.zeros(size, np.uint64)
    key_counts = np.zeros(size, np.int32)
    order = np.zeros((longest + 1, 2), np.int32)
    filled = 0
    for document in range(documents):
        count = counts[document]
        length = 0
        for index in range(first_item[document], first_item[document + 1]):
            if starts[index] == starts[index + 1]:
                continue
            if length:
                points[length] = ord("\n")
                points[length + 1] = ord("\n")
                length += 2
            length = _decode(data, starts[index], starts[index + 1], points, length)
        if length == 0:
            continue
        _prepare(points, classes, sums, up, table, 0, length)
        # lines of the document, and of each item
        token_count, first_line, item_start = 0, filled, 0
        index, line = first_item[document] - 1, 0
        item_end = -2
        at = 0
        while at <= length:
            if at > item_end:
                # the next item with text starts here: its length is what its bytes decode to
                index += 1
                while starts[index] == starts[index + 1]:
                    index += 1
                item_start = at
                item_end = at
                for byte in range(starts[index], starts[index + 1]):
                    item_end += 1 if data[byte] & 0xC0 != 0x80 else 0
                line = 0
            start = at
            while at < item_end and points[at] != ord("\n"):
                at += 1
            stop = at
            count[_D_LINES] += 1
            while start < stop and classes[start] & c.SPACE:
                start += 1
            while stop > start and classes[stop - 1] & c.SPACE:
                stop -= 1
            if start < stop:
                if points[start] == 0x2022 or points[start] == ord("-"):
                    count[_D_BULLETS] += 1
                if points[stop - 1] == 0x2026 or (
                    stop - start > 2
                    and points[stop - 1] == ord(".")
                    and points[stop - 2] == ord(".")
                    and points[stop - 3] == ord(".")
                ):
                    count[_D_ELLIPSIS_LINES] += 1
                row = lines[filled]
                row[_L_ROW], row[_L_ITEM], row[_L_LINE] = document, items[index], line
                before = token_count
                token_count, row[_L_WORDS], row[_L_LONGEST] = _split_line(
                    points,
                    classes,
                    sums,
                    down,
                    special_keys,
                    special_values,
                    start,
                    stop,
                    tokens,
                    before,
                    suffixes,
                )
                row[_L_TOKENS] = token_count - before
                row[_L_SENTENCES] = _sentences(classes, tokens, before, token_count)
                _score_line(points, classes, start, stop, row)
                row[_L_SAME] = start
                filled += 1
                # the line without its citations goes behind the text, as far as it has any
                end, source = length + 1, start
                while source < stop:
                    skipped = _citation(points, classes, source, stop)
                    if skipped:
                        source += skipped
                        continue
                    points[end] = points[source]
                    end += 1
                    source += 1
                if end - length - 1 < stop - start:
                    row[_L_MARKS] |= _CITED
                    other = lines[filled]
                    other[:_L_SENTENCES] = row[:_L_SENTENCES]
                    other[_L_CUT] = stop - start - (end - length - 1)
                    first = length + 1
                    _prepare(points, classes, sums, up, table, first, end)
                    after, _, _ = _split_line(
                        points, classes, sums, down, special_keys, special_values, first, end, tokens,
                        token_count, suffixes,
                    )  # fmt: skip
                    other[_L_TOKENS] = after - token_count
                    other[_L_SENTENCES] = _sentences(classes, tokens, token_count, after)
                    if end > first:
                        _score_line(points, classes, first, end, other)
                    other[_L_MARKS] |= _CITED
                    filled += 1
            line += 1
            if at < item_end:
                at += 1  # past the line break
            elif at < length:
                count[_D_LINES] += 1  # the blank line between items
                at += 2
            else:
                at += 1
        # characters
        for at in range(length):
            point = points[at]
            if point == ord("#"):
                count[_D_HASHES] += 1
            elif point == ord("\n"):
                count[_D_NEWLINES] += 1
            elif point == 0x2026:
                count[_D_ELLIPSES] += 1
        at = 0
        while at + 2 < length:
            if points[at] == ord(".") and points[at + 1] == ord(".") and points[at + 2] == ord("."):
                count[_D_ELLIPSES] += 1
                at += 2
            at += 1
        # words
        stop_words = 0
        for token in range(token_count):
            start, stop = tokens[token, 0], tokens[token, 1]
            seen, common = np.uint32(0), np.uint32(0xFFFFFFFF)
            for at in range(start, stop):
                seen |= classes[at]
                common &= classes[at]
            if not common & c.SYMBOL:
                count[_D_WORDS] += 1
                if seen & c.UNSPACED:
                    count[_D_UNSPACED] += 1
                else:
                    count[_D_WORD_CHARS] += stop - start
            count[_D_ALPHA] += 1 if seen & c.LETTER else 0
            if stop - start <= 4:
                value = _special(sums, down, special_keys, special_values, start, stop)
                stop_words |= value >> 17 & 0xFF
            hashes[token] = _mix((sums[stop] - sums[start]) * down[start])
            joined[token + 1] = joined[token] + (sums[stop] - sums[start]) * down[start] * up[ends[token]]
            ends[token + 1] = ends[token] + stop - start
        while stop_words:
            count[_D_STOPS] += stop_words & 1
            stop_words >>= 1
        count[_D_TOKENS] = token_count
        count[_D_CHARS] = length
        # repetition
        head, tail = 0, length
        while head < tail and classes[head] & c.SPACE:
            head += 1
        while tail > head and classes[tail - 1] & c.SPACE:
            tail -= 1
        parts = _duplicates(points[head:], sums[head:], down[head:], keys, tail - head, 2, count[_D_LINES])
        count[_D_PARAGRAPHS], count[_D_DUP_PARAGRAPHS], count[_D_DUP_PARAGRAPH_CHARS] = parts
        parts = _duplicates(points, sums, down, keys, length, 1, count[_D_LINES])
        count[_D_TEXT_LINES], count[_D_DUP_LINES], count[_D_DUP_LINE_CHARS] = parts
        # a character of a script without spaces is about half a word, so its n-grams are twice as long
        scale = 2 if 2 * count[_D_UNSPACED] > count[_D_WORDS] else 1
        for n in range(2, 5):
            size, times = _top_ngram(hashes, ends, token_count, n * scale, keys, key_counts, order)
            count[_D_TOP_2 + n - 2] = size * times
            count[_D_TIMES_2 + n - 2] = times
        for n in range(5, 11):
            count[_D_DUP_5 + n - 5] = _duplicate_ngrams(ends, joined, down, token_count, n * scale, keys)
        # lines that the document had before; `same_as` held where the line starts
        unique = _clear(keys, filled - first_line)
        for number in range(first_line, filled):
            row = lines[number]
            start, stop = row[_L_SAME], row[_L_SAME] + row[_L_CHARS]
            if row[_L_CUT]:
                end = length + 1
                source = start
                last = start + row[_L_CHARS] + row[_L_CUT]
                while source < last:
                    skipped = _citation(points, classes, source, last)
                    if skipped:
                        source += skipped
                    else:
                        points[end] = points[source]
                        end += 1
                        source += 1
                start, stop = length + 1, end
                _prepare(points, classes, sums, up, table, start, stop)
            key = _mix((sums[stop] - sums[start]) * down[start] + np.uint64(stop - start)) | np.uint64(1)
            slot = _slot(keys, unique, key)
            if keys[slot] == 0:
                keys[slot] = key
                key_counts[slot] = number - first_line
            row[_L_SAME] = key_counts[slot]
    return counts, lines[:filled]
