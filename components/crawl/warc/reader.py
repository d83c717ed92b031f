"""Read WARC files (ISO 28500) by byte ranges, and go on behind damage.

A file is cut into ranges at any bytes; each record belongs to the range in which it starts, so that
the ranges together give every record of the file exactly once and no index is needed. A reader that
starts in the middle looks for the next gzip member (or plain header after a blank line) that begins
with `WARC/1.`. The one thing this can't tell apart is a WARC file stored inside a record: where a
range starts inside such a record, the records stored in it are taken for records of the file.

A WARC file that was compressed as one gzip stream can't be cut: the range with byte 0 has it all.
"""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastwarc.warc import HeaderMap
from pydantic import BaseModel, ConfigDict, Field

from components.crawl.warc.gzip_members import (
    CHUNK,
    HEADER,
    HEADER_SPAN,
    MEMBER,
    NEXT_HEADER,
    CorruptMember,
    GzipMember,
    Opener,
    StoredFile,
    member_head,
)

_HEAD: Final = 1 << 11
"""Bytes in which nearly every WARC header ends."""
_MAX_HEAD: Final = 1 << 16
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_BLANK: Final = re.compile(rb"\n\r?\n\Z")
_RESCAN_BYTES: Final = 256 << 20
"""Bytes that are read a second time after damage, in one range, before the reader skips forward
instead. Only files made to cost time reach it."""


