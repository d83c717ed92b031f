"""RefinedWeb's line edits (Penedo et al. 2023, arXiv 2306.01116, G.2) with DCLM's numbers.

The numbers are those of DCLM's refinedweb.yaml. One thing differs: of a short line with a phrase of
navigation DCLM cuts the phrase; here the whole line is taken out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts


class RefinedWebParams(BaseModel):
    """Which lines are taken out of a text, and how much of a text may be."""

    max_uppercase_line: float | None = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Largest share of capitals in a line (DCLM, refinedweb.yaml). None: not judged.",
    )
    drop_numeric_lines: bool = Field(
        default=True, description="Take out lines of digits only (RefinedWeb, G.2)."
    )
    drop_counter_lines: bool = Field(
        default=True, description="Take out lines such as '3 likes' or '12.5k views' (RefinedWeb, G.2)."
    )
    min_line_words: int | None = Field(
        default=2, ge=1, description="Fewest words in a line (RefinedWeb, G.2: 2). None: not judged."
    )
    navigation_line_words: int | None = Field(
        default=10,
        ge=0,
        description=(
            "Lines of up to so many words are taken out where they start with Sign-in, end with Read more... "
            "or contain 'items in cart' (RefinedWeb, G.2). None: not judged."
        ),
    )
    max_removed_words: float | None = Field(
        default=0.05,
        ge=0,
        le=1,
        description=(
            "Largest share of words that these edits may take out of a document; one that loses more is "
            "dropped (RefinedWeb, G.2). None: any share."
        ),
    )


def refinedweb(facts: TextFacts, params: RefinedWebParams) -> Iterator[Objection | Removal]:
    """Lines of capitals, digits, counters, one word and navigation go; a text that loses many goes too."""
    lines = facts.lines
    before = lines.total(lines["words"])
    length = np.maximum(lines["characters"], 1)
    most = params.max_uppercase_line
    if most is not None:
        yield Removal(FilterReason.UPPERCASE_LINE, "lines", lines["uppercase"] / length > most, most)
    if params.drop_numeric_lines:
        yield Removal(FilterReason.NUMERIC_LINE, "lines", lines["digits"] == lines["characters"])
    if params.drop_counter_lines:
        yield Removal(FilterReason.COUNTER_LINE, "lines", lines["counter"])
    fewest = params.min_line_words
    if fewest is not None:
        yield Removal(FilterReason.ONE_WORD_LINE, "lines", lines["words"] < fewest, fewest)
    longest = params.navigation_line_words
    if longest is not None:
        short = lines["words"] <= longest
        yield Removal(FilterReason.NAVIGATION_LINE, "lines", lines["navigation"] & short, longest)
    if params.max_removed_words is not None:
        removed = 1 - lines.total(lines["words"]) / np.maximum(before, 1)
        removed[before == 0] = 0
        yield Objection(
            FilterReason.TOO_MUCH_REMOVED,
            removed > params.max_removed_words,
            removed,
            params.max_removed_words,
        )
