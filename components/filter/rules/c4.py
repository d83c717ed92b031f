"""C4's rules (Raffel et al. 2020, section 2.2; tensorflow_datasets c4_utils.py): lines, then documents."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts


class C4Params(BaseModel):
    """Which lines C4's rules take out of a text, and which texts they refuse. All off by default.

    MINT-1T does not use them; FineWeb uses all but the terminal punctuation.
    """

    c4_remove_citations: bool = Field(
        default=False, description="Take citations such as [12], [edit], [citation needed] out of lines (C4)."
    )
    c4_max_word_length: int | None = Field(
        default=None,
        ge=1,
        description="Longest word of a line that is kept, characters (C4: 1000). None: not judged.",
    )
    c4_terminal_punctuation: bool = Field(
        default=False,
        description="Take out lines that don't end in . ! ? or a quotation mark, or end in an ellipsis (C4).",
    )
    c4_min_words_per_line: int | None = Field(
        default=None, ge=1, description="Fewest words of a line that is kept (C4: 3). None: not judged."
    )
    c4_lorem_ipsum: bool = Field(default=False, description="Drop documents with 'lorem ipsum' in them (C4).")
    c4_javascript: bool = Field(default=False, description="Take out lines that name JavaScript (C4).")
    c4_curly_bracket: bool = Field(default=False, description="Drop documents with a { in them (C4).")
    c4_policy: bool = Field(
        default=False,
        description="Take out lines about terms of use, privacy policies and cookies (C4's code).",
    )
    c4_min_sentences: int | None = Field(
        default=None,
        ge=1,
        description="Fewest sentences in the lines that are left (C4: 5). None: not judged.",
    )


def c4(facts: TextFacts, params: C4Params) -> Iterator[Objection | Removal]:
    """C4's order: a line that an earlier rule took out is no reason for a later one.

    A text whose brackets or filler words stand in lines that are out anyway is not dropped for them.
    """
    lines = facts.lines
    longest, fewest = params.c4_max_word_length, params.c4_min_words_per_line
    if longest is not None:
        yield Removal(FilterReason.LONG_WORD_LINE, "lines", lines["longest_word"] > longest, longest)
    if params.c4_terminal_punctuation:
        yield Removal(FilterReason.UNFINISHED_LINE, "lines", ~lines["ends_sentence"])
    if fewest is not None:
        yield Removal(FilterReason.SHORT_LINE, "lines", lines["words"] < fewest, fewest)
    if params.c4_lorem_ipsum:
        yield Objection(FilterReason.LOREM_IPSUM, lines.any(lines["lorem_ipsum"]))
    if params.c4_javascript:
        yield Removal(FilterReason.JAVASCRIPT_LINE, "lines", lines["javascript"])
    if params.c4_curly_bracket:
        yield Objection(FilterReason.CURLY_BRACKET, lines.any(lines["curly_bracket"]))
    if params.c4_policy:
        yield Removal(FilterReason.POLICY_LINE, "lines", lines["policy"])
    if params.c4_min_sentences is not None:
        sentences = lines.total(lines["sentences"])
        yield Objection(
            FilterReason.TOO_FEW_SENTENCES,
            sentences < params.c4_min_sentences,
            sentences,
            params.c4_min_sentences,
        )
