"""WebDataset tars as img2dataset and DataComp write them: image, `.txt` and `.json` of one name.

The tar is read as a stream, one member in memory at a time. Where bytes are no member, the next
header is looked for and what lies between is one failed pair.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from components.caption.pair_formats.pair import (
    IMAGE_SUFFIXES,
    Pair,
    choose,
    decoded,
    field_kinds,
    json_fields,
    texts_of,
)
from components.caption.pairs_params import ReadPairsParams
from components.caption.reasons import CaptionReason
from components.core.errors import BadRecord, Drop
from components.core.records import Note

_BLOCK: Final = 512
_SKIP: Final = 1 << 20
_FILES: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
_NAME: Final = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]*)", re.DOTALL)
"""A sample's name ends at the first dot of the file's name (WebDataset)."""
_PAX_PATH: Final = re.compile(rb"(?:^|\n)\d+ path=([^\n]*)\n")
_PAX_SIZE: Final = re.compile(rb"(?:^|\n)\d+ size=(\d+)\n")
_TEXTS: Final = frozenset({"txt", "json"})


class _Cut(Exception):
    """The tar ends inside a member."""


@dataclass(slots=True)
class _Sample:
    """Members of one name, as they come."""

    key: str
    offset: int
    members: dict[str, bytes] = field(default_factory=dict)
    too_large: dict[str, int] = field(default_factory=dict)
    cut: str | None = None


def _header(block: bytes) -> tarfile.TarInfo | None:
    """The header that a block holds, if its checksum says that it is one."""
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except (tarfile.HeaderError, ValueError):
        return None
    return found if found.size >= 0 else None


class _Stream:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; fewer at the end only."""
        data = self._stream.read(size)
        while data and len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        self.at += len(data)
        return data

    def member(self, size: int, limit: int) -> bytes:
        """The first `limit` bytes of a member's data; the stream is then behind it.

        Raises:
            _Cut: where the tar ends before.
        """
        data = self.read(min(size, limit))
        left = size - len(data) + -size % _BLOCK
        if len(data) < min(size, limit):
            raise _Cut
        while left:
            skipped = len(self.read(min(left, _SKIP)))
            if not skipped and left >= _BLOCK:  # the last padding may be missing
                raise _Cut
            if not skipped:
                break
            left -= skipped
        return data


class _TarReader:
    def __init__(self, stream: BinaryIO, uri: str, params: ReadPairsParams) -> None:
        self._tar = _Stream(stream)
        self._uri, self._params = uri, params
        self._sample: _Sample | None = None

    def pairs(self) -> Iterator[Pair]:
        name: str | None = None
        size: int | None = None
        begin: int | None = None  # of the extended headers before a member
        while block := self._tar.read(_BLOCK):
            at = self._tar.at - len(block)
            if not block.strip(b"\0"):  # the end, unless another tar follows
                continue
            header = _header(block)
            if header is None:
                yield from self._flush()
                yield self._damage(at, "bytes that are no member of a tar")
                if not self._resync():
                    break
                header = self._found
                at = self._tar.at - _BLOCK
            try:
                if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME):
                    begin = at if begin is None else begin
                    data = self._tar.member(header.size, self._params.max_text_bytes)
                    if header.type == tarfile.GNUTYPE_LONGNAME:
                        name = data.rstrip(b"\0").decode("utf-8", "replace")
                    else:
                        found, long = _PAX_PATH.search(data), _PAX_SIZE.search(data)
                        name = found[1].decode("utf-8", "replace") if found else name
                        size = int(long[1][:18]) if long else size
                    continue
                header.size = header.size if size is None else size
                at = at if begin is None else begin
                member_name, name, size, begin = name or header.name, None, None, None
                if header.type in _FILES:
                    yield from self._take(at, member_name, header.size)
                else:
                    self._tar.member(header.size, 0)
            except _Cut:
                yield from self._flush()
                yield self._damage(at, f"the tar ends inside {(name or header.name)[:100]!r}")
        yield from self._flush()

    def _resync(self) -> bool:
        """Go on to the next header that says it is one; False at the end."""
        while block := self._tar.read(_BLOCK):
            found = _header(block) if block[257:262] == b"ustar" else None
            if found is not None:
                self._found = found
                return True
        return False

    def _damage(self, at: int, detail: str) -> Pair:
        return Pair(self._uri, str(at), at, problem=BadRecord(CaptionReason.BAD_RECORD, detail))

    def _take(self, at: int, name: str, size: int) -> Iterator[Pair]:
        """Add a file to its sample; the sample before it is then whole."""
        parts = _NAME.fullmatch(name)
        key, suffix = (parts[1], parts[2].lower()) if parts else (name, "")
        sample = self._sample
        if sample is None or sample.key != key or suffix in sample.members or suffix in sample.too_large:
            yield from self._flush()
            sample = self._sample = _Sample(key, at)
        is_image = suffix.rpartition(".")[2] in IMAGE_SUFFIXES
        limit = self._params.max_image_bytes if is_image else self._params.max_text_bytes + 1
        if is_image and size > limit:
            sample.too_large[suffix] = size
            self._tar.member(size, 0)
        elif is_image or suffix in _TEXTS:
            try:
                sample.members[suffix] = self._tar.member(size, limit)
            except _Cut:
                sample.cut = name
                yield from self._flush()
        else:
            sample.members[suffix] = b""
            self._tar.member(size, 0)

    def _flush(self) -> Iterator[Pair]:
        if self._sample is not None:
            sample, self._sample = self._sample, None
            yield self._pair(sample)

    def _pair(self, sample: _Sample) -> Pair:
        pair = Pair(self._uri, f"{sample.offset} {sample.key[:200]}", sample.offset)
        limit = self._params.max_text_bytes
        images = [s for s in (*sample.members, *sample.too_large) if s.rpartition(".")[2] in IMAGE_SUFFIXES]
        if sample.cut is not None:
            pair.problem = BadRecord(CaptionReason.BAD_RECORD, f"the tar ends inside {sample.cut[:100]!r}")
            return pair
        if not images:
            beside = ", ".join(sorted(sample.members)) or "nothing"
            pair.problem = Drop(CaptionReason.NO_IMAGE, f"{sample.key[:100]!r} has {beside[:100]}")
            return pair
        image = min(images, key=lambda suffix: suffix.count("."))
        if image in sample.too_large:
            size, most = float(sample.too_large[image]), self._params.max_image_bytes
            pair.problem = Drop(CaptionReason.TOO_MANY_BYTES, f"{size:.0f} bytes", size, float(most))
            return pair
        if len(images) > 1:
            others = ", ".join(sorted(set(images) - {image}))
            pair.notes.append(Note(CaptionReason.FURTHER_IMAGES, f"{image} is taken, not {others[:200]}"))
        fields = {}
        if "json" in sample.members:
            fields = json_fields(sample.members["json"], limit, pair.notes, "the .json")
        beside_text = None
        if "txt" in sample.members:
            beside_text = decoded(sample.members["txt"], limit, pair.notes, "the .txt")
        pair.image = sample.members[image]
        chosen = choose(field_kinds(fields), self._params.columns)
        pair.texts = texts_of(fields, chosen, beside_text)
        return pair


def read_tar(stream: BinaryIO, uri: str, params: ReadPairsParams) -> Iterator[Pair]:
    """The pairs of a tar in its order: one for each name, and one for each damaged stretch."""
    return _TarReader(stream, uri, params).pairs()
