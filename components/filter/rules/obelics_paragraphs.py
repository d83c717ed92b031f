"""Paragraphs that OBELICS takes out (Laurencon et al. 2023, arXiv 2306.16527, A.2; its code's configuration).

A paragraph is a text item. Where a language has no list of words, the bounds on such words don't hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Column, Removal, TextFacts


class ObelicsParagraphsParams(BaseModel):
    """Bounds of paragraphs. All off (null) by default: MINT-1T does not use them."""

    min_paragraph_words: int | None = Field(
        default=None, ge=0, description="Fewest words of a paragraph (OBELICS: 4)."
    )
    max_paragraph_words: int | None = Field(
        default=None, ge=1, description="Most words of a paragraph (OBELICS: 1,000)."
    )
    max_paragraph_character_repetition: float | None = Field(
        default=None, ge=0, le=1, description="Largest share of repeated character 10-grams (OBELICS: 0.1)."
    )
    max_paragraph_word_repetition: float | None = Field(
        default=None, ge=0, le=1, description="Largest share of repeated word 5-grams (OBELICS: 0.1)."
    )
    max_paragraph_special_characters: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of characters that are no letters, spaces included (OBELICS: 0.3).",
    )
    min_paragraph_stop_words: float | None = Field(
        default=None, ge=0, le=1, description="Least share of stop words (OBELICS: 0.3)."
    )
    max_paragraph_flagged_words: float | None = Field(
        default=None, ge=0, le=1, description="Largest share of flagged words (OBELICS: 0.01)."
    )
    min_paragraph_punctuation: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Least share of punctuation marks among words and marks (OBELICS: 0.001).",
    )
    min_tokens_for_punctuation: int = Field(
        default=12,
        ge=0,
        description="Words and marks from which min_paragraph_punctuation holds (OBELICS).",
    )
    min_paragraph_common_words: float | None = Field(
        default=None, ge=0, le=1, description="Least share of common words (OBELICS: 0.8)."
    )
    max_paragraph_spam_words: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of words of share buttons and the like that is too much (OBELICS: 0.12).",
    )


_MAXIMA: Final = (
    ("max_paragraph_character_repetition", FilterReason.PARAGRAPH_CHARACTER_REPETITION),
    ("max_paragraph_word_repetition", FilterReason.PARAGRAPH_WORD_REPETITION),
    ("max_paragraph_special_characters", FilterReason.PARAGRAPH_SPECIAL_CHARACTERS),
    ("max_paragraph_flagged_words", FilterReason.PARAGRAPH_FLAGGED_WORDS),
)
_MINIMA: Final = (
    ("min_paragraph_stop_words", FilterReason.PARAGRAPH_STOP_WORDS),
    ("min_paragraph_punctuation", FilterReason.PARAGRAPH_PUNCTUATION),
    ("min_paragraph_common_words", FilterReason.PARAGRAPH_COMMON_WORDS),
)


def obelics_paragraphs(facts: TextFacts, params: ObelicsParagraphsParams) -> Iterator[Removal]:
    """Every bound that is set holds for every paragraph."""
    items = facts.items
    for bound, below in ((params.min_paragraph_words, True), (params.max_paragraph_words, False)):
        if bound is not None:
            words = items["plain_words"]
            wrong = words < bound if below else words > bound
            yield Removal(FilterReason.PARAGRAPH_LENGTH, "items", wrong, bound)
    for name, reason in _MAXIMA:
        if (bound := getattr(params, name)) is not None:
            yield Removal(reason, "items", _share(facts, name) > bound, bound)
    for name, reason in _MINIMA:
        if (bound := getattr(params, name)) is not None:
            wrong = _share(facts, name) < bound
            if name == "min_paragraph_punctuation":
                wrong &= items["punctuation_tokens"] >= max(params.min_tokens_for_punctuation, 1)
            yield Removal(reason, "items", wrong, bound)
    if params.max_paragraph_spam_words is not None:
        wrong = _ratio(items["spam_listed_words"], items["plain_words"]) >= params.max_paragraph_spam_words
        yield Removal(FilterReason.PARAGRAPH_SPAM_WORDS, "items", wrong, params.max_paragraph_spam_words)


def _share(facts: TextFacts, name: str) -> Column:
    """What the parameter of this name is a bound of (32 bits as stored, or 64)."""
    items = facts.items
    words = items["plain_words"]
    match name.split("_paragraph_")[1]:
        case "character_repetition":
            return items["repeated_characters_share"]
        case "word_repetition":
            return items["repeated_words_share"]
        case "special_characters":
            return _ratio(items["special_characters"], items["text_characters"])
        case "punctuation":
            return _ratio(items["punctuation_marks"], items["punctuation_tokens"])
        case kind:
            return _ratio(items[f"{kind.removesuffix('_words')}_listed_words"], words)


def _ratio(part: Column, whole: Column) -> Column:
    """Part of whole in 64 bits; 0 of nothing, and not a number where the part is unknown."""
    return part.astype(np.float64) / np.maximum(whole, 1)
