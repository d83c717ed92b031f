r"""The last steps of a text: ligatures, references, citations, spaces, Unicode NFC.

While a paper is read, references and citations stand in the text as marks, because a label's number
may only be known at the end; `finish` puts the numbers in. The marks are control characters that the
reader has removed from its input.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

CITATION: Final = "\x04"
LINE: Final = "\x03"
_REF_OPEN: Final = "\x05"
_REF_CLOSE: Final = "\x06"

_LIGATURE: Final = re.compile(r"---|--|``|''|,,|!`|\?`|[`']")
_LIGATURES: Final = {
    "---": "—", "--": "–", "``": "“", "''": "”", ",,": "„", "!`": "¡", "?`": "¿", "`": "‘", "'": "’",
}  # fmt: skip
_REFERENCE: Final = re.compile(r"\x05([^\x05\x06]*)\x06")
_CITED_IN_BRACKETS: Final = re.compile(
    r"\s*[(\[]\s*(?:see|see also|cf\.?|e\.g\.,?|i\.e\.,?|and|[,;\s])*\s*"
    r"\x04[\x04\s,;–-]*(?:and\s*\x04)?\s*[)\]]"
)
_CITED_IN_ROW: Final = re.compile(r"\x04(?:[ \t\n]*[,;–-]?[ \t\n]*\x04)+")
_CITED: Final = re.compile(r"[ \t\n]*\x04")
_UNKNOWN_IN_BRACKETS: Final = re.compile(r"\s*\(\s*\x07\s*\)")
_UNKNOWN: Final = re.compile(r"[ \t\n]*\x07")
_MAX_NESTED_COUNTERS: Final = 200
# white space other than one blank, which stays
_SPACES: Final = re.compile(r" [ \t\n\r\f\v\u00a0]+|[\t\n\r\f\v\u00a0][ \t\n\r\f\v\u00a0]*")
_LINES: Final = re.compile(r"[ \x03]*\x03[ \x03]*")
_KINDS: Final = {
    "section": "Section", "figure": "Figure", "table": "Table", "equation": "Equation",
    "chapter": "Chapter", "appendix": "Appendix", "item": "Item", "algorithm": "Algorithm",
    "footnote": "Footnote", "part": "Part", "listing": "Listing",
}  # fmt: skip


def ligatures(run: str) -> str:
    """A run of characters as TeX's text fonts show it: quotes and dashes."""
    return _LIGATURE.sub(lambda match: _LIGATURES[match[0]], run)


def reference(command: str, label: str) -> str:
    r"""The mark of a reference: `command` is `ref`, `eqref`, `cref` or `Cref`."""
    return f"{_REF_OPEN}{command}:{label}{_REF_CLOSE}"


@dataclass(slots=True)
class Labels:
    """Counters and what each label points to, as LaTeX numbers them."""

    numbers: dict[str, tuple[str, str]] = field(default_factory=dict)
    """label → (kind, printed number)"""
    counters: dict[str, int] = field(default_factory=dict)
    within: dict[str, str] = field(default_factory=dict)
    """counter → the counter that resets it and stands before it"""
    appendix: bool = False
    current: tuple[str, str] = ("", "")

    def step(self, counter: str, kind: str | None = None) -> str:
        """Count one up, reset what depends on it, and make it the target of the next label."""
        self.counters[counter] = self.counters.get(counter, 0) + 1
        pending = [counter]
        for _ in range(20):
            if not pending:
                break
            parent = pending.pop()
            for child, above in self.within.items():
                if above == parent and self.counters.get(child):
                    self.counters[child] = 0
                    pending.append(child)
        number = self.number(counter)
        self.current = (kind or counter, number)
        return number

    def nest(self, counter: str, above: str) -> None:
        """Have `above` reset `counter`. The number of such pairs is bounded, for each step looks at all."""
        if len(self.within) < _MAX_NESTED_COUNTERS:
            self.within[counter] = above

    def number(self, counter: str) -> str:
        """A counter as printed, for instance `3.2` or `A.1`."""
        parts: list[str] = []
        name: str | None = counter
        while name is not None and len(parts) < 8:
            value = self.counters.get(name, 0)
            above = self.within.get(name)
            lettered = self.appendix and name in {"section", "chapter"} and above is None
            if value or name == counter:
                parts.append(chr(64 + value) if lettered and 0 < value < 27 else str(value))
            name = above
        return ".".join(reversed(parts))

    def attach(self, label: str) -> None:
        """Have a label point to what was counted last."""
        if self.current[1]:
            self.numbers.setdefault(label, self.current)

    def resolve(self, command: str, label: str) -> str:
        """What a reference prints; the mark of an unknown one where the label has no number."""
        names = [name.strip() for name in label.split(",") if name.strip()][:20]
        found = [self.numbers[name] for name in names if name in self.numbers]
        if not found or len(found) < len(names):
            return "\x07"
        printed = [f"({number})" if command == "eqref" else number for _, number in found]
        text = printed[0] if len(printed) == 1 else ", ".join(printed[:-1]) + " and " + printed[-1]
        if command in {"cref", "Cref"}:
            word = _KINDS.get(found[0][0], found[0][0].capitalize())
            text = f"{word if command == 'Cref' else word.lower()}{'s' if len(found) > 1 else ''} {text}"
        return text


def tidy(text: str, *, lines: bool = False) -> str:
    """White space collapsed; forced line ends kept as `\\n` where `lines` is true."""
    text = _SPACES.sub(" ", text)
    if LINE in text:
        text = _LINES.sub("\n" if lines else " ", text)
    return text.strip(" \n")


def finish(text: str, labels: Labels) -> str:
    """Text as it is stored: references as numbers, citations gone with their brackets, NFC.

    A reference whose label has no number goes, with the space before it.
    """
    if _REF_OPEN in text:

        def number(match: re.Match[str]) -> str:
            command, _, label = match[1].partition(":")
            return labels.resolve(command, label)

        text = _REFERENCE.sub(number, text)
    if CITATION in text:
        text = _CITED_IN_BRACKETS.sub("", text)
        text = _CITED_IN_ROW.sub(CITATION, text)
        text = _CITED.sub("", text)
    if " [^" in text:
        text = text.replace(" [^", "[^")
    if "\x07" in text:
        text = _UNKNOWN.sub("", _UNKNOWN_IN_BRACKETS.sub("", text))
    if _REF_OPEN in text or _REF_CLOSE in text:
        text = text.replace(_REF_OPEN, "").replace(_REF_CLOSE, "")
    return unicodedata.normalize("NFC", text).strip()
