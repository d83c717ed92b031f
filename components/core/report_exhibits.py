"""Exhibits of a report: a picture beside texts whose parts are marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from components.core.report_pictures import Figure


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text.

    Attributes:
        text: the text.
        label: what is said of it, in a word or two; nothing: it is plain text.
        tone: the colour of a labelled one: pixels, alt_text, page or none. The label says the same.
        removed: whether it was taken out; it is struck through.
    """

    text: str
    label: str = ""
    tone: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A text under its name; where it is empty, `missing` is said in its place."""

    name: str
    spans: Sequence[Span]
    missing: str = "none"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A picture with texts beside it.

    Attributes:
        passages: the texts, in order.
        figure: the picture; None where it can't be shown.
        facts: short notes under the texts.
        folded: texts that are shown only on request.
        fold: what the request says.
        url: where the picture is from.
        identifier: of the record.
    """

    passages: Sequence[Passage]
    figure: Figure | None = None
    facts: Sequence[str] = ()
    folded: Sequence[Passage] = ()
    fold: str = "More"
    url: str = ""
    identifier: str = ""
    template: ClassVar[str] = "exhibit"
