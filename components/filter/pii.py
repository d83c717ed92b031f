"""Personal data in texts: e-mail addresses, public IPv4 addresses and telephone numbers.

What FineWeb replaces (datatrove, `PIIFormatter`) is replaced here by the same placeholders, with three
differences: capitals and accented letters count as letters of an e-mail address, a dotted number of
five parts or more is no IP address, and which placeholder stands for an address follows from the
address itself, so that a run can be repeated. Telephone numbers are an addition, off by default.

A whole shard is searched at once: positions at which something may be found (an `@`, three dots
between digits, ...) come out of a few comparisons over the Arrow buffer, and only texts that have one
are given to RE2, which takes linear time whatever the text.
"""

from __future__ import annotations

import bisect
import functools
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]

_LETTER: Final = "A-Za-z0-9_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_LABEL: Final = f"[{_LETTER}](?:[{_LETTER}-]*[{_LETTER}])?"
EMAIL: Final = (
    f"[{_LETTER}](?:[{_LETTER}.%+'-]*[{_LETTER}+-])?@(?:{_LABEL}[.])+"
    f"(?:xn--{_LABEL}|[A-Za-z][A-Za-z][{_LETTER}]*)"
)
"""Local part, `@`, and a domain whose last label begins with two letters (not `package@1.2.3`)."""
DOTTED_NUMBER: Final = "[0-9]+(?:[.][0-9]+){3,}"
"""As long as it goes: what has more than four parts is a section or version number."""
_GAP: Final = "[ ./\u00a0\u2010\u2011-]"
PHONE: Final = (
    f"[+][1-9][0-9]{{0,2}}(?:{_GAP}?[(]?[0-9]{{1,4}}[)]?){{2,7}}"
    f"|(?:[(][2-9][0-9]{{2}}[)]{_GAP}?|[2-9][0-9]{{2}}{_GAP})[2-9][0-9]{{2}}[.\u2010\u2011-][0-9]{{4}}"
)
"""An international number with its plus sign, or a North American one of 3, 3 and 4 digits."""

EMAIL_PLACEHOLDERS: Final = ("email@example.com", "firstname.lastname@example.org")
"""FineWeb's; both domains are reserved for examples (RFC 2606)."""
IP_PLACEHOLDERS: Final = (
    "22.214.171.124",
    "126.96.36.199",
    "188.8.131.52",
    "184.108.40.206",
    "220.127.116.11",
    "18.104.22.168",
)
"""FineWeb's: addresses that answered nobody when its authors chose them."""
PHONE_PLACEHOLDERS: Final = ("+1 202-555-0100", "+1 202-555-0199")
"""Ends of a range that the North American numbering plan keeps for fiction."""

_NOT_PUBLIC: Final = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3"
)
"""IANA's special-purpose IPv4 registry, multicast and class E; not read from the Python library,
whose answers differ between versions."""
_CODES_OF_TWO: Final = (
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 "
    "81 82 84 86 90 91 92 93 94 95 98"
)
"""Country codes of two digits (ITU-T E.164)."""
_CODES_OF_THREE: Final = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 85 88 96 97 99"
"""The first two digits of country codes that have three (ITU-T E.164)."""


class PiiParams(BaseModel):
    """Which personal data is replaced in texts, alternative texts and captions."""

    model_config = ConfigDict(extra="forbid")

    emails: bool = Field(
        default=True, description="Replace e-mail addresses by addresses at example.com (FineWeb, MINT-1T)."
    )
    ips: bool = Field(
        default=True, description="Replace public IPv4 addresses by fixed ones (FineWeb, MINT-1T)."
    )
    phones: bool = Field(
        default=False,
        description="Replace telephone numbers by fictitious ones. Neither FineWeb nor MINT-1T does.",
    )


class Span(NamedTuple):
    """Bytes `start` to `stop` of a text's UTF-8 are personal data of this kind."""

    start: int
    stop: int
    kind: str


class Redaction(NamedTuple):
    """What `redact` gives.

    Attributes:
        texts: as many texts as before; the very array that was given where nothing was replaced.
        counts: for each kind (`emails`, `ips`, `phones`) that was looked for, how many were found in
            each text, shape (texts,).
    """

    texts: pa.Array
    counts: dict[str, npt.NDArray[np.int32]]


