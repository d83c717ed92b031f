"""Documents that are too short or too long."""

from __future__ import annotations

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import DocumentFacts, Verdict


class WordCountParams(BaseModel):
    """Bounds of the score `words` (see `text_scores.word_statistics`)."""

    min_words: int = Field(
        default=20,
        ge=0,
        description=(
            "Fewest words in a document's text. 20 is the floor Nemotron-CC-MM uses for interleaved text; "
            "the 50 of DCLM's RefinedWeb rules drops pages that are rich in captions."
        ),
    )
    max_words: int = Field(
        default=100_000,
        ge=1,
        description="Most words in a document's text (DCLM, refinedweb.yaml).",
    )


def word_count(document: DocumentFacts, params: WordCountParams) -> Verdict | None:
    """min_words <= words <= max_words. An image by itself has no words: it is no interleaved document."""
    words = document.scores["words"]
    if words < params.min_words:
        return Verdict(FilterReason.TOO_FEW_WORDS, words, params.min_words)
    if words > params.max_words:
        return Verdict(FilterReason.TOO_MANY_WORDS, words, params.max_words)
    return None
