"""Documents that are too short or too long."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts


class WordCountParams(BaseModel):
    """Bounds of the score `words` (see `text_scores`)."""

    min_words: int = Field(
        default=20,
        ge=0,
        description=(
            "Fewest words in a document's text, punctuation not counted. 20 is the floor Nemotron-CC-MM uses "
            "for interleaved text; the 50 of Gopher and of DCLM's RefinedWeb rules drops pages that are rich "
            "in captions. 0 switches the rule off."
        ),
    )
    max_words: int | None = Field(
        default=100_000,
        ge=1,
        description="Most words in a text (Gopher A.1.1; DCLM, refinedweb.yaml). None: any number.",
    )


def word_count(facts: TextFacts, params: WordCountParams) -> Iterator[Objection | Removal]:
    """min_words <= words <= max_words. An image by itself has no words: it is no interleaved document."""
    words = facts.documents.scores["words"]
    yield Objection(FilterReason.TOO_FEW_WORDS, words < params.min_words, words, params.min_words)
    if params.max_words is not None:
        yield Objection(FilterReason.TOO_MANY_WORDS, words > params.max_words, words, params.max_words)
