"""The text of a document as deduplication sees it."""

from __future__ import annotations

import unicodedata

import pyarrow as pa

from components.core.columns import texts
from components.core.scripts import UNSPACED


def normalise(text: str) -> str:
    """NFC, with every run of white space as one space, none at the ends. Case is kept."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def spaced(normalised: str) -> str:
    """A normalised text with one space between all its words, also of scripts that write none."""
    if normalised.isascii() or not UNSPACED.search(normalised):
        return normalised
    return " ".join(UNSPACED.sub(r" \g<0> ", normalised).split())


def normalised_texts(documents: pa.Table) -> list[str]:
    """The normalised text of every document of a `documents/1` table: its text items in order."""
    return [normalise(text) for text in texts(documents)]
