"""Tell inputs apart by their content; the name only decides what the content leaves open.

`sniff` looks at the first kilobytes of a file. Gzip is inflated for a few kilobytes and no more.
"""

from __future__ import annotations

import re
import zlib
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

HEAD_BYTES: Final = 8192
"""How much of a file `sniff` wants to see."""

_INFLATED_BYTES: Final = 8192


class Kind(StrEnum):
    """What an input is."""

    WARC = "warc"
    WAT = "wat"
    ARXIV = "arxiv"
    HTML = "html"
    PDF = "pdf"
    LATEX = "latex"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    URL = "url"
    LIST = "list"
    PATHS = "paths"
    ARXIV_MANIFEST = "arxiv_manifest"
    ARC = "arc"
    ZSTD = "zstd"
    UNKNOWN = "unknown"


REFUSED: Final[dict[Kind, str]] = {
    Kind.VIDEO: "a video: documents are not made of videos",
    Kind.AUDIO: "an audio file: documents are not made of sound",
    Kind.ARC: "an ARC file, the format before WARC: convert it, for instance with `warcio recompress`",
    Kind.ZSTD: "compressed with zstd: recompress it with gzip, one member a record for a WARC file",
    Kind.UNKNOWN: "no WARC, HTML, PDF, LaTeX, image or list of addresses",
}
"""Why an input of this kind is not taken, as the end of a sentence."""

_WARC: Final = re.compile(rb"WARC/1\.\d\r?\n")
# Common Crawl's WAT: what it found out about each capture, as JSON in a record of type metadata
_WAT: Final = re.compile(
    rb"WARC/1\.\d\r?\n(?:[^\r\n]+\r?\n)*?Content-Type:\s*application/json\b"
    rb"(?:[^\r\n]*\r?\n)(?:[^\r\n]+\r?\n)*\r?\n\{\s*\"(?:Container|Envelope)\"",
    re.IGNORECASE,
)
_ARXIV_MEMBER: Final = re.compile(rb"(?:[^\0/]+/)?\d{4}/[a-z-]*\d[\d.]*(?:v\d+)?\.(?:gz|pdf)\0")
_ARXIV_MANIFEST: Final = re.compile(rb"<arXiv(?:SRC|PDF)\b")
_ARC: Final = re.compile(rb"filedesc://\S* \S+ \d{8,14} text/plain \d+")
_LATEX: Final = re.compile(
    rb"^[ \t]*\\(?:documentclass|documentstyle|begin\{document\}|input[ {]|usepackage)", re.MULTILINE
)

# what WHATWG's MIME sniffing takes for HTML, and the tags that pages saved without a head begin with
_HTML: Final = re.compile(
    rb"<(?:!doctype\s+html|html|head|body|script|style|title|meta|link|base|iframe|div|span|table|"
    rb"h[1-6]|font|center|main|article|section|header|nav|form|ul|ol|p|a|b|br|img)(?=[\s/>])",
    re.IGNORECASE,
)
_BEFORE_HTML: Final = re.compile(rb"(?:\s+|<!--.*?-->|<\?xml.*?\?>)*", re.DOTALL)
_ADDRESS: Final = re.compile(r"(?:https?|s3|file)://\S+", re.IGNORECASE)
_PATH: Final = re.compile(
    r"(?:[^\s<>{}\\]+(?: [^\s<>{}\\]+){0,3}/)?[^/<>{}\\]*\.\w{1,5}|[^\s<>{}\\]*/[^<>{}\\]*"
)
PATHS_NAME: Final = ".paths"
"""How Common Crawl's lists of its files end, before `.gz`."""
_LIST_NAMES: Final = frozenset({".txt", ".lst", ".list", ".urls", ".url", ".seeds", PATHS_NAME})
_TEX_NAMES: Final = frozenset({".tex", ".ltx", ".latex"})
_RIFF: Final = {b"WEBP": Kind.IMAGE, b"AVI ": Kind.VIDEO, b"WAVE": Kind.AUDIO}
_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis", b"heic", b"heix", b"mif1"), Kind.IMAGE),
    **dict.fromkeys((b"M4A ", b"M4B "), Kind.AUDIO),
}
"""Brands of ISO media files that are no videos."""
_BMP_HEADER_SIZES: Final = (b"\x0c\0\0\0", b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")
_TS_PACKET: Final = 188

_MAGIC: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"\xff\xd8\xff", Kind.IMAGE),
    (b"\x89PNG\r\n\x1a\n", Kind.IMAGE),
    (b"GIF87a", Kind.IMAGE),
    (b"GIF89a", Kind.IMAGE),
    (b"II*\x00", Kind.IMAGE),
    (b"MM\x00*", Kind.IMAGE),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", Kind.IMAGE),
    (b"\xff\x4f\xff\x51", Kind.IMAGE),
    (b"\x1a\x45\xdf\xa3", Kind.VIDEO),  # EBML: Matroska, WebM
    (b"\x00\x00\x01\xba", Kind.VIDEO),  # MPEG program stream
    (b"\x00\x00\x01\xb3", Kind.VIDEO),  # MPEG-1 or MPEG-2 video
    (b"FLV\x01", Kind.VIDEO),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Kind.VIDEO),  # ASF: wmv, wma
    (b"fLaC", Kind.AUDIO),
    (b"ID3", Kind.AUDIO),
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"\x5d\x2a\x4d\x18", Kind.ZSTD),  # the dictionary frame of a .warc.zst
    (b"%!PS", Kind.UNKNOWN),
)


