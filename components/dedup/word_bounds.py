"""Word-break classes of characters, for the default word boundaries of Unicode (UAX #29, section 4).

The classes follow from general categories and from the short lists that UAX #29 prints in its
table 3, not from the data file behind it: of the characters of Unicode 14 they differ for some twenty
rare signs. White space ends a token and is no part of one, also where a combining mark follows it.
"""

from __future__ import annotations

import functools
import unicodedata
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.scripts import UNSPACED


class WordBreak(IntEnum):
    """What a character does at a word boundary; `OTHER` stands alone, as punctuation and ideographs do."""

    OTHER = 0
    SPACE = 1
    LETTER = 2
    NUMERIC = 3
    KATAKANA = 4
    EXTEND_NUM_LET = 5
    MID_LETTER = 6
    MID_NUM = 7
    MID_NUM_LET = 8
    EXTEND = 9
    JOINER = 10
    FLAG = 11
    PICTOGRAPH = 12
    HEBREW = 13
    SINGLE_QUOTE = 14
    DOUBLE_QUOTE = 15


TABLE_SIZE: Final = 0x20000
"""Code points that have an entry; those above are ideographs, or marks from `TAGS` on."""
TAGS: Final = 0xE0000
"""From here on there are tags and variation selectors, which extend what they follow."""

_LETTER_CATEGORIES: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nl"})
_LISTED: Final[dict[WordBreak, str]] = {
    WordBreak.MID_LETTER: ":\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a",
    WordBreak.MID_NUM: ",;\u037e\u0589\u060c\u060d\u066c\u07f8\u2044\ufe50\ufe54\uff0c\uff1b",
    WordBreak.NUMERIC: "\u066b\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u08e2",
    WordBreak.MID_NUM_LET: ".\u2018\u2019\u2024\ufe52\uff07\uff0e",
    WordBreak.SINGLE_QUOTE: "'",
    WordBreak.DOUBLE_QUOTE: '"',
    WordBreak.EXTEND_NUM_LET: "\u202f",
    WordBreak.JOINER: "\u200d",
    WordBreak.LETTER: "\u02c2\u02c3\u02c4\u02c5\u02d2\u02d3\u02d4\u02d5\u02d6\u02d7\u02de\u02df\u055a\u055b"
    "\u055c\u055e\u058a\u05f3\u00b8\u02ed\u3005\ua720\ua721\ua789\ua78a\uab5b",
    WordBreak.KATAKANA: "\u3031\u3032\u3033\u3034\u3035\u309b\u309c\u30a0\u30fc\uff70",
    WordBreak.EXTEND: "\uff9e\uff9f",
    WordBreak.OTHER: "\u200b",
}
_RANGES: Final[tuple[tuple[int, int, WordBreak], ...]] = (
    (0x02E5, 0x02EC, WordBreak.LETTER),
    (0x02EF, 0x0300, WordBreak.LETTER),
    (0xA708, 0xA717, WordBreak.LETTER),
    (0x32D0, 0x32FF, WordBreak.KATAKANA),
    (0x3300, 0x3358, WordBreak.KATAKANA),
    (0x24B6, 0x24EA, WordBreak.LETTER),  # circled letters
    (0x1F130, 0x1F14A, WordBreak.LETTER),
    (0x1F150, 0x1F16A, WordBreak.LETTER),
    (0x1F170, 0x1F18A, WordBreak.LETTER),
    (0x1F1E6, 0x1F200, WordBreak.FLAG),
    (0x1F3FB, 0x1F400, WordBreak.EXTEND),  # skin tones
    (0x2600, 0x27C0, WordBreak.PICTOGRAPH),
    (0x1F200, 0x1F3FB, WordBreak.PICTOGRAPH),
    (0x1F400, 0x1FB00, WordBreak.PICTOGRAPH),
)
_ALONE: Final = (
    (0x1950, 0x19E0),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AB0),  # Tai Tham
    (0xA9E0, 0xAA00),  # Myanmar, extended
    (0xAA60, 0xAAE0),  # Myanmar, extended; Tai Viet
    (0x11700, 0x11740),  # Ahom
    (0x17000, 0x18D80),  # Tangut, Khitan
    (0x1B000, 0x1B300),  # kana, supplement; Nushu
)
"""Further letters that stand alone, like those of `UNSPACED`: their scripts write no spaces."""


def _class_of(character: str) -> WordBreak:
    category = unicodedata.category(character)
    if character.isspace():
        return WordBreak.SPACE
    if category in ("Mn", "Me", "Mc", "Cf") or character == "\u200c":
        return WordBreak.EXTEND
    if category == "Nd":
        return WordBreak.NUMERIC
    if category == "Pc":
        return WordBreak.EXTEND_NUM_LET
    if category in _LETTER_CATEGORIES:
        name = unicodedata.name(character, "")
        if "KATAKANA" in name:
            return WordBreak.KATAKANA
        if "HIRAGANA" in name or UNSPACED.match(character) or _stands_alone(character):
            return WordBreak.OTHER
        return (
            WordBreak.HEBREW
            if name.startswith(("HEBREW LETTER", "HEBREW YOD", "HEBREW LIGATURE"))
            else WordBreak.LETTER
        )
    return WordBreak.OTHER


def _stands_alone(character: str) -> bool:
    return any(first <= ord(character) < stop for first, stop in _ALONE)


@functools.cache
def word_break_classes() -> npt.NDArray[np.uint8]:
    """The class of every code point below `TABLE_SIZE`, shape (TABLE_SIZE,)."""
    table = np.array([_class_of(chr(code)) for code in range(TABLE_SIZE)], np.uint8)
    for first, stop, kind in _RANGES:
        span = table[first:stop]
        span[span == WordBreak.OTHER] = kind
    for kind, characters in _LISTED.items():
        table[[ord(character) for character in characters]] = kind
    table.setflags(write=False)
    return table
