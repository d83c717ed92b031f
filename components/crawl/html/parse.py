"""From bytes to a parsed page: limits, encoding, and the lexbor tree."""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
from selectolax.lexbor import LexborHTMLParser

from components.core.errors import BadRecord


class HtmlReason(StrEnum):
    """Why a page gives no document, or a part of it was lost."""

    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_COMPLEX = "too_complex"
    UNDECODABLE = "undecodable"
    NOT_HTML = "not_html"
    NO_CONTENT = "no_content"


class HtmlParams(BaseModel):
    """What to take from a page, and how much of one is ever read."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["main", "obelics"] = Field(
        default="main",
        description="main: main content by our own scoring, with lists, tables and code; "
        "obelics: the published OBELICS DOM rules, which lose lists and tables (arXiv 2306.16527)",
    )
    max_bytes: int = Field(
        default=20_000_000, ge=1, le=2_000_000_000, description="largest page that is parsed, in bytes"
    )
    max_depth: int = Field(
        default=2_000,
        ge=16,
        le=20_000,
        description="most block elements inside each other (browsers stop at 512)",
    )
    max_nodes: int = Field(
        default=2_000_000, ge=1_000, le=50_000_000, description="most nodes of a parsed page"
    )
    min_text_chars: int = Field(
        default=1, ge=0, le=100_000, description="characters of text below which a page has no content"
    )


PRESCAN_BYTES: Final = 4096
"""How far <meta charset> is looked for. WHATWG asks for 1024; pages put comments and scripts first."""
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.\-]{1,40})", re.IGNORECASE)
_META: Final = re.compile(
    rb"<meta\b[^>]{0,500}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.\-]{1,40})", re.IGNORECASE
)
_TAG: Final = re.compile(rb"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,30})([^<>]{0,200})")
_FORMATTING: Final = frozenset(b"b big code em font i nobr s small strike strong tt u".split())
_CLOSE_THEMSELVES: Final = frozenset(
    b"a area base br button col dd dt embed head html body h1 h2 h3 h4 h5 h6 hr img input li link meta "
    b"optgroup option p param path rp rt script select source style svg tbody td textarea tfoot th thead "
    b"title tr track wbr".split()
)
_BLOCKS: Final = frozenset(
    b"address article aside blockquote center details dir div dl fieldset figcaption figure footer form "
    b"header hgroup listing main menu nav noscript ol pre section summary table template ul".split()
)
_MAX_STEPS: Final = 1_000_000_000
"""How often the parser may look one element up the tree; this many take it a few seconds."""
_MAX_ATTRIBUTES: Final = 20_000
_STEP: Final = 8_192
_QUOTED: Final = re.compile(rb"\"[^\"]*\"|'[^']*'")


def words(text: str) -> frozenset[str]:
    """The words of a text, for lists of element names."""
    return frozenset(text.split())


def _codec(label: str | None) -> str | None:
    """Python's name for a label of the WHATWG encoding standard; None for what is no text encoding."""
    if not label:
        return None
    try:
        name = map_encoding_to_html5(label.strip().lower(), False)
        info = codecs.lookup(name or "")
    except (LookupError, ValueError, TypeError):
        return None
    if not info._is_text_encoding:
        return None
    return info.name


def declared_encoding(payload: bytes, content_type: str | None) -> str | None:
    """The encoding a page declares: byte order mark, then HTTP, then `<meta>` (WHATWG 13.2.3.2)."""
    for mark, name in _BOMS:
        if payload.startswith(mark):
            return name
    in_header = _CHARSET.search(content_type) if content_type else None
    codec = _codec(in_header[1]) if in_header else None
    if codec is not None:
        return codec
    in_page = _META.search(payload, 0, PRESCAN_BYTES)
    codec = _codec(in_page[1].decode("ascii")) if in_page else None
    if codec is not None and codec.startswith("utf-16"):
        return "utf-8"  # a <meta> that could be read was not in UTF-16 (WHATWG)
    return codec


