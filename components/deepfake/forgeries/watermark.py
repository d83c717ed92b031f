"""What every pseudo-fake carries: that it is synthetic, how it was made and of what.

PNG and JPEG get an XMP packet with IPTC's digital source type, and a text a person can read (a text chunk, a
comment). The bytes of the pixels stay as they are. It is a label, not a protection:
any program that writes the picture anew takes it off.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

SOURCE_TYPE: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
"""A composite with a synthetic element. None is `trainedAlgorithmicMedia`: no generator was asked."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_HEADER_END: Final = 33
"""Bytes of a PNG's signature and its first chunk, IHDR."""
_XMP_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\0"
_XMP: Final = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmp:CreatorTool="kalemint" Iptc4xmpExt:DigitalSourceType="{source_type}">
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{words}</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def words(method: str, source: str) -> str:
    """What a pseudo-fake says of itself.

    Args:
        method: name of the forgery.
        source: id (SHA-256) of the real file it was made from.
    """
    return f"kalemint: pseudo-fake {method} of {source}"


def mark(data: bytes, method: str, source: str) -> bytes:
    """An encoded picture with the mark.

    Raises:
        ValueError: where it is neither PNG nor JPEG.
    """
    if data.startswith(_PNG):
        return mark_png(data, method, source)
    if data.startswith(b"\xff\xd8"):
        return mark_jpeg(data, method, source)
    raise ValueError("only PNG and JPEG can be marked as a pseudo-fake")


def mark_png(data: bytes, method: str, source: str) -> bytes:
    """A PNG with the mark, as chunks after its header: iTXt for XMP, tEXt for the words."""
    said = words(method, source)
    keyword, text = said.split(": ", 1)
    chunks = _chunk(b"tEXt", keyword.encode() + b"\0" + text.encode("latin-1", "replace")) + _chunk(
        b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + _packet(said)
    )
    return data[:_HEADER_END] + chunks + data[_HEADER_END:]


def mark_jpeg(data: bytes, method: str, source: str) -> bytes:
    """A JPEG with the mark, as segments after its JFIF header: APP1 for XMP, COM for the words."""
    said = words(method, source)
    at = 2
    if data[2:4] == b"\xff\xe0":  # JFIF wants to be the first
        at += 2 + struct.unpack(">H", data[4:6])[0]
    segments = _segment(0xE1, _XMP_JPEG + _packet(said)) + _segment(0xFE, said.encode())
    return data[:at] + segments + data[at:]


def _packet(said: str) -> bytes:
    return _XMP.format(source_type=SOURCE_TYPE, words=said).encode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
