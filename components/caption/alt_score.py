"""How much an alternative text says, by rules; whether it fits its image, they can't tell."""

from __future__ import annotations

import re
from typing import Final

from components.caption.alt_texts import clean, is_informative
from components.core.claims import content_words, specifics

_ADVERTISING: Final = re.compile(
    r"\b(?:buy (?:now|online|it)|click (?:here|to|for)|free shipping|shop now|order now|add to cart|sign up|"
    r"subscribe|newsletter|log ?in|on sale|sale:|best price|lowest price|coupon|cookies?|"
    r"advertis(?:ement|ing)|all rights reserved)\b|\d ?% off\b|[$€£]\s?\d",
    re.IGNORECASE,
)


def informativeness(alt: str) -> float:
    """How much an alternative text can tell about an image.

    Returns:
        0 for an advertisement and for what says nothing (`is_informative`); 1 for a name or at least two
        words of content; 0.5 for one word.
    """
    text = clean(alt)
    if _ADVERTISING.search(text) or not is_informative(text):
        return 0.0
    names = [name for name in specifics(text, opening=False) if name.isalpha()]
    return 1.0 if names or len(set(content_words(text))) > 1 else 0.5
