"""Classes of characters, as one table of bits by code point, for kernels that read text as numbers."""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.scripts import UNSPACED as UNSPACED_PATTERN

SPACE: Final = 1 << 0
LETTER: Final = 1 << 1
LOWER: Final = 1 << 2
"""A letter in lower case, or of a script that knows no case."""
UPPER: Final = 1 << 3
"""A letter in upper case, or of a script that knows no case."""
CAPITAL: Final = 1 << 4
"""A letter in upper case."""
ASCII_DIGIT: Final = 1 << 5
DIGIT: Final = 1 << 6
ICON: Final = 1 << 7
"""A symbol that is a word of its own: arrows, emoji, dingbats (Unicode category So)."""
QUOTE: Final = 1 << 8
MARK: Final = 1 << 9
"""Punctuation that is split off the words around it."""
PREFIX: Final = 1 << 10
SUFFIX: Final = 1 << 11
CURRENCY: Final = 1 << 12
SYMBOL: Final = 1 << 13
"""A character that makes no word: a token of these only is not counted as one (datatrove's set)."""
PUNCTUATION: Final = 1 << 14
"""Unicode category P."""
STOP: Final = 1 << 15
"""Ends a sentence (Unicode property Sentence_Terminal)."""
TERMINAL: Final = 1 << 16
"""Ends a line that is a sentence (FineWeb's set: STOP and a few more)."""
UNSPACED: Final = 1 << 17
"""Of a script without spaces: a word of its own."""

SIZE: Final = 0x20000
"""Code points the table covers; those above are Han, private, or tags."""

_QUOTES: Final = "'\"\u201d\u201c`\u2018\u00b4\u2019\u201a,\u201e»«「」『』（）〔〕【】《》〈〉\u2329\u232a⟦⟧"
_MARKS: Final = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
_PREFIXES: Final = "§%=—–"
_SUFFIXES: Final = "—–"
_SYMBOLS: Final = (
    "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»"
    + "".join(map(chr, [*range(9), 11, 12, *range(13, 32), *range(127, 160)]))
)
_STOPS: Final = (
    "!.?\u0589\u061f\u06d4\u0700-\u0702\u07f9\u0964-\u0965\u104a-\u104b\u1362\u1367-\u1368\u166e\u1735-\u1736"
    "\u1803\u1809\u1944-\u1945\u1aa8-\u1aab\u1b5a-\u1b5b\u1b5e-\u1b5f\u1c3b-\u1c3c\u1c7e-\u1c7f\u203c-\u203d"
    "\u2047-\u2049\u2e2e\u2e3c\u3002\ua4ff\ua60e-\ua60f\ua6f3\ua6f7\ua876-\ua877\ua8ce-\ua8cf\ua92f"
    "\ua9c8-\ua9c9\uaa5d-\uaa5f\uaaf0-\uaaf1\uabeb\ufe52\ufe56-\ufe57\uff01\uff0e\uff1f\uff61"
    "\U00010a56-\U00010a57\U00011047-\U00011048\U000110be-\U000110c1\U00011141-\U00011143"
    "\U000111c5-\U000111c6\U000111cd\U000111de-\U000111df\U00011238-\U00011239\U0001123b-\U0001123c"
    "\U000112a9\U0001144b-\U0001144c\U000115c2-\U000115c3\U000115c9-\U000115d7\U00011641-\U00011642"
    "\U0001173c-\U0001173e\U00011a42-\U00011a43\U00011a9b-\U00011a9c\U00011c41-\U00011c42"
    "\U00016a6e-\U00016a6f\U00016af5\U00016b37-\U00016b38\U00016b44\U0001bc9f\U0001da88"
)
_MORE_TERMINALS: Final = (
    "\u061d-\u061e\u0837\u0839\u083d-\u083e\u17d4-\u17d6\u17d9-\u17da\u1b7d-\u1b7e\u2e53-\u2e54"
    "\U00010f55-\U00010f59\U00010f86-\U00010f89\U00011944\U00011946\U00011ef7-\U00011ef8"
    "\U00011f43-\U00011f44\U00016e98"
)


def _expand(ranges: str) -> list[int]:
    """The code points of a string in which a hyphen between two characters means all in between."""
    points: list[int] = []
    index = 0
    while index < len(ranges):
        first = ord(ranges[index])
        if ranges[index + 1 : index + 2] == "-":
            points.extend(range(first, ord(ranges[index + 2]) + 1))
            index += 3
        else:
            points.append(first)
            index += 1
    return points


@functools.cache
def table() -> npt.NDArray[np.uint32]:
    """The classes of every code point below `SIZE`, as bits."""
    bits = [0] * SIZE
    for point in range(SIZE):
        character = chr(point)
        category = unicodedata.category(character)
        bit = 0
        if character.isalpha():
            cased = character.isupper() or category == "Lt"
            lower = character.islower()
            bit |= LETTER | (0 if cased else LOWER) | (0 if lower else UPPER)
        if character.isupper():
            bit |= CAPITAL
        if character.isdigit():
            bit |= DIGIT
        if character.isspace():
            bit |= SPACE
        if category == "So":
            bit |= ICON | PREFIX | SUFFIX
        elif category == "Sc":
            bit |= CURRENCY | PREFIX
        elif category[0] == "P":
            bit |= PUNCTUATION
        bits[point] = bit
    for points, bit in (
        (range(ord("0"), ord("9") + 1), ASCII_DIGIT),
        (map(ord, _QUOTES), QUOTE | PREFIX | SUFFIX),
        (map(ord, _MARKS), MARK | PREFIX | SUFFIX),
        (map(ord, _PREFIXES), PREFIX),
        (map(ord, _SUFFIXES), SUFFIX),
        (map(ord, _SYMBOLS), SYMBOL),
        (_expand(_STOPS), STOP | TERMINAL | SYMBOL),
        (_expand(_MORE_TERMINALS), TERMINAL | SYMBOL),
        ([p for p in range(SIZE) if UNSPACED_PATTERN.match(chr(p))], UNSPACED),
    ):
        for point in points:
            bits[point] |= bit
    return np.array(bits, np.uint32)