class _Kind(NamedTuple):
    name: str
    pattern: str
    placeholders: tuple[str, ...]
    valid: Callable[[bytes, int, int], bool]
    anchors: Callable[[U8], I64]


def redact(texts: pa.Array, params: PiiParams) -> Redaction:
    """Replace personal data in all texts of a shard; redacting once more changes nothing.

    Args:
        texts: strings, some may be null; each is searched by itself.
    """
    kinds = [kind for kind in _KINDS if getattr(params, kind.name)]
    counts = {kind.name: np.zeros(len(texts), np.int32) for kind in kinds}
    data, offsets = _buffer(texts)
    candidates = [_holders(kind.anchors(data), offsets) for kind in kinds]
    whole = data.data
    changed: dict[int, bytes] = {}
    for row in np.unique(np.concatenate([*candidates, np.zeros(0, np.int64)])).tolist():
        text = bytes(whole[offsets[row] : offsets[row + 1]])
        spans = find(text, kinds)
        for span in spans:
            counts[span.kind][row] += 1
        new = text
        while spans:
            # two addresses joined by a dot can make a third one of their placeholders
            new = _replace(new, spans)
            spans = find(new, kinds)
        if new != text:
            changed[row] = new
    return Redaction(_with(texts, data, offsets, changed) if changed else texts, counts)


def find(text: bytes, kinds: Sequence[_Kind]) -> list[Span]:
    """Personal data in a text, in order and without overlap; the placeholders are none.

    Where kinds overlap the earlier in `kinds` wins: the numbers in an e-mail address are part of it.
    """
    found: list[Span] = []
    for kind in kinds:
        known = placeholders(kind.name)
        earlier = sorted(found)
        for match in _expression(kind.pattern).finditer(text):
            start, stop = match.span()
            # the only one of the earlier spans that can overlap is the last that starts before `stop`
            before = bisect.bisect_left(earlier, (stop,)) - 1
            if (
                text[start:stop] not in known
                and (before < 0 or earlier[before].stop <= start)
                and kind.valid(text, start, stop)
            ):
                found.append(Span(start, stop, kind.name))
    return sorted(found)


@functools.cache
def placeholders(kind: str) -> tuple[bytes, ...]:
    """What personal data of a kind is replaced by, as UTF-8."""
    return next(tuple(map(str.encode, known.placeholders)) for known in _KINDS if known.name == kind)


def _replace(text: bytes, spans: Iterable[Span]) -> bytes:
    parts: list[bytes] = []
    end = 0
    for start, stop, kind in spans:
        choices = placeholders(kind)
        parts += [text[end:start], choices[zlib.crc32(text[start:stop]) % len(choices)]]
        end = stop
    return b"".join([*parts, text[end:]])


@functools.cache
def _expression(pattern: str) -> Any:
    import re2  # type: ignore[import-untyped]

    # a pattern of characters over bytes: re2 reads both as UTF-8 and counts in bytes
    return re2.compile(pattern)


def _always(text: bytes, start: int, stop: int) -> bool:
    return True


@functools.cache
def _not_public() -> list[tuple[int, int]]:
    ranges = []
    for network in _NOT_PUBLIC.split():
        address, _, bits = network.partition("/")
        ranges.append((int.from_bytes(map(int, address.split(".")), "big"), 32 - int(bits)))
    return ranges


def _word_byte(text: bytes, place: int) -> bool:
    """Whether a letter, a digit, an underscore or part of a non-ASCII character stands there."""
    if not 0 <= place < len(text):
        return False
    byte = text[place]
    return byte >= 0x80 or byte == ord("_") or chr(byte).isalnum()


def _public_ip(text: bytes, start: int, stop: int) -> bool:
    """Four numbers up to 255 without leading zeros that are no part of a word and may be routed."""
    parts = text[start:stop].split(b".")
    if len(parts) != 4 or any(
        len(part) > 3 or int(part) > 255 or str(int(part)).encode() != part for part in parts
    ):
        return False
    before, after = text[start - 1 : start], text[stop : stop + 1]
    # bytes beyond ASCII: Chinese or Arabic may touch a number, but a letter v makes it a version
    if before.isalpha() or after.isalpha() or before in (b"_", b".") or after == b"_":
        return False
    number = int.from_bytes(map(int, parts), "big")
    return all(number >> bits != network >> bits for network, bits in _not_public())


