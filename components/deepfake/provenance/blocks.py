"""The blocks of metadata of a media file, found by walking its container; nothing is interpreted here."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

MAX_BLOCK: Final = 1 << 20
"""Bytes of a block that are looked at; settings of generators and XMP packets are smaller."""
MAX_BLOCKS: Final = 4096
"""Parts of a container that are walked: a hostile file can hold millions."""
_MAX_XMP: Final = 8
_MAX_DEPTH: Final = 8

_XMP_UUID: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""uuid box of XMP in ISO media files (XMP specification, part 3)."""
_MANIFEST_STORE: Final = b"jumd" + bytes.fromhex("6332706100110010800000aa00389b71")
"""How the JUMBF description of a C2PA manifest store starts (C2PA specification 2.2, 11.1.4)."""
_STARTS: Final = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"\0\0\0\x0cjP  ", "jp2"),
)
_BRANDS: Final = {
    b"qt  ": "mov",
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1"), "heic"),
}
"""Brands of ISO media other than MP4."""
_PARENTS: Final = frozenset({b"moov", b"udta", b"trak", b"mdia", b"ilst", b"moof"})


@dataclass(slots=True)
class Blocks:
    """What a container holds beside its pixels and sound.

    Attributes:
        format: jpeg, png, webp, gif, tiff, avi, a brand of ISO media (mp4, mov, avif, heic), or "" where
            the bytes do not say.
        xmp: XMP packets.
        exif: EXIF blocks, from their byte-order mark on.
        texts: keyword and text of PNG text chunks, JPEG and GIF comments.
        tags: key and text of the tags of ISO media.
        c2pa: where the JUMBF box of C2PA starts; -1 where there is none.
    """

    format: str = ""
    xmp: list[bytes] = field(default_factory=list)
    exif: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    c2pa: int = -1


def read_blocks(data: bytes, format_hint: str | None = None) -> Blocks:
    """The metadata of a file of any format; an unknown or broken one gives what can be found.

    XMP packets are looked for in all bytes, as the XMP specification allows, so that formats which are
    not walked (TIFF, GIF, PDF, RAW) give theirs, too.
    """
    blocks = Blocks(sniff(data) or (format_hint or "").lower().lstrip("."))
    walk = {"jpeg": _jpeg, "png": _png, "webp": _riff, "avi": _riff}.get(blocks.format)
    try:
        if walk is not None:
            walk(data, blocks)
        elif blocks.format == "tiff":
            blocks.exif.append(data)
        elif data[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
            _boxes(data, 0, len(data), blocks, 0, [0])
    except (struct.error, IndexError, zlib.error):
        pass  # a broken container: what was found before stays
    for packet in _packets(data):
        if packet not in blocks.xmp:
            blocks.xmp.append(packet)
    if not blocks.exif and (at := data.find(b"Exif\0\0")) >= 0:
        blocks.exif.append(data[at + 6 : at + 6 + MAX_BLOCK])
    blocks.c2pa = data.find(_MANIFEST_STORE)
    return blocks


def sniff(data: bytes) -> str:
    """The format that the first bytes show; "" where they show none that is known."""
    head = data[:16]
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "mp4")
    return next((name for start, name in _STARTS if head.startswith(start)), "")


def _packets(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(_MAX_XMP):
        at = data.find(b"<x:xmpmeta", at)
        if at < 0:
            return
        end = data.find(b"</x:xmpmeta>", at, at + MAX_BLOCK)
        yield data[at : end + 12] if end >= 0 else data[at : at + MAX_BLOCK]
        at = end + 12 if end >= 0 else at + 10


def _jpeg(data: bytes, blocks: Blocks) -> None:
    at = 2
    for _ in range(MAX_BLOCKS):
        if data[at : at + 1] != b"\xff" or data[at + 1] in (0xD9, 0xDA):
            return
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + size]
        if data[at + 1] == 0xE1 and body.startswith(b"Exif\0\0"):
            blocks.exif.append(body[6:])
        elif data[at + 1] == 0xFE:
            blocks.texts.append(("Comment", _text(body)))
        at += 2 + max(2, size)


def _png(data: bytes, blocks: Blocks) -> None:
    at = 8
    for _ in range(MAX_BLOCKS):
        if at + 8 > len(data):
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + min(size, MAX_BLOCK)]
        if kind in {b"tEXt", b"zTXt", b"iTXt"}:
            _png_text(kind, body, blocks)
        elif kind == b"eXIf":
            blocks.exif.append(body)
        elif kind == b"IEND":
            return
        at += 12 + size


