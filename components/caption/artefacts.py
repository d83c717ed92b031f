"""Sentences that a model copied from its prompt are removed, as BLIP3-KALE 2.3 does."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from components.core.claims import sentences


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A caption without artefacts.

    Attributes:
        text: what is left; empty where every sentence had one.
        removed: the sentences taken out, each with the keyword it was taken out for.
    """

    text: str
    removed: list[tuple[str, str]]


def without_artefacts(caption: str, keywords: Sequence[str], known: Sequence[str | None]) -> Cleaned:
    """Remove the sentences of a caption that have one of the keywords.

    Args:
        keywords: words or phrases; any case, a hyphen is as good as a space, a plural as the singular.
        known: texts that the model was given about the image: a keyword that one of them has is no artefact.
    """
    pattern = _pattern(tuple(keywords))
    if pattern is None or not pattern.search(caption):
        return Cleaned(caption, [])
    excused = {_key(match[0]) for text in known if text for match in pattern.finditer(text)}
    kept: list[str] = []
    removed: list[tuple[str, str]] = []
    for start, stop in sentences(caption):
        sentence = caption[start:stop]
        found = next((m[0] for m in pattern.finditer(sentence) if _key(m[0]) not in excused), None)
        if found is None:
            kept.append(sentence)
        else:
            removed.append((sentence, found))
    return Cleaned(" ".join(kept) if removed else caption, removed)


def _key(found: str) -> str:
    return re.sub(r"[\s-]+", " ", found.lower()).removesuffix("s")


@functools.lru_cache(maxsize=8)
def _pattern(keywords: tuple[str, ...]) -> re.Pattern[str] | None:
    phrases = [re.split(r"[\s-]+", keyword.strip()) for keyword in keywords if keyword.strip()]
    if not phrases:
        return None
    longest = sorted((r"[\s-]+".join(map(re.escape, parts)) for parts in phrases), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(longest)})s?(?!\w)", re.IGNORECASE)
