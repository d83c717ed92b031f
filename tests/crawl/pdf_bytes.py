"""PDF files written object by object, for tests."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
FONT = (
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding "
    b"<< /Type /Encoding /BaseEncoding /WinAnsiEncoding /Differences [1 /fi /fl] >> >>"
)


def stream(data: bytes, entries: bytes = b"", *, packed: bool = False) -> bytes:
    """A stream object; `entries` go into its dictionary."""
    if packed:
        data, entries = zlib.compress(data), entries + b" /Filter /FlateDecode"
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def file_of(objects: Mapping[int, bytes]) -> bytes:
    """A PDF file of numbered objects with a right cross-reference table; object 1 is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = {}
    for number, body in sorted(objects.items()):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, size = len(out), max(objects) + 1
    out += b"xref\n0 %d\n" % size
    for number in range(size):
        out += b"%010d %05d %c \n" % (
            (offsets[number], 0, ord("n")) if number in offsets else (0, 65535, ord("f"))
        )
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(out)


def document(
    pages: Sequence[bytes],
    *,
    resources: bytes = b"",
    extra: Mapping[int, bytes] | None = None,
    page_entries: bytes = b"/MediaBox [0 0 600 800]",
) -> bytes:
    """A file with one content stream a page, the font F1, and further objects numbered from 100."""
    objects = {1: CATALOG, 3: FONT, **(extra or {})}
    kids = []
    for index, content in enumerate(pages):
        page, body = 10 + 2 * index, 11 + 2 * index
        kids.append(b"%d 0 R" % page)
        objects[body] = stream(content)
        objects[page] = (
            b"<< /Type /Page /Parent 2 0 R /Contents %d 0 R %s /Resources << /Font << /F1 3 0 R >> %s >> >>"
            % (body, page_entries, resources)
        )
    objects[2] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    return file_of(objects)


def text(x: float, y: float, words: str | bytes, size: float = 12) -> bytes:
    """Operators that show words with their baseline's left end at (x, y), origin bottom left."""
    raw = words if isinstance(words, bytes) else words.encode("cp1252")
    raw = raw.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"BT /F1 %g Tf 1 0 0 1 %g %g Tm (%s) Tj ET\n" % (size, x, y, raw)


def lines(x: float, y: float, words: Sequence[str], size: float = 10, leading: float = 12) -> bytes:
    """Operators that show lines below one another, the first at (x, y)."""
    return b"".join(text(x, y - leading * i, line, size) for i, line in enumerate(words))


def image(width: int, height: int, data: bytes, entries: bytes, *, packed: bool = True) -> bytes:
    """An image XObject."""
    head = b"/Type /XObject /Subtype /Image /Width %d /Height %d " % (width, height)
    return stream(data, head + entries, packed=packed)


def draw(name: str, x: float, y: float, width: float, height: float) -> bytes:
    """Operators that draw an XObject into a rectangle."""
    return b"q %g 0 0 %g %g %g cm /%s Do Q\n" % (width, height, x, y, name.encode())
