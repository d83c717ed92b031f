"""Texts beside an image, cut to a length between words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def one_line(text: str | None) -> str:
    """The text with all white space as single spaces; empty for None."""
    return " ".join((text or "").split())


def start_of(text: str, length: int) -> str:
    """At most `length` characters from the start, without the word that the cut goes through."""
    if len(text) <= length:
        return text
    return text[: length + 1].rpartition(" ")[0] or text[:length]


def end_of(text: str, length: int) -> str:
    """At most `length` characters from the end, without the word that the cut goes through."""
    if len(text) <= length:
        return text
    return text[-length - 1 :].partition(" ")[2] or text[-length:]


def nearby(items: Sequence[dict[str, Any]], position: int, length: int) -> tuple[str, str]:
    """The end of the nearest text before an item and the start of the nearest one after it.

    Args:
        items: all items of a document (schema `ITEM`).
        position: the item among them.
        length: characters of each, at most; 0: both are empty.
    """
    if not length:
        return "", ""
    before = next((item["text"] for item in reversed(items[:position]) if item["text"]), None)
    after = next((item["text"] for item in items[position + 1 :] if item["text"]), None)
    return end_of(one_line(before), length), start_of(one_line(after), length)
