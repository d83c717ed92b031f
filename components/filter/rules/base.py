"""What a rule sees and what it answers.

A text rule is a generator in a file of its own, beside the pydantic class of its parameters. It sees
a whole shard as columns of numbers that the annotate stage stored, compares them with thresholds and
yields what it finds: an `Objection` to documents, or a `Removal` of lines or of text items. A finding
takes effect before the generator goes on, so that what it sums up next (`Lines.total`) is the text
that is left. It computes no score that costs anything and changes nothing itself.

An image rule is a function that looks at one image and answers with a `Verdict`, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from components.filter.reasons import FilterReason

Mask = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Documents:
    """The n documents of a shard, as columns of length n.

    Attributes:
        source: html, pdf, latex or image (strings, dtype object).
        url: address of the page, None where it has none (dtype object).
        language: ISO 639 code, None where the text has no letter or was not identified (dtype object).
        language_score: its probability, 0 to 1.
        scores: what the annotate stage stored: name to float64; not a number where a document has none.
    """

    source: Column
    url: Column
    language: Column
    language_score: Column
    scores: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, slots=True)
class Parts:
    """The text items of a shard, or their lines, in reading order: columns of length m.

    Attributes:
        row: row of the document in its shard, ascending.
        item: position of the text item among the document's items.
        documents: how many documents the shard has.
        columns: the other columns of `item_scores/1`.
        left: true where nothing has taken the part out so far; changes while rules run.
    """

    row: Column
    item: Column
    documents: int
    columns: Mapping[str, Column]
    left: Mask

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def total(self, values: Column | None = None) -> npt.NDArray[np.float64]:
        """Per document: the sum of `values` over the parts that are left, or how many there are."""
        weights = None if values is None else values[self.left]
        return np.bincount(self.row[self.left], weights, self.documents).astype(np.float64)

    def any(self, where: Mask) -> Mask:
        """Per document: does a part that is left satisfy `where`?"""
        return np.asarray(self.total(where) > 0)


@dataclass(frozen=True, slots=True)
class TextFacts:
    """A shard as text rules see it. `items` and `lines` are described in `item_scores/1`."""

    documents: Documents
    items: Parts
    lines: Parts


class Objection(NamedTuple):
    """Documents that are not wanted. Those that an earlier finding dropped stay with that one.

    Attributes:
        reason: what is wrong.
        wrong: the documents, shape (n,).
        score: what was held against `threshold`, shape (n,), where there is one.
        detail: one sentence for a person: the same for all, or made for the row of one that is dropped.
    """

    reason: FilterReason
    wrong: Mask
    score: Column | None = None
    threshold: float | None = None
    detail: str | Callable[[int], str] = ""


class Removal(NamedTuple):
    """Lines or text items to take out of their documents; those out already stay with that finding.

    Attributes:
        reason: what is wrong with them.
        what: which of `TextFacts.lines` and `TextFacts.items` the mask is about.
        wrong: the lines or items, shape (m,).
        threshold: what they were held against, where there is a threshold.
    """

    reason: FilterReason
    what: Literal["lines", "items"]
    wrong: Mask
    threshold: float | None = None


TextRule = Callable[[TextFacts, Any], Iterator[Objection | Removal]]
"""Judges all documents of a shard; the second argument is `DecideParams`."""


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """One document, as count rules see it.

    Attributes:
        source: html, pdf, latex or image.
    """

    source: str


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
    """An objection to one image, or to one document for its images.

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


ImageRule = Callable[[ImageFacts, Any], Verdict | None]
"""Judges one image item; the second argument is `DecideParams`."""
CountRule = Callable[[DocumentFacts, int, Any], Verdict | None]
"""Judges a document by how many images are left; the last argument is `DecideParams`."""
