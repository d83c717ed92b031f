"""The data set of the forgeries that the step `synthesize` makes, as all steps after it know it."""

from __future__ import annotations

from typing import Final

PSEUDO_FAKES: Final = "pseudo-fakes"
