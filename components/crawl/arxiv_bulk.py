"""ArXiv's bulk source: tars of about 500 MB with one file a paper, and the manifest that lists them.

`s3://arxiv/src/arXiv_src_2301_001.tar` holds `2301/2301.00001.gz` (a gzipped tar, or one gzipped TeX
file) and `2301/2301.00002.pdf`; `arXiv_src_manifest.xml` beside it gives every tar's size and MD5
(https://info.arxiv.org/help/bulk_data_s3.html).

A tar is read in byte ranges, as a WARC file is: each member belongs to the range in which its header
starts. A reader that starts in the middle looks for the next block that is a tar header (name and
checksum). The one thing this can't tell apart is a tar that lies unpacked and at a multiple of 512
bytes inside a member; ArXiv's members are compressed.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from components.core.errors import ConfigurationError
from components.core.store import Stores
from components.crawl.warc.gzip_members import CHUNK, Opener, StoredFile

_BLOCK: Final = tarfile.BLOCKSIZE
_NAME: Final = re.compile(r"(?:.*/)?([a-z][a-z-]*)?(\d{4}\.\d{4,5}|\d{7})(?:v\d+)?\.(gz|pdf)")
_MD5_CHUNK: Final = 1 << 22
_FILES: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


@dataclass(frozen=True, slots=True)
class Listed:
    """One tar in the manifest."""

    filename: str
    size: int
    md5: str


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a tar.

    Attributes:
        offset: of its header in the tar.
        size: bytes.
        data: its bytes; None where there are more than was asked for.
    """

    offset: int
    name: str
    size: int
    data: bytes | None

    @property
    def paper(self) -> str | None:
        """ArXiv's identifier, `2301.00001` or `astro-ph/0001001`; None for a file of another kind."""
        found = _NAME.fullmatch(self.name)
        return None if found is None else f"{found[1]}/{found[2]}" if found[1] else found[2]

    @property
    def url(self) -> str | None:
        """The paper's page."""
        return None if self.paper is None else f"https://arxiv.org/abs/{self.paper}"


@dataclass(frozen=True, slots=True)
class TarDamage:
    """Bytes of a tar that are no member."""

    offset: int
    detail: str


def read_manifest(manifest: str, stores: Stores) -> Iterator[Listed]:
    """The tars that a manifest lists, in its order, one at a time.

    Raises:
        ConfigurationError: where it is damaged.
    """
    try:
        with stores.open(manifest) as stream:
            for _, node in ElementTree.iterparse(stream):
                if node.tag == "file":
                    size, name = (
                        (node.findtext("size") or "").strip(),
                        (node.findtext("filename") or "").strip(),
                    )
                    if not name or not size.isdigit():
                        raise ConfigurationError(f"{manifest} lists a file without a name or a size.")
                    yield Listed(name, int(size), (node.findtext("md5sum") or "").strip().lower())
                    node.clear()
    except ElementTree.ParseError as error:
        raise ConfigurationError(f"{manifest} is no whole manifest of ArXiv: {error}") from None


def md5_of(uri: str, stores: Stores) -> str:
    """MD5 (hex) of a file, as the manifest has it."""
    digest = hashlib.md5(usedforsecurity=False)
    with stores.open(uri) as stream:
        while data := stream.read(_MD5_CHUNK):
            digest.update(data)
    return digest.hexdigest()


def _header(block: bytes) -> tarfile.TarInfo | None:
    """The header that a block holds, if its checksum says that it is one."""
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return None
    return found if found.size >= 0 else None


class _Reader:
    def __init__(self, stores: Opener, uri: str, max_bytes: int) -> None:
        self.file = StoredFile(stores, uri)
        self._max_bytes = max_bytes

    def _next_header(self, start: int, stop: int) -> int:
        """Offset of the first header at or behind `start`; `stop` if there is none before."""
        at = -(-start // _BLOCK) * _BLOCK
        while at < stop:
            self.file.at = at
            window = self.file.read(CHUNK)
            for inside in range(0, min(len(window), stop - at), _BLOCK):
                block = window[inside : inside + _BLOCK]
                if (block[257:262] == b"ustar" or _NAME.match(block[:100].decode("latin-1"))) and _header(
                    block
                ):
                    return at + inside
            at += CHUNK
        return stop

    def members(self, start: int, stop: int) -> Iterator[Member | TarDamage]:
        at = self._next_header(start, stop) if start else 0
        while at < stop:
            self.file.at = at
            block = self.file.read(_BLOCK)
            if not block.strip(b"\0"):  # the end, or padding
                at += _BLOCK
                continue
            header = _header(block)
            if header is None:
                yield TarDamage(at, "no tar header where one should be")
                at = self._next_header(at + _BLOCK, stop)
                continue
            data_at = at + _BLOCK
            if data_at + header.size > self.file.size:
                yield TarDamage(at, f"the tar ends inside {header.name[:100]!r}")
                return
            if header.type in _FILES:
                name = header.name.encode("utf-8", "backslashreplace").decode()
                data = self.file.read(header.size) if header.size <= self._max_bytes else None
                yield Member(at, name, header.size, data)
            # folders, links and extended headers hold no paper; names here need no extension
            at = data_at + -(-header.size // _BLOCK) * _BLOCK


def read_members(
    stores: Opener, uri: str, start: int, stop: int, max_bytes: int
) -> Iterator[Member | TarDamage]:
    """The files of a tar whose headers start in bytes [start, stop), one in memory at a time.

    Args:
        max_bytes: a larger member is given without its data.

    Raises:
        BadShard: where the tar is gone.
    """
    reader = _Reader(stores, uri, max_bytes)
    try:
        yield from reader.members(start, min(stop, reader.file.size))
    finally:
        reader.file.close()
