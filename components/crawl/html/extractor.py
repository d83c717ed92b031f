"""HTML pages to interleaved documents.

`extract_html` is the whole interface: bytes in, `Extracted` out. Everything it calls is linear in the
size of the page and keeps its own stacks, so that hostile nesting costs neither time nor C stack.
"""

from __future__ import annotations

from selectolax.lexbor import SelectolaxError

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted, Note
from components.crawl.html.main import main_content
from components.crawl.html.meta import read_head
from components.crawl.html.obelics import obelics_content
from components.crawl.html.parse import HtmlParams, HtmlReason, check_size, parse, to_utf8

__all__ = ["HtmlParams", "HtmlReason", "extract_html"]

_NOT_HTML = (
    b"%PDF-",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"\x7fELF",
    b"{\\rtf",
)
_SNIFFED = 4096


def extract_html(
    payload: bytes, url: str, *, content_type: str | None = None, params: HtmlParams | None = None
) -> Extracted:
    """Read one page.

    Args:
        payload: the page as served, content codings removed.
        url: its address; relative addresses are resolved against it (and `<base href>`).
        content_type: the Content-Type header, for its charset.
        params: mode and limits.

    Returns:
        Items in reading order. Texts are NFC, white space collapsed except in code. Images carry `url`,
        `alt`, `caption` and the size that the page declares; nothing is fetched.

    Raises:
        BadRecord: `too_large`, `too_deep`, `too_complex`, `undecodable` or `not_html`.
        Drop: `no_content`.
    """
    params = params or HtmlParams()
    check_size(payload, params)
    _check_kind(payload)
    utf8, replaced = to_utf8(payload, content_type)
    try:
        tree = parse(utf8)
    except SelectolaxError as error:
        raise BadRecord(HtmlReason.TOO_COMPLEX, f"the parser gave up: {error}") from None
    head = read_head(tree, url)
    if params.mode == "obelics":
        items = obelics_content(tree, head.base, params)
    else:
        items = main_content(tree, head.base, head.title, params)
    chars = sum(len(item.text) for item in items if item.text)
    if not items or (chars < params.min_text_chars and not any(item.kind == "image" for item in items)):
        raise Drop(HtmlReason.NO_CONTENT, f"{chars} characters of text", chars, params.min_text_chars)
    notes = []
    if replaced:
        notes.append(
            Note(HtmlReason.UNDECODABLE, "bytes that the page's encoding does not have were replaced")
        )
    return Extracted(
        items=items,
        title=head.title,
        declared_language=head.language,
        license=head.license,
        consent=head.consent(),
        notes=notes,
    )


def _check_kind(payload: bytes) -> None:
    """Refuse what is certainly no page.

    Raises:
        BadRecord: `not_html` or `undecodable`.
    """
    head = payload[:_SNIFFED]
    if not payload.strip(b" \t\r\n\0"):
        raise BadRecord(HtmlReason.NOT_HTML, "the body is empty")
    if head.startswith(_NOT_HTML):
        raise BadRecord(HtmlReason.NOT_HTML, f"begins with {head[:8]!r}")
    if b"<" not in payload and b"<\0" not in head:
        raise BadRecord(HtmlReason.NOT_HTML, "there is no tag in it")
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls >= _MANY_CONTROLS and controls * 10 > len(head) and not _is_utf16(head):
        raise BadRecord(
            HtmlReason.UNDECODABLE, f"{controls} control characters in the first {len(head)} bytes"
        )


_CONTROLS = bytes(c for c in (*range(9), *range(14, 32), 0x7F) if c != 0x1B)
"""Bytes that no text has; ESC is part of ISO-2022-JP."""
_MANY_CONTROLS = 32


def _is_utf16(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    zeros = head.count(0)
    return zeros * 3 > len(head) and min(head[::2].count(0), head[1::2].count(0)) * 20 < zeros