def _png_text(kind: bytes, body: bytes, blocks: Blocks) -> None:
    keyword, _, rest = body.partition(b"\0")
    if kind == b"zTXt":
        rest = _inflated(rest[1:])
    elif kind == b"iTXt":
        packed = rest[:1] == b"\x01"
        rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        rest = _inflated(rest) if packed else rest
    if keyword == b"XML:com.adobe.xmp":
        blocks.xmp.append(rest)
    else:
        blocks.texts.append((_text(keyword), _text(rest)))


def _inflated(packed: bytes) -> bytes:
    """What zlib gives, up to `MAX_BLOCK` bytes: a small chunk can unpack to gigabytes."""
    try:
        return zlib.decompressobj().decompress(packed, MAX_BLOCK)
    except zlib.error:
        return b""


def _riff(data: bytes, blocks: Blocks) -> None:
    at = 12
    for _ in range(MAX_BLOCKS):
        if at + 8 > len(data):
            return
        kind, size = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + min(size, MAX_BLOCK)]
        if kind == b"EXIF":
            blocks.exif.append(body.removeprefix(b"Exif\0\0"))
        elif kind == b"XMP ":
            blocks.xmp.append(body)
        elif kind == b"LIST" and body[:4] == b"INFO":
            _riff_info(body[4:], blocks)
        at += 8 + size + (size & 1)


def _riff_info(body: bytes, blocks: Blocks) -> None:
    at = 0
    while at + 8 <= len(body) and len(blocks.tags) < MAX_BLOCKS:
        kind, size = struct.unpack_from("<4sI", body, at)
        blocks.tags.append((_text(kind), _text(body[at + 8 : at + 8 + size].rstrip(b"\0"))))
        at += 8 + size + (size & 1)


def _boxes(data: bytes, at: int, end: int, blocks: Blocks, depth: int, walked: list[int]) -> None:
    """Walk the boxes of ISO media (ISO/IEC 14496-12, 4.2) between two offsets."""
    keys: list[str] = []
    while at + 8 <= end and walked[0] < MAX_BLOCKS:
        walked[0] += 1
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1 and at + 16 <= end:
            size = struct.unpack_from(">Q", data, body)[0]
            body += 8
        stop = end if size == 0 else min(end, at + size)
        if stop <= body - 1 or (size and size < body - at):
            return
        if kind == b"uuid" and data[body : body + 16] == _XMP_UUID:
            blocks.xmp.append(data[body + 16 : min(stop, body + MAX_BLOCK)])
        elif kind == b"meta" and depth < _MAX_DEPTH:
            # a full box in ISO files, a plain one in QuickTime's: the first child tells
            skip = 0 if data[body + 4 : body + 8] in {b"hdlr", b"keys", b"ilst"} else 4
            _boxes(data, body + skip, stop, blocks, depth + 1, walked)
        elif kind == b"keys":
            keys = _keys(data, body, stop)
        elif kind == b"ilst":
            _items(data, body, stop, keys, blocks)
        elif kind in _PARENTS and depth < _MAX_DEPTH:
            _boxes(data, body, stop, blocks, depth + 1, walked)
        elif kind[:1] == b"\xa9" or kind == b"AIGC":
            blocks.tags.append((_text(kind), _udta_text(data[body : min(stop, body + MAX_BLOCK)])))
        at = stop


def _keys(data: bytes, body: int, stop: int) -> list[str]:
    """Names of the items of a `keys` box (QuickTime metadata), in their order."""
    names: list[str] = []
    at = body + 8
    while at + 8 <= stop and len(names) < MAX_BLOCKS:
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:
            break
        names.append(_text(data[at + 8 : min(stop, at + size)]))
        at += size
    return names


def _items(data: bytes, at: int, stop: int, keys: list[str], blocks: Blocks) -> None:
    """Items of an `ilst` box: a `data` box each; their types are four letters, or numbers of `keys`."""
    while at + 8 <= stop and len(blocks.tags) < MAX_BLOCKS:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        number = int.from_bytes(kind, "big")
        name = keys[number - 1] if 0 < number <= len(keys) else _text(kind)
        if data[at + 12 : at + 16] == b"data":
            blocks.tags.append((name, _text(data[at + 24 : min(stop, at + size, at + 24 + MAX_BLOCK)])))
        at += size


def _udta_text(body: bytes) -> str:
    """Text of a QuickTime user-data item: length and language before it, or an iTunes `data` box."""
    if body[4:8] == b"data":
        return _text(body[16:])
    size = int.from_bytes(body[:2], "big")
    return _text(body[4 : 4 + size] if len(body) >= 4 + size else body)


_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return _CONTROL.sub("", text)
