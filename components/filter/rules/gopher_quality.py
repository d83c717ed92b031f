"""Texts that are no prose (Gopher's quality rules: Rae et al. 2021, arXiv 2112.11446, A.1.1)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts


class GopherQualityParams(BaseModel):
    """Bounds for words, symbols and lines; the number of words is judged by `word_count`."""

    min_mean_word_length: float | None = Field(
        default=3.0, ge=0, description="Least mean length of words, characters (Gopher). None: not judged."
    )
    max_mean_word_length: float | None = Field(
        default=10.0, ge=0, description="Largest mean length of words, characters (Gopher). None: not judged."
    )
    max_symbol_share: float | None = Field(
        default=0.1,
        ge=0,
        description="Most hash signs a word, and most ellipses a word (Gopher). None: not judged.",
    )
    max_bullet_lines: float | None = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Largest share of lines that start with a bullet or a hyphen (Gopher). None: not judged.",
    )
    max_ellipsis_lines: float | None = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Largest share of lines that end with an ellipsis (Gopher). None: not judged.",
    )
    min_alphabetic_words: float | None = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Least share of words with a letter in them (Gopher). None: not judged.",
    )
    count_punctuation: bool = Field(
        default=False,
        description=(
            "For min_alphabetic_words, take punctuation marks for words without a letter, as datatrove does: "
            "that drops 78 of 604 web pages, most of them articles. False: they are no words, as for Gopher "
            "and DCLM, who split at white space; that drops 3."
        ),
    )
    min_stop_words: int | None = Field(
        default=2,
        ge=0,
        le=8,
        description=(
            "Fewest different words of {the, be, to, of, and, that, have, with} in an English text "
            "(Gopher). None: not judged."
        ),
    )


def gopher_quality(facts: TextFacts, params: GopherQualityParams) -> Iterator[Objection | Removal]:
    """All bounds hold. A text that is mostly in a script without spaces has no word length."""
    documents = facts.documents
    scores = documents.scores
    spaced = (scores["unspaced_share"] <= 0.5) & (scores["words"] > 0)
    length = scores["mean_word_length"]
    least, most = params.min_mean_word_length, params.max_mean_word_length
    if least is not None:
        yield Objection(FilterReason.WORD_LENGTH, spaced & (length < least), length, least)
    if most is not None:
        yield Objection(FilterReason.WORD_LENGTH, spaced & (length > most), length, most)
    for name, most, reason in (
        ("hash_share", params.max_symbol_share, FilterReason.TOO_MANY_SYMBOLS),
        ("ellipsis_share", params.max_symbol_share, FilterReason.TOO_MANY_SYMBOLS),
        ("bullet_lines_share", params.max_bullet_lines, FilterReason.BULLET_LINES),
        ("ellipsis_lines_share", params.max_ellipsis_lines, FilterReason.ELLIPSIS_LINES),
    ):
        if most is not None:
            yield Objection(reason, scores[name] > most, scores[name], most, name.replace("_", " "))
    if params.min_alphabetic_words is not None:
        share = scores["alpha_tokens_share" if params.count_punctuation else "alpha_words_share"]
        yield Objection(
            FilterReason.TOO_FEW_ALPHABETIC_WORDS,
            share < params.min_alphabetic_words,
            share,
            params.min_alphabetic_words,
        )
    if params.min_stop_words is not None:
        # the words are English; a text whose language nobody identified is taken for English
        english = np.isin(documents.language.astype(str), ["en", "None"])
        found = scores["stop_words"]
        yield Objection(
            FilterReason.TOO_FEW_STOP_WORDS,
            english & spaced & (found < params.min_stop_words),
            found,
            params.min_stop_words,
        )