def to_utf8(payload: bytes, content_type: str | None = None) -> tuple[bytes, bool]:
    """A page's bytes as valid UTF-8, and whether bytes that make no sense had to be replaced.

    Where the declared encoding is missing, or UTF-8 is declared and is wrong, the bytes are looked
    at: valid UTF-8 is taken for UTF-8, anything else goes to the detector.
    """
    codec = declared_encoding(payload, content_type)
    if codec in (None, "utf-8", "ascii"):
        try:
            payload.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            return payload.removeprefix(codecs.BOM_UTF8), False
        detected = _codec(detect_encoding(payload[:200_000], html5_compatible=True)) or "windows-1252"
        codec = _wins(payload, codec, detected)
    try:
        return payload.decode(codec or "utf-8").lstrip("\ufeff").encode("utf-8", "replace"), False
    except (UnicodeDecodeError, LookupError):
        text = payload.decode(codec or "utf-8", "replace")
    return text.lstrip("\ufeff").encode("utf-8", "replace"), True


def _wins(payload: bytes, declared: str | None, detected: str) -> str:
    """Which of the two reads more of a page that is no valid UTF-8."""
    if declared is None:
        return detected
    broken = payload.decode("utf-8", "replace").count("\ufffd")
    # a cut or a stray byte in a page of UTF-8, against a page that is something else
    beyond_ascii = sum(1 for byte in payload[:1_000_000] if byte > 0x7F)
    return "utf-8" if broken * 10 <= beyond_ascii else detected


def check_size(payload: bytes, params: HtmlParams) -> None:
    """Refuse what would cost the parser time or memory out of proportion, before it is parsed.

    For many tags the parser looks all the way up the tree; it compares the attributes of a tag in pairs, and
    it makes a copy of every open formatting element for every block. All three are estimated in
    one linear scan, which ordinary pages are spared.

    Raises:
        BadRecord: `too_large`, `too_deep` or `too_complex`.
    """
    if len(payload) > params.max_bytes:
        raise BadRecord(HtmlReason.TOO_LARGE, f"{len(payload)} bytes, at most {params.max_bytes} are read")
    opened = payload.count(b"<")
    if opened > 20_000 or (opened > 4_000 and opened - 2 * payload.count(b"</") > 2_000):
        _check_nesting(payload, params)
    # a tag with too many attributes is longer than two steps, and so covers a whole step without ">"
    start = 0
    while start + _STEP < len(payload):
        if payload.find(b">", start, start + _STEP) < 0:
            stop = payload.find(b">", start)
            stop = len(payload) if stop < 0 else stop
            _check_attributes(payload[payload.rfind(b"<", 0, stop) : stop])
            start = stop
        start += _STEP


def _check_attributes(tag: bytes) -> None:
    if b">" not in tag and _TAG.match(tag) and len(_QUOTED.sub(b" ", tag).split()) > _MAX_ATTRIBUTES:
        raise BadRecord(HtmlReason.TOO_COMPLEX, f"more than {_MAX_ATTRIBUTES} attributes in one tag")


def _check_nesting(payload: bytes, params: HtmlParams) -> None:
    open_tags: dict[bytes, int] = {}
    formats: dict[bytes, int] = {}
    blocks = depth = formatting = copies = steps = 0
    for match in _TAG.finditer(payload):
        slash, name, rest = match.groups()
        name = name.lower()
        is_block = name in _BLOCKS
        if slash:
            if open_tags.get(name, 0) > 0:
                open_tags[name] -= 1
                depth -= 1
                blocks -= is_block
                formatting = max(0, formatting - (name in _FORMATTING))
            else:
                steps += depth
            continue
        steps += depth if is_block or name in _CLOSE_THEMSELVES else 0
        if name in _FORMATTING:
            # three of the same at most are ever rebuilt (WHATWG "Noah's Ark clause")
            seen = formats.get(name + rest, 0)
            formats[name + rest] = seen + 1
            formatting += seen < 3
        else:
            copies += formatting
            if name in _CLOSE_THEMSELVES or (not is_block and rest.endswith(b"/")):
                continue
        open_tags[name] = open_tags.get(name, 0) + 1
        depth += 1
        blocks += is_block
        if blocks > 2 * params.max_depth:
            raise BadRecord(HtmlReason.TOO_DEEP, f"more than {blocks - 1} block elements inside each other")
    if copies > params.max_nodes:
        raise BadRecord(HtmlReason.TOO_COMPLEX, f"about {copies} copies of unclosed formatting elements")
    if steps > _MAX_STEPS:
        raise BadRecord(HtmlReason.TOO_COMPLEX, f"about {steps} steps up the tree to parse it")


def parse(utf8: bytes) -> Any:
    """The lexbor tree of a page (WHATWG tree construction, scripting off)."""
    return LexborHTMLParser(utf8)