class WarcParams(BaseModel):
    """How WARC files are read."""

    model_config = ConfigDict(extra="forbid")

    max_record_bytes: int = Field(
        default=64 << 20,
        ge=1 << 10,
        le=1 << 30,
        description="Longest record block that is read, in bytes; a longer one is passed over as damage. "
        "Heritrix and Common Crawl truncate payloads far below it.",
    )
    max_payload_bytes: int = Field(
        default=64 << 20,
        ge=1 << 10,
        le=1 << 30,
        description="Longest HTTP payload after content decoding, in bytes: the bound on compression bombs.",
    )


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One record.

    Attributes:
        offset: first byte, in the file as it is stored, of the record or of its gzip member.
        ordinal: number of the record within its gzip member, counted from 0; 0 in a plain file.
        headers: WARC named fields.
        block: the content block: for a `response` an HTTP message, for a `resource` the payload.
    """

    offset: int
    ordinal: int
    headers: HeaderMap
    block: bytes

    @property
    def type(self) -> str:
        """WARC-Type, in lower case."""
        return (self.headers.get("WARC-Type") or "").strip().lower()

    @property
    def record_id(self) -> str | None:
        """WARC-Record-ID without its angle brackets."""
        return clean_uri(self.headers.get("WARC-Record-ID"))

    @property
    def target_uri(self) -> str | None:
        """WARC-Target-URI; angle brackets, which some writers put, are removed."""
        return clean_uri(self.headers.get("WARC-Target-URI"))

    @property
    def content_type(self) -> str:
        """Content-Type of the block, in lower case."""
        return (self.headers.get("Content-Type") or "").strip().lower()

    @property
    def date(self) -> datetime | None:
        """WARC-Date in UTC, or None where it is missing or no date."""
        try:
            found = datetime.fromisoformat((self.headers.get("WARC-Date") or "").strip())
        except ValueError:
            return None
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class WarcDamage:
    """Bytes that are no record, or a record that can't be read.

    Attributes:
        offset: where it starts in the stored file.
        ordinal: number of the record within its gzip member.
        detail: one sentence.
        too_large: the record is sound but longer than `max_record_bytes`.
    """

    offset: int
    ordinal: int
    detail: str
    too_large: bool = False


def clean_uri(value: str | None) -> str | None:
    """A URI header value without white space around it and without angle brackets; None if empty."""
    return (value or "").strip().removeprefix("<").removesuffix(">").strip() or None


def parse_headers(head: bytes, *, status_line: bool = True) -> HeaderMap:
    """WARC or HTTP header lines as a map whose keys ignore case; bytes that are no UTF-8 are replaced."""
    headers = HeaderMap()
    if b"\r\n" not in head:
        head = head.replace(b"\n", b"\r\n")
    headers.parse(io.BytesIO(head), has_status_line=status_line)
    return headers


def _content_length(headers: HeaderMap) -> int | None:
    value = (headers.get("Content-Length") or "").strip()
    return int(value) if re.fullmatch(r"[0-9]{1,15}", value) else None


class _Reader:
    """The records of one range of one file."""

    def __init__(self, stores: Opener, uri: str, params: WarcParams) -> None:
        self._params = params
        self._rescanned = 0
        self.file = StoredFile(stores, uri)

    def records(self, start: int, stop: int) -> Iterator[WarcRecord | WarcDamage]:
        if start < stop and self.file.size:
            yield from (self._gzip if self._is_gzip() else self._plain)(start, stop)

    def _is_gzip(self) -> bool:
        head = self.file.read(5)
        if head == b"WARC/":
            return False
        # where the first bytes are damaged, what can be found decides
        return head.startswith(b"\x1f\x8b") or self._next_member(0, min(self.file.size, 1 << 20)) is not None

    def _resume(self, offset: int, reached: int) -> int:
        """Where to look on after damage: behind its first byte, unless that was done too often."""
        self._rescanned += max(0, reached - offset)
        return offset + 1 if self._rescanned <= _RESCAN_BYTES else max(reached, offset + 1)

    # gzip

    def _starts_record(self, offset: int) -> bool:
        return bool(HEADER.match(member_head(self.file, offset) or b""))

    def _next_member(self, start: int, stop: int) -> int | None:
        """Offset of the first gzip member in [start, stop) that begins with a WARC header."""
        at = start
        while at < stop:
            self.file.at = at
            window = self.file.read(CHUNK)
            found = window.find(MEMBER)
            if found < 0:
                at += max(1, len(window) - 2)
                if len(window) < CHUNK:
                    return None
            elif at + found < stop and self._starts_record(at + found):
                return at + found
            else:
                at += found + 1
        return None

    def _gzip(self, start: int, stop: int) -> Iterator[WarcRecord | WarcDamage]:
        at = self._next_member(start, stop) if start else 0
        if at == 0 and not self._starts_record(0):
            yield WarcDamage(0, 0, "the file does not begin with a WARC record")
            at = self._next_member(1, stop)
        while at is not None and at < stop:
            member = GzipMember(self.file, at)
            if not (yield from self._member(member, at)):
                at = self._next_member(self._resume(at, self.file.at), stop)
            elif member.record_follows:
                at = member.end
            elif member.end < self.file.size:
                # reported here, behind the record before it, whichever range the bytes are in
                yield WarcDamage(member.end, 0, "bytes between records that are no record")
                at = self._next_member(member.end + 1, stop)
            else:
                return

    def _member(self, member: GzipMember, offset: int) -> Generator[WarcRecord | WarcDamage, None, bool]:
        """The records of one gzip member; returns whether it is sound to its end."""
        ordinal = 0
        try:
            more = True
            while more:
                record = self._in_member(member, offset, ordinal)
                window = member.peek(HEADER_SPAN)
                if len(window) < HEADER_SPAN:
                    member.check()
                if window and not HEADER.match(window):
                    if isinstance(record, WarcRecord):
                        yield record
                        ordinal += 1
                        record = WarcDamage(offset, ordinal, "bytes between records that are no record")
                    more = member.skip_to_header()
                else:
                    more = bool(window)
                # only now is it known that the member could be inflated up to the next record
                yield record
                ordinal += 1
        except CorruptMember as error:
            yield WarcDamage(offset, ordinal, str(error))
            return False
        return True

    def _in_member(self, member: GzipMember, offset: int, ordinal: int) -> WarcRecord | WarcDamage:
        """The record at the member's position. Afterwards the member stands behind it and its blank lines."""
        end = _HEAD_END.search(member.peek(_HEAD)) or _HEAD_END.search(member.peek(_MAX_HEAD))
        if end is None:
            member.check()
            member.skip(1)
            return WarcDamage(offset, ordinal, "the WARC header has no end")
        headers = parse_headers(member.take(end.end()))
        length = _content_length(headers)
        if length is None:
            return WarcDamage(offset, ordinal, _bad_length(headers))
        if length > self._params.max_record_bytes:
            there = member.skip(length)
            if there < length:
                member.check()
            damage = (
                _too_large(offset, ordinal, length)
                if there == length
                else _cut(offset, ordinal, there, length)
            )
            self._pass_blank(member)
            return damage
        block = member.take(length)
        if len(block) < length:
            member.check()
            self._put_back(member, block)
            return _cut(offset, ordinal, len(block), length)
        blank = self._pass_blank(member)
        behind = member.peek(HEADER_SPAN)
        if behind and not HEADER.match(behind) and not _BLANK.search(block[-4:] + blank):
            self._put_back(member, block + blank)
            return WarcDamage(offset, ordinal, f"Content-Length says {length} bytes and the record is longer")
        return WarcRecord(offset, ordinal, headers, block)

    def _put_back(self, member: GzipMember, block: bytes) -> None:
        """Look for records inside a block whose length is wrong, unless that was done too often."""
        self._rescanned += len(block)
        if self._rescanned <= _RESCAN_BYTES:
            member.unread(block)

    @staticmethod
    def _pass_blank(member: GzipMember) -> bytes:
        """Pass line ends; returns the last few."""
        last = b""
        while True:
            window = member.peek(64)
            ends = len(window) - len(window.lstrip(b"\r\n"))
            last = (last + member.take(ends))[-4:]
            if ends < 64:
                return last

    # plain

    def _next_header(self, start: int, stop: int) -> int | None:
        """Offset of the first header in [start, stop) that follows a blank line."""
        at = max(0, start - 3)
        while at < stop:
            self.file.at = at
            window = self.file.read(CHUNK)
            for found in NEXT_HEADER.finditer(window):
                if at + found.end() >= start:
                    return at + found.end() if at + found.end() < stop else None
            if len(window) < CHUNK:
                return None
            at += len(window) - HEADER_SPAN
        return None

    def _plain(self, start: int, stop: int) -> Iterator[WarcRecord | WarcDamage]:
        at = self._next_header(start, stop) if start else 0
        if at == 0 and not HEADER.match(self._peek(0, HEADER_SPAN)):
            yield WarcDamage(0, 0, "the file does not begin with a WARC record")
            at = self._next_header(1, stop)
        while at is not None and at < stop:
            record, behind = self._plain_record(at)
            yield record
            if behind is None:
                at = self._next_header(self._resume(at, self.file.at), stop)
            elif behind >= self.file.size or HEADER.match(self._peek(behind, HEADER_SPAN)):
                at = behind
            else:
                yield WarcDamage(behind, 0, "bytes between records that are no record")
                at = self._next_header(behind + 1, stop)
            if at is not None and at >= self.file.size:
                return

    def _peek(self, at: int, length: int) -> bytes:
        self.file.at = at
        return self.file.read(length)

    def _plain_record(self, offset: int) -> tuple[WarcRecord | WarcDamage, int | None]:
        """The record at `offset`, and where what follows it starts: None if its length can't be trusted."""
        head = self._peek(offset, _HEAD)
        end = _HEAD_END.search(head)
        if end is None:
            head = self._peek(offset, _MAX_HEAD)
            end = _HEAD_END.search(head)
        if end is None:
            return WarcDamage(offset, 0, "the WARC header has no end"), None
        headers = parse_headers(head[: end.end()])
        length = _content_length(headers)
        if length is None:
            return WarcDamage(offset, 0, _bad_length(headers)), None
        start, stop = offset + end.end(), offset + end.end() + length
        if stop > self.file.size:
            return _cut(offset, 0, self.file.size - start, length), None
        # the end is looked at first: a lie about the length then costs no reading of the block
        blank_at = max(start, stop - 4)
        blank = self._peek(blank_at, stop - blank_at)
        behind = stop
        while ends := self._line_ends(behind):
            blank = (blank + self._peek(behind, ends))[-8:]
            behind += ends
        # an empty block may be without line ends of its own: those of the header are in front
        bare = length == 0 and HEADER.match(self._peek(behind, HEADER_SPAN))
        if behind < self.file.size and not _BLANK.search(blank) and not bare:
            damage = f"Content-Length says {length} bytes and no record ends there"
            return WarcDamage(offset, 0, damage), None
        if length > self._params.max_record_bytes:
            return _too_large(offset, 0, length), behind
        return WarcRecord(offset, 0, headers, self._peek(start, length)), behind

    def _line_ends(self, at: int) -> int:
        window = self._peek(at, 64)
        return len(window) - len(window.lstrip(b"\r\n"))


def _bad_length(headers: HeaderMap) -> str:
    value = headers.get("Content-Length")
    return "there is no Content-Length" if value is None else f"Content-Length is {value[:40]!r}"


def _too_large(offset: int, ordinal: int, length: int) -> WarcDamage:
    return WarcDamage(offset, ordinal, f"the record's block has {length} bytes", too_large=True)


def _cut(offset: int, ordinal: int, there: int, length: int) -> WarcDamage:
    return WarcDamage(offset, ordinal, f"Content-Length says {length} bytes and {there} are there")


def read_warc(
    stores: Opener,
    uri: str,
    start: int = 0,
    stop: int | None = None,
    params: WarcParams | None = None,
) -> Iterator[WarcRecord | WarcDamage]:
    """The records of a WARC file, plain or gzip, that start in bytes [start, stop) of the stored file.

    Memory stays within a few times `max_record_bytes`, whatever the file holds.

    Yields:
        `WarcRecord` for each sound record and `WarcDamage` for each stretch that is none, in file order.

    Raises:
        BadShard: where the file is gone.
    """
    reader = _Reader(stores, uri, params or WarcParams())
    try:
        yield from reader.records(start, reader.file.size if stop is None else min(stop, reader.file.size))
    finally:
        reader.file.close()
