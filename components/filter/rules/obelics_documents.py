"""Documents that OBELICS drops for their text (Laurencon et al. 2023, arXiv 2306.16527, A.2).

Shares are those of the text that earlier rules left; repetition is that of the whole text, for an
n-gram can be counted only where the text is read. OBELICS' bound on KenLM perplexity is not here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Column, Objection, TextFacts


class ObelicsDocumentsParams(BaseModel):
    """Bounds of documents. All off (null) by default: MINT-1T does not use them."""

    max_character_repetition: float | None = Field(
        default=None, ge=0, le=1, description="Largest share of repeated character 10-grams (OBELICS: 0.1)."
    )
    max_word_repetition: float | None = Field(
        default=None, ge=0, le=1, description="Largest share of repeated word 5-grams (OBELICS: 0.2)."
    )
    max_special_characters: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of characters that are no letters, spaces included (OBELICS: 0.275).",
    )
    min_stop_words_share: float | None = Field(
        default=None, ge=0, le=1, description="Least share of stop words (OBELICS: 0.35)."
    )
    max_flagged_words: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of flagged words (OBELICS: 0.01), in languages that have a list.",
    )
    min_punctuation: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Least share of punctuation marks among words and marks (OBELICS: 0.03).",
    )
    min_common_words: float | None = Field(
        default=None, ge=0, le=1, description="Least share of common words (OBELICS: 0.9)."
    )


def obelics_documents(facts: TextFacts, params: ObelicsDocumentsParams) -> Iterator[Objection]:
    """Every bound that is set holds for the document."""
    scores = facts.documents.scores
    for name, reason, bound in (
        ("repeated_characters_share", FilterReason.CHARACTER_REPETITION, params.max_character_repetition),
        ("repeated_words_share", FilterReason.WORD_REPETITION, params.max_word_repetition),
    ):
        if bound is not None:
            yield Objection(reason, scores[name] > bound, scores[name], bound)
    if params.max_special_characters is not None:
        # a blank line joins the items, as OBELICS joins its paragraphs
        joints = 2 * np.maximum(facts.items.total() - 1, 0)
        share = _share(facts, "special_characters", "text_characters", joints)
        wrong = share > params.max_special_characters
        yield Objection(FilterReason.SPECIAL_CHARACTERS, wrong, share, params.max_special_characters)
    if params.max_flagged_words is not None:
        share = _share(facts, "flagged_listed_words", "plain_words")
        wrong = share > params.max_flagged_words
        yield Objection(FilterReason.FLAGGED_WORDS, wrong, share, params.max_flagged_words)
    for part, whole, reason, bound in (
        ("stop_listed_words", "plain_words", FilterReason.TOO_FEW_STOP_WORDS, params.min_stop_words_share),
        ("punctuation_marks", "punctuation_tokens", FilterReason.PUNCTUATION, params.min_punctuation),
        ("common_listed_words", "plain_words", FilterReason.COMMON_WORDS, params.min_common_words),
    ):
        if bound is not None:
            share = _share(facts, part, whole)
            yield Objection(reason, share < bound, share, bound)


def _share(facts: TextFacts, part: str, whole: str, more: Column | float = 0.0) -> Column:
    """A sum over the items that are left, of another; not a number where it is unknown.

    Args:
        more: what is added to both.
    """
    items = facts.items
    return (items.total(items[part]) + more) / np.maximum(items.total(items[whole]) + more, 1)
