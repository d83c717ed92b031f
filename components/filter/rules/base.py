"""What a rule sees and what it answers.

A rule is a function in a file of its own, beside the pydantic class of its parameters. It looks at
one document or one image, compares a stored score with a threshold, and answers with a `Verdict`
or, where it has no objection, with None. It changes nothing and computes no score that costs
anything: scores are made by the annotate stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from components.filter.reasons import FilterReason


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """A document as rules see it.

    Attributes:
        source: html, pdf, latex or image.
        language: ISO 639 code, None where the text has no letter.
        language_score: its probability, 0 to 1.
        scores: what the annotate stage stored.
    """

    source: str
    language: str | None
    language_score: float
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image item as rules see it.

    Attributes:
        source: html, pdf, latex or image.
        url: its address, None where it has none.
        width, height: pixels, None where unknown.
        has_bytes: whether its bytes are stored; None before anything was fetched.
        scores: what was stored about it; empty before anything was fetched.
    """

    source: str
    url: str | None
    width: int | None
    height: int | None
    has_bytes: bool | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


class Verdict(NamedTuple):
    """An objection.

    Attributes:
        reason: what is wrong.
        score: the value that was held against `threshold`, where there is one.
        detail: one sentence for a person; empty where score and threshold say it all.
        scope: of an image rule: take the image out, or drop the whole document.
    """

    reason: FilterReason
    score: float | None = None
    threshold: float | None = None
    detail: str = ""
    scope: Literal["image", "document"] = "image"


DocumentRule = Callable[[DocumentFacts, Any], Verdict | None]
"""Judges a document by its annotations; the second argument is `DecideParams`."""
ImageRule = Callable[[ImageFacts, Any], Verdict | None]
"""Judges one image item; the second argument is `DecideParams`."""
CountRule = Callable[[DocumentFacts, int, Any], Verdict | None]
"""Judges a document by how many images are left; the last argument is `DecideParams`."""