def _phone_number(text: bytes, start: int, stop: int) -> bool:
    """The digits make a number that somebody can dial, and nothing touches it."""
    if _word_byte(text, stop) or text[start - 1 : start].isalnum() or text[start - 1 : start] in _GLUE:
        return False
    if text[stop : stop + 1] in (b"-", b".", b"/", b",") and text[stop + 1 : stop + 2].isdigit():
        return False
    written = text[start:stop].decode()
    if written.count("(") != written.count(")"):
        return False
    if not written.startswith("+"):
        return written[1 if written[0] == "(" else 0 :][1:3] != "11"
    digits = "".join(filter(str.isdigit, written.replace("(0)", "")))
    if digits[0] == "1":
        return len(digits) == 11 and digits[1] in "23456789" and digits[4] in "23456789"
    code = 1 if digits[0] == "7" else 2 if digits[:2] in _CODES_OF_TWO.split() else 3
    if code == 3 and digits[:2] not in _CODES_OF_THREE.split():
        return False
    national = digits[code:]
    # Italian numbers keep their leading zero abroad, all others lose it
    return len(national) >= 6 and 8 <= len(digits) <= 15 and (national[0] != "0" or digits[:2] == "39")


_GLUE: Final = (b"_", b"+", b"-", b".", b"/", b"=", b"#", b"$", b"&", b"%")
"""Before a number these make it part of an address, a price or an identifier."""


def _digits(data: U8) -> npt.NDArray[np.bool_]:
    return (data - np.uint8(ord("0"))) < 10


def _at_signs(data: U8) -> I64:
    return np.flatnonzero(data == ord("@"))


def _three_dots(data: U8) -> I64:
    """The first of three dots that have digits on both sides and stand close together."""
    dots = np.flatnonzero(data[1:-1] == ord(".")) + 1
    dots = dots[_digits(data[dots - 1]) & _digits(data[dots + 1])]
    return dots[:-2][dots[2:] - dots[:-2] <= 2 * len("255.")]


def _number_marks(data: U8) -> I64:
    """A plus sign before a digit, and the place before four digits that end a number."""
    plus = np.flatnonzero(data[:-1] == ord("+"))
    plus = plus[_digits(data[plus + 1])]
    digit = np.flatnonzero(_digits(data))
    if len(digit) < 10:
        return plus
    # the last seven digits of a North American number, with at least one other byte among them
    span = digit[6:] - digit[:-6]
    return np.concatenate([plus, digit[:-6][(span >= 7) & (span <= 9)]])


_KINDS: Final = (
    _Kind("emails", EMAIL, EMAIL_PLACEHOLDERS, _always, _at_signs),
    _Kind("ips", DOTTED_NUMBER, IP_PLACEHOLDERS, _public_ip, _three_dots),
    _Kind("phones", PHONE, PHONE_PLACEHOLDERS, _phone_number, _number_marks),
)


def _buffer(texts: pa.Array) -> tuple[U8, I64]:
    """The UTF-8 of all texts, one after the other, and where each begins and ends."""
    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    if offsets is None or not len(texts):
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    places = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    if data is None:
        return np.zeros(0, np.uint8), places
    return np.frombuffer(data, np.uint8)[places[0] : places[-1]], places - places[0]


def _holders(places: I64, offsets: I64) -> I64:
    """The texts in which these bytes are; a null has no bytes, so it is none of them."""
    return np.unique(np.searchsorted(offsets, places, side="right") - 1)


def _with(texts: pa.Array, data: U8, offsets: I64, changed: dict[int, bytes]) -> pa.Array:
    """The texts with some of them exchanged; what lies between those is copied in one piece."""
    parts: list[bytes | memoryview] = []
    lengths = np.diff(offsets)
    end = 0
    for row, text in sorted(changed.items()):
        parts += [data[offsets[end] : offsets[row]].data, text]
        lengths[row] = len(text)
        end = row + 1
    parts.append(data[offsets[end] :].data)
    places = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    valid = pc.is_valid(texts).buffers()[1] if texts.null_count else None
    buffers = [valid, pa.py_buffer(places), pa.py_buffer(b"".join(parts))]
    return pa.Array.from_buffers(pa.large_string(), len(texts), buffers).cast(texts.type)
