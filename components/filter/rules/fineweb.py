"""FineWeb's own rules (Penedo et al. 2024, arXiv 2406.17557, 3.6), for the lines that are left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Parts, Removal, TextFacts


class FineWebParams(BaseModel):
    """Bounds for lines. All off by default: MINT-1T does not use them."""

    min_terminal_lines: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Least share of lines that end in punctuation (FineWeb: 0.12). None: not judged.",
    )
    max_short_lines: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of short lines (FineWeb: 0.67). None: not judged.",
    )
    short_line_length: int = Field(
        default=30,
        ge=0,
        description=(
            "Characters up to which a line is short (FineWeb). One of a script without spaces counts twice."
        ),
    )
    max_duplicate_line_characters: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Largest share of characters in lines that repeat one (FineWeb: 0.01). None: not judged.",
    )
    max_line_breaks_per_word: float | None = Field(
        default=None,
        ge=0,
        description="Most line breaks a word; above it a text is a list (FineWeb: 0.3). None: not judged.",
    )


def fineweb(facts: TextFacts, params: FineWebParams) -> Iterator[Objection | Removal]:
    """The bounds hold for the text that line edits left.

    Where C4's rule for short lines is on, blank lines are no lines any more: their breaks don't count.
    """
    lines = facts.lines
    count = lines.total()
    some = np.maximum(count, 1)
    if params.min_terminal_lines is not None:
        share = lines.total(lines["ends_terminal"]) / some
        wrong = (count > 0) & (share < params.min_terminal_lines)
        yield Objection(FilterReason.LINE_PUNCTUATION, wrong, share, params.min_terminal_lines)
    if params.max_short_lines is not None:
        share = lines.total(lines["width"] <= params.short_line_length) / some
        yield Objection(
            FilterReason.SHORT_LINES, share > params.max_short_lines, share, params.max_short_lines
        )
    if params.max_duplicate_line_characters is not None:
        most = params.max_duplicate_line_characters
        characters = lines.total(lines["characters"])
        share = lines.total(lines["characters"] * _repeats(lines)) / np.maximum(characters, 1)
        yield Objection(FilterReason.DUPLICATE_LINE_CHARACTERS, share > most, share, most)
    if params.max_line_breaks_per_word is not None:
        if getattr(params, "c4_min_words_per_line", None) is not None:
            breaks = count - 1
        else:
            all_lines = np.bincount(lines.row, minlength=lines.documents)
            breaks = facts.documents.scores["newlines"] - (all_lines - count)
        share = breaks / np.maximum(lines.total(lines["tokens"]), 1)
        most = params.max_line_breaks_per_word
        yield Objection(FilterReason.LIST_LIKE, (count > 0) & (share > most), share, most)


def _repeats(lines: Parts) -> np.ndarray:
    """True for a line that is left and equals an earlier one of its document that is left."""
    left = np.flatnonzero(lines.left)
    repeats = np.zeros(len(lines.left), np.bool_)
    _, firsts = np.unique(lines["same_as"][left], return_index=True)
    repeats[left] = True
    repeats[left[firsts]] = False
    return repeats
