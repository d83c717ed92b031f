"""What words alone can tell about a claim: whether a text covers it, and whether one clashes with it."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from components.core.claims import NUMBERS, STOP_WORDS, content_words, normal, specifics, words


def _list(words: str) -> list[str]:
    return words.split()


# words that carry a claim and are no part of what it claims
_CARRIERS: Final = frozenset(
    map(
        normal,
        _list(
            "named called titled known entitled dubbed identified photo photograph picture image shown shows "
            "show depicting depicts depicted featuring features featured seen see visible scene view taken "
            "captured made created located situated"
        ),
    )
)

_COLOURS: Final = frozenset(
    _list(
        "red orange yellow green blue purple pink brown black white grey gold silver beige tan turquoise "
        "cyan magenta teal maroon"
    )
)
_SHADES: Final = {
    "gray": "grey",
    "golden": "gold",
    "violet": "purple",
    "scarlet": "red",
    "crimson": "red",
    "navy": "blue",
}
_NEGATING: Final = frozenset({"no", "without"})
_PHRASE: Final = re.compile(r"[.,;:!?()\n]+")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a claim asks of its evidence.

    Attributes:
        words: content words, `normal`, without those that only carry the claim.
        specifics: names and figures among them.
    """

    words: frozenset[str]
    specifics: frozenset[str]

    @classmethod
    def of(cls, claim: str, *, opening: bool) -> Wanted:
        """What a claim asks; `opening`: whether it opens a sentence of its caption."""
        found = frozenset(specifics(claim, opening=opening))
        return cls(frozenset(content_words(claim)) - _CARRIERS | found, found)

    def coverage(self, *texts: str | None) -> float:
        """Share of the words that the texts have together, 0 to 1; 1 where there are none."""
        if not self.words:
            return 1.0
        return len(self.words & vocabulary(*texts)) / len(self.words)

    def named_in(self, text: str | None) -> bool:
        """Whether a text has all the names and figures, and there are any."""
        return bool(self.specifics) and self.specifics <= vocabulary(text)


def vocabulary(*texts: str | None) -> frozenset[str]:
    """All words of some texts, `normal`; compounds count in parts, too."""
    return frozenset().union(*(_vocabulary(text) for text in texts if text))


@functools.lru_cache(64)  # every claim of a caption asks the same texts
def _vocabulary(text: str) -> frozenset[str]:
    found: set[str] = set()
    for word in words(text.replace("_", " ")):
        found.add(normal(word))
        if "-" in word:
            found.update(normal(part) for part in word.split("-"))
    return frozenset(found)


@dataclass(slots=True)
class _Thing:
    """What a text says of the things that go by one noun."""

    colours: set[str]
    counts: list[int | None]  # one a mention; None: it does not say how many
    affirmed: bool = False
    denied: bool = False


def clash(claim: str, text: str | None) -> str | None:
    """How a text contradicts a claim about the same thing: `colour`, `number`, `negation`, or None.

    "A red square" clashes with "a blue square", "two dogs" with "three dogs", "no people" with "a crowd of
    people". A text that mentions a thing more than once, or without a number, leaves open how many there are.
    """
    if not text:
        return None
    said = _things(text)
    for noun, thing in _things(claim).items():
        other = said.get(noun)
        if other is None:
            continue
        if (thing.denied and not thing.affirmed and not other.denied) or (
            thing.affirmed and other.denied and not other.affirmed
        ):
            return "negation"
        if thing.denied or other.denied:
            continue
        if thing.colours and other.colours and not thing.colours & other.colours:
            return "colour"
        counts = {count for count in thing.counts if count is not None and count > 1}
        if counts and None not in other.counts:
            known = [count for count in other.counts if count is not None]
            if not counts & {*known, sum(known)}:
                return "number"
    return None


@functools.lru_cache(64)
def _things(text: str) -> dict[str, _Thing]:
    """Every content word of a text with the colours, numbers and negations in front of it."""
    found: dict[str, _Thing] = defaultdict(lambda: _Thing(set(), []))
    for phrase in _PHRASE.split(text):
        for noun, colours, count, denied in _mentions(phrase):
            thing = found[noun]
            thing.colours |= colours
            thing.counts.append(count)
            thing.affirmed |= not denied
            thing.denied |= denied
    return dict(found)


def _mentions(phrase: str) -> Iterator[tuple[str, frozenset[str], int | None, bool]]:
    colours: set[str] = set()
    count: int | None = None
    denied = False
    for word in words(phrase):
        small = word.lower()
        if small in _NEGATING:
            colours, count, denied = set(), None, True
        elif (colour := _SHADES.get(small, small)) in _COLOURS:
            colours.add(colour)
        elif small in {"a", "an", "one", "single"}:
            colours, count, denied = set(), 1, denied and small in {"single"}
        elif small in NUMBERS or word.isdecimal():
            colours, count = set(), int(NUMBERS.get(small, word))
        elif small == "and" and colours:
            continue  # "black and white"
        elif small in STOP_WORDS or (len(small) > 4 and small.endswith(("ing", "ed"))):
            colours, count, denied = set(), None, False  # a noun phrase ends
        else:
            yield normal(word), frozenset(colours), count, denied
