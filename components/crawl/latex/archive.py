"""Read what ArXiv serves as the source of a paper, in memory and within bounds.

A source is a gzipped tar, a plain tar, a zip, one gzipped file or one bare file; they are told apart
by their content, never by a name. No member is ever written to disk.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from components.core.errors import BadRecord
from components.core.records import Note
from components.crawl.latex.params import ArchiveParams
from components.crawl.latex.reasons import LatexReason

_MIB: Final = 1 << 20
_CHUNK: Final = 1 << 18
_RATIO_FLOOR: Final = 32 * _MIB
_MAX_NOTES: Final = 20
SINGLE_FILE: Final = "main.tex"
"""Name given to a source that is one file without a name."""


@dataclass(slots=True)
class SourceFiles:
    """The files of one source, by normalized relative path; each is unpacked when it is read.

    `read` raises `BadRecord(archive_corrupt)` for a member that can't be unpacked.
    """

    sizes: dict[str, int]
    notes: list[Note] = field(default_factory=list)
    _reader: Callable[[str], bytes] = lambda _: b""

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        return self._reader(name)

    def __contains__(self, name: str) -> bool:
        return name in self.sizes


class _Listing:
    """Collects members while it checks their names, sizes and number."""

    def __init__(self, params: ArchiveParams) -> None:
        self.params = params
        self.total = 0
        self.members = 0
        self.notes: list[Note] = []
        self._ignored = 0

    def ignore(self, name: str, why: str) -> None:
        self._ignored += 1
        if self._ignored <= _MAX_NOTES:
            self.notes.append(Note(LatexReason.MEMBER_IGNORED, f"{printable(name)}: {why}"))

    def count(self) -> None:
        self.members += 1
        if self.members > self.params.max_members:
            raise BadRecord(LatexReason.ARCHIVE_BOMB, f"more than {self.params.max_members} members")

    def accept(self, name: str, size: int) -> str | None:
        """The normalized name of a regular member, or None where it is ignored."""
        self.total += size
        if self.total > self.params.max_total_bytes:
            raise BadRecord(
                LatexReason.ARCHIVE_BOMB, f"more than {self.params.max_total_bytes} bytes unpacked"
            )
        path = normalize(name)
        if path is None:
            self.ignore(name, "the path leaves the archive")
        elif size > self.params.max_member_bytes:
            self.ignore(name, f"{size} bytes")
            path = None
        return path


def printable(name: str) -> str:
    """A member name as text that can be stored: undecodable bytes escaped, at most 200 characters."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")[:200]


def normalize(name: str) -> str | None:
    """A member's relative path with `/` and no dots, or None for one that leaves the archive."""
    name = name.replace("\\", "/")
    if name.startswith("/") or name[1:3] == ":/" or "\x00" in name:
        return None
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if not parts or ".." in parts:
        return None
    return "/".join(parts)


def _gunzip(payload: bytes, params: ArchiveParams) -> bytes:
    """All members of a gzip stream, within the bounds; trailing bytes that are no gzip are ignored."""
    out: list[bytes] = []
    total = 0
    rest = payload
    while rest[:2] == b"\x1f\x8b":
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            try:
                chunk = stream.decompress(rest, _CHUNK)
            except zlib.error as error:
                if out and not total:
                    break
                raise BadRecord(LatexReason.ARCHIVE_CORRUPT, f"gzip: {error}") from None
            rest = stream.unconsumed_tail
            total += len(chunk)
            if total > params.max_total_bytes:
                raise BadRecord(
                    LatexReason.ARCHIVE_BOMB, f"more than {params.max_total_bytes} bytes unpacked"
                )
            if total > _RATIO_FLOOR and total > params.max_ratio * len(payload):
                raise BadRecord(LatexReason.ARCHIVE_BOMB, f"unpacks to more than {params.max_ratio:g} times")
            out.append(chunk)
            if not chunk and not rest and not stream.eof:
                raise BadRecord(LatexReason.ARCHIVE_CORRUPT, "gzip: the stream ends early")
        rest = stream.unused_data
    return b"".join(out)