def inflate_head(data: bytes, limit: int = _INFLATED_BYTES) -> bytes:
    """Up to `limit` bytes of what the gzip members that `data` begins with hold; maybe none."""
    found = b""
    while data and len(found) < limit:
        member = zlib.decompressobj(31)
        try:
            found += member.decompress(data, limit - len(found))
        except zlib.error:
            break
        data = member.unused_data
    return found


def _container(head: bytes) -> Kind | None:
    """The kind by a RIFF, ISO media or Ogg header, which says what it contains a few bytes later."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], Kind.VIDEO)
    if head[:4] == b"OggS":
        return Kind.VIDEO if b"\x80theora" in head[:512] else Kind.AUDIO
    # QuickTime of before `ftyp`
    return Kind.VIDEO if head[4:8] in (b"moov", b"mdat", b"wide") and head[0] == 0 else None


def _magic(head: bytes) -> Kind | None:
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:18] in _BMP_HEADER_SIZES:
        return Kind.IMAGE
    if len(head) > 2 * _TS_PACKET and {head[0], head[_TS_PACKET], head[2 * _TS_PACKET]} == {0x47}:
        return Kind.VIDEO
    return _container(head)


def _as_text(head: bytes) -> bytes:
    """The head as UTF-8 where a byte order mark names another encoding, without the mark."""
    for mark, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[len(mark) :].decode(codec, "ignore").encode()
    return head


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" or (
        # tar of before 1988: an octal checksum field, and a name that is followed by zeros
        len(head) >= 512
        and bool(re.fullmatch(rb"[ 0]*[0-7]{1,6}[\0 ]{1,2}", head[148:156]))
        and b"\0" in head[:100]
    )


def _is_latex(text: bytes, suffix: str) -> bool:
    return bool(_LATEX.search(text)) or (suffix in _TEX_NAMES and b"\\" in text)


def _is_list(text: bytes, whole: bool, suffix: str) -> bool:
    if b"\0" in text:
        return False
    lines = text.decode("utf-8", "replace").splitlines()
    if not whole and len(lines) > 1:
        lines.pop()  # cut off in the middle
    lines = [line.strip() for line in lines]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines or any("\ufffd" in line for line in lines):
        return False
    if all(_ADDRESS.fullmatch(line) for line in lines):
        return True
    return suffix in _LIST_NAMES and all(_ADDRESS.fullmatch(line) or _PATH.fullmatch(line) for line in lines)


def sniff(head: bytes, name: str = "") -> Kind:
    """What a file is.

    Args:
        head: its first bytes, `HEAD_BYTES` of them or the whole file if that is shorter.
        name: its name or URI, used where the content fits several kinds.
    """
    if head.startswith(b"\x1f\x8b"):
        return _sniff_gzip(head, name)
    if _WARC.match(head):
        return _sniff_warc(head)
    kind = Kind.ARC if _ARC.match(head) else _magic(head)
    return kind or _sniff_text(head, name)


def _sniff_warc(head: bytes) -> Kind:
    """WARC or WAT: a WAT file's first record describes the file, the second is metadata in JSON."""
    return Kind.WAT if _WAT.search(head) else Kind.WARC


def _is_arxiv(head: bytes) -> bool:
    """A tar of ArXiv's bulk source: its first file, behind folders, is named by month and paper."""
    for start in range(0, len(head) - 511, 512):
        if head[start + 156 : start + 157] != b"5":  # no folder
            return bool(_ARXIV_MEMBER.match(head, start))
    return False


def _sniff_gzip(head: bytes, name: str) -> Kind:
    inside = inflate_head(head)
    if _WARC.match(inside):
        return _sniff_warc(inside)
    if _ARC.match(inside):
        return Kind.ARC
    suffix = PurePosixPath(name.removesuffix(".gz")).suffix.lower()
    if _is_tar(inside) or _is_latex(_as_text(inside), suffix):
        return Kind.LATEX
    if _is_list(_as_text(inside), len(inside) < _INFLATED_BYTES, suffix):
        return Kind.PATHS if suffix == PATHS_NAME else Kind.LIST
    # a damaged first record must not cost the rest of an archive
    return Kind.WARC if suffix == ".warc" else Kind.UNKNOWN


def _is_html(text: bytes) -> bool:
    before = _BEFORE_HTML.match(text)
    return bool(_HTML.match(text, before.end() if before else 0))


def _sniff_text(head: bytes, name: str) -> Kind:
    text = _as_text(head)
    suffix = PurePosixPath(name.partition("?")[0]).suffix.lower()
    found = Kind.UNKNOWN
    if head.startswith(b"%PDF-"):
        found = Kind.PDF
    elif _is_html(text):
        found = Kind.HTML
    elif b"%PDF-" in head[:1024]:
        found = Kind.PDF
    elif _is_tar(head):
        found = Kind.ARXIV if _is_arxiv(head) else Kind.LATEX
    elif _is_latex(text, suffix):
        found = Kind.LATEX
    elif _ARXIV_MANIFEST.search(text[:1024]):
        found = Kind.ARXIV_MANIFEST
    elif _is_list(text, len(head) < HEAD_BYTES, suffix):
        found = Kind.PATHS if suffix == PATHS_NAME else Kind.LIST
    elif suffix in (".html", ".htm", ".xhtml") and b"\0" not in text and b"<" in text:
        found = Kind.HTML
    elif suffix == ".warc" and b"WARC/1." in head:
        found = Kind.WARC
    elif suffix == ".arc":
        found = Kind.ARC
    return found
