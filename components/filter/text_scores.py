"""Scores of a document's text. Each is a number with a name; none is compared with anything here."""

from __future__ import annotations

import re
from typing import Final

from components.core.scripts import UNSPACED

WORD: Final = re.compile(r"\w+(?:['\u2019]\w+)*")
"""Letters and digits, with an apostrophe inside: punctuation is no word (DCLM counts so, too)."""


def word_statistics(text: str) -> dict[str, float]:
    """Scores of a text.

    Returns:
        `words`: how many words; `mean_word_length`: their mean length in characters, 0 where there
        is none; `characters`: the text's length in characters.
    """
    unspaced = 0
    spaced_text = text
    if not text.isascii():
        spaced_text, unspaced = UNSPACED.subn(" ", text)
    words = WORD.findall(spaced_text)
    count = len(words) + unspaced
    letters = len("".join(words)) + unspaced
    return {
        "words": float(count),
        "mean_word_length": round(letters / count, 4) if count else 0.0,
        "characters": float(len(text)),
    }
