"""Documents that lost all their text to rules that take out lines or paragraphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, Removal, TextFacts


def text_left(facts: TextFacts, params: Any) -> Iterator[Objection | Removal]:
    """A document that had a line has one. It has no parameter: one without text was not meant to be kept."""
    del params
    lines = facts.lines
    had = np.bincount(lines.row, minlength=lines.documents) > 0
    yield Objection(FilterReason.NO_TEXT_LEFT, had & (lines.total() == 0))