def _is_tar(data: bytes) -> bool:
    if len(data) < 512:
        return False
    if data[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(data[:512], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _open_tar(data: bytes, params: ArchiveParams) -> SourceFiles:
    listing = _Listing(params)
    spans: dict[str, tuple[int, int]] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            last = -1
            while (member := tar.next()) is not None:
                listing.count()
                if tar.offset <= last:
                    raise BadRecord(LatexReason.ARCHIVE_CORRUPT, "tar: headers that point backwards")
                last = tar.offset
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    listing.ignore(member.name, "neither a regular file nor a folder")
                    continue
                stop = member.offset_data + member.size
                if member.size < 0 or stop > len(data):
                    raise BadRecord(LatexReason.ARCHIVE_CORRUPT, "tar: the last member is cut off")
                path = listing.accept(member.name, member.size)
                if path is not None:
                    spans[path] = (member.offset_data, stop)
                tar.members.clear()  # type: ignore[attr-defined]  # else every header stays in memory
    except BadRecord:
        raise
    except Exception as error:  # noqa: BLE001 - tarfile raises TarError, ValueError, RecursionError…
        raise BadRecord(LatexReason.ARCHIVE_CORRUPT, f"tar: {type(error).__name__}: {error}") from None

    def read(name: str) -> bytes:
        start, stop = spans[name]
        return data[start:stop]

    return SourceFiles({name: b - a for name, (a, b) in spans.items()}, listing.notes, read)


def _open_zip(data: bytes, params: ArchiveParams) -> SourceFiles:
    listing = _Listing(params)
    infos: dict[str, zipfile.ZipInfo] = {}
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        for info in archive.infolist():
            listing.count()
            if info.is_dir():
                continue
            kind = info.external_attr >> 28
            if kind not in {0, 0o10} or info.flag_bits & 1:
                listing.ignore(info.filename, "a link, a device or encrypted")
                continue
            path = listing.accept(info.filename, info.file_size)
            if path is not None:
                infos[path] = info
    except BadRecord:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile raises BadZipFile, ValueError, struct.error…
        raise BadRecord(LatexReason.ARCHIVE_CORRUPT, f"zip: {type(error).__name__}: {error}") from None
    if listing.total > _RATIO_FLOOR and listing.total > params.max_ratio * len(data):
        raise BadRecord(LatexReason.ARCHIVE_BOMB, f"unpacks to more than {params.max_ratio:g} times")

    def read(name: str) -> bytes:
        info = infos[name]
        try:
            with archive.open(info) as member:
                return member.read(info.file_size)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            OSError,
            struct.error,
        ) as error:
            raise BadRecord(LatexReason.ARCHIVE_CORRUPT, f"zip: {printable(name)}: {error}") from None

    return SourceFiles({name: info.file_size for name, info in infos.items()}, listing.notes, read)


def open_source(payload: bytes, params: ArchiveParams) -> SourceFiles:
    """The files of a source as ArXiv serves it.

    Members with absolute paths or `..`, links, devices and sparse files are ignored with a
    `member_ignored` note. A payload that is no archive is one file called `SINGLE_FILE`.

    Raises:
        BadRecord: `archive_too_large`, `archive_bomb` or `archive_corrupt`.
    """
    if len(payload) > params.max_archive_bytes:
        raise BadRecord(LatexReason.ARCHIVE_TOO_LARGE, f"{len(payload)} bytes")
    data = _gunzip(payload, params) if payload[:2] == b"\x1f\x8b" else payload
    if data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return _open_zip(data, params)
    if _is_tar(data):
        return _open_tar(data, params)
    return SourceFiles({SINGLE_FILE: len(data)}, [], lambda _: data)
