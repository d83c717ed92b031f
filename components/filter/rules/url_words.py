"""Documents whose address says that they are pornography, gambling or the like."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, TextFacts


class UrlWordsParams(BaseModel):
    """Words that a page's address must not contain."""

    url_words: bool = Field(
        default=True,
        description=(
            "Drop documents whose address contains a strict or a hard word, or several soft ones, of this "
            "package's lists (RefinedWeb G.1, DCLM, MINT-1T). Words are compared whole, so that essex or "
            "therapist contain none; strict words are also found in compounds of ordinary words."
        ),
    )
    url_word_files: list[str] = Field(
        default=[],
        description=(
            "Further words: paths, file:// or s3:// addresses of texts with sections [strict], [hard], "
            "[soft] and [harmless]; words before the first section are hard."
        ),
    )
    min_soft_url_words: int = Field(
        default=2, ge=1, le=16, description="How many different soft words are too many (RefinedWeb G.1)."
    )


def url_words(facts: TextFacts, params: UrlWordsParams) -> Iterator[Objection]:
    """No strict word, no hard word, and fewer than min_soft_url_words different soft ones."""
    if not params.url_words:
        return
    # numba and the words themselves are for those that run the rule
    from components.filter.texts import string_buffers
    from components.filter.url_lists import HARD, SOFT, STRICT, flagged, load_words

    data, starts = string_buffers(pa.array([url or "" for url in facts.documents.url], pa.string()))
    found = flagged(data, starts, load_words(tuple(params.url_word_files)), params.min_soft_url_words)

    def word(row: int) -> str:
        url = facts.documents.url[row].encode()
        return url[found.start[row] : found.stop[row]].decode(errors="replace")

    yield Objection(
        FilterReason.URL_WORD,
        (found.what == STRICT) | (found.what == HARD),
        detail=lambda row: f"{word(row)!r} in the address",
    )
    yield Objection(
        FilterReason.URL_SOFT_WORDS,
        found.what == SOFT,
        np.full(len(found.what), float(params.min_soft_url_words)),
        params.min_soft_url_words,
        detail=lambda row: f"the last of them is {word(row)!r}",
    )
