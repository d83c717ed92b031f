"""Documents that repeat themselves (Gopher: Rae et al. 2021, arXiv 2112.11446, Table A1)."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts


def _share(default: float, what: str) -> float | None:
    return Field(  # type: ignore[no-any-return]
        default=default, ge=0, le=1, description=f"{what} (Gopher, Table A1). None: not judged."
    )


class GopherRepetitionParams(BaseModel):
    """Largest share of a text that may be repetition."""

    max_duplicate_lines: float | None = _share(0.30, "Largest share of lines that repeat an earlier line")
    max_duplicate_paragraphs: float | None = _share(
        0.30, "Largest share of paragraphs (between blank lines) that repeat an earlier one"
    )
    max_duplicate_line_share: float | None = _share(0.20, "Largest share of characters in repeated lines")
    max_duplicate_paragraph_share: float | None = _share(
        0.20, "Largest share of characters in repeated paragraphs"
    )
    max_top_2gram: float | None = _share(0.20, "Largest share of characters in the most frequent 2-gram")
    max_top_3gram: float | None = _share(0.18, "Largest share of characters in the most frequent 3-gram")
    max_top_4gram: float | None = _share(0.16, "Largest share of characters in the most frequent 4-gram")
    min_top_ngram_count: int = Field(
        default=2,
        ge=1,
        description=(
            "How often the most frequent n-gram must occur to be judged. An n-gram that occurs once is no "
            "repetition, but fills much of a text of 20 words; datatrove judges it, too (1)."
        ),
    )
    max_duplicate_5gram: float | None = _share(0.15, "Largest share of characters in repeated 5-grams")
    max_duplicate_6gram: float | None = _share(0.14, "Largest share of characters in repeated 6-grams")
    max_duplicate_7gram: float | None = _share(0.13, "Largest share of characters in repeated 7-grams")
    max_duplicate_8gram: float | None = _share(0.12, "Largest share of characters in repeated 8-grams")
    max_duplicate_9gram: float | None = _share(0.11, "Largest share of characters in repeated 9-grams")
    max_duplicate_10gram: float | None = _share(0.10, "Largest share of characters in repeated 10-grams")


_PARTS = (
    (FilterReason.DUPLICATE_PARAGRAPHS, "max_duplicate_paragraphs", "duplicate_paragraphs_share"),
    (
        FilterReason.DUPLICATE_PARAGRAPHS,
        "max_duplicate_paragraph_share",
        "duplicate_paragraph_characters_share",
    ),
    (FilterReason.DUPLICATE_LINES, "max_duplicate_lines", "duplicate_lines_share"),
    (FilterReason.DUPLICATE_LINES, "max_duplicate_line_share", "duplicate_line_characters_share"),
)


def gopher_repetition(facts: TextFacts, params: GopherRepetitionParams) -> Iterator[Objection | Removal]:
    """No share of repeated paragraphs, lines or n-grams is above its maximum.

    The words of an n-gram are as `text_scores` counts them; in a text that is mostly in a script
    without spaces n-grams are twice as long, in characters, as their name says.
    """
    scores = facts.documents.scores
    for reason, parameter, name in _PARTS:
        most = getattr(params, parameter)
        if most is not None:
            yield Objection(reason, scores[name] > most, scores[name], most, name.replace("_", " "))
    for n in (2, 3, 4):
        most = getattr(params, f"max_top_{n}gram")
        if most is not None:
            share = scores[f"top_{n}gram_share"]
            repeated = scores[f"top_{n}gram_count"] >= params.min_top_ngram_count
            yield Objection(FilterReason.FREQUENT_NGRAM, repeated & (share > most), share, most, f"{n}-gram")
    for n in range(5, 11):
        most = getattr(params, f"max_duplicate_{n}gram")
        if most is not None:
            share = scores[f"duplicate_{n}gram_share"]
            yield Objection(FilterReason.DUPLICATE_NGRAMS, share > most, share, most, f"{n}-grams")
