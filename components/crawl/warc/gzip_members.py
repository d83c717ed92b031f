"""Positioned reading of stored files, and of the gzip members in them, for WARC readers."""

from __future__ import annotations

import io
import re
import zlib
from typing import BinaryIO, Final, Protocol

from fastwarc.stream_io import GzipReader

from components.core.errors import BadShard
from components.core.store import Stat

CHUNK: Final = 1 << 17
_BUFFER: Final = 1 << 20
_HEAD_INPUT: Final = 512
_QUICK_BYTES: Final = 4 << 20
MEMBER: Final = b"\x1f\x8b\x08"
_SMALLEST_MEMBER: Final = 20
HEADER: Final = re.compile(rb"WARC/1\.\d\r?\n[A-Za-z]")
NEXT_HEADER: Final = re.compile(rb"\n\r?\n(?=WARC/1\.\d\r?\n[A-Za-z])")
HEADER_SPAN: Final = 16
"""Bytes that `NEXT_HEADER` looks at."""


class Opener(Protocol):
    """The part of `components.core.store.Stores` that reading needs."""

    def open(self, uri: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """A readable stream of bytes `start` to `stop` (or the end)."""

    def stat(self, uri: str) -> Stat | None:
        """Size of an object, or None where there is none."""


class CorruptMember(Exception):
    """The gzip member can't be inflated to its end."""


class StoredFile:
    """Sequential reading of a stored file with cheap jumps: near ones read on, far ones open again."""

    def __init__(self, stores: Opener, uri: str) -> None:
        found = stores.stat(uri)
        if found is None:
            raise BadShard(f"{uri} is not there any more.")
        self.size = found.size
        self._stores, self._uri = stores, uri
        self._stream: BinaryIO | None = None
        self._stream_at = 0
        self._buffer, self._buffer_at = b"", 0
        self.at = 0

    def read(self, length: int) -> bytes:
        """Up to `length` bytes from `at`; fewer only at the end of the file."""
        parts = []
        while length > 0:
            inside = self.at - self._buffer_at
            if not 0 <= inside < len(self._buffer):
                self._fill()
                inside = 0
                if not self._buffer:
                    break
            part = self._buffer[inside : inside + length]
            parts.append(part)
            self.at += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def slice_to(self, mark: bytes, beyond: int) -> bytes:
        """Bytes from `at` to the next `mark` at least `beyond` bytes on; empty if the buffer has none."""
        inside = self.at - self._buffer_at
        if not 0 <= inside < len(self._buffer):
            self._fill()
            inside = 0
        found = self._buffer.find(mark, inside + beyond)
        return self._buffer[inside:found] if found >= 0 else b""

    def _fill(self) -> None:
        """Put the bytes at `at` into the buffer; leave it empty at the end of the file."""
        if self._stream is None or not 0 <= self.at - self._stream_at <= _BUFFER:
            self.close()
            self._stream = self._stores.open(self._uri, self.at)
            self._stream_at = self.at
        while True:
            data = self._stream.read(_BUFFER)
            self._stream_at += len(data)
            if not data or self._stream_at > self.at:
                break
        start = self._stream_at - len(data)
        self._buffer, self._buffer_at = data[self.at - start :], self.at

    def chunk(self) -> bytes:
        """The next bytes, as many as are at hand within bounds; empty at the end of the file."""
        inside = self.at - self._buffer_at
        left = len(self._buffer) - inside if inside >= 0 else 0
        return self.read(min(left, CHUNK) if left > 0 else CHUNK)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def member_head(file: StoredFile, offset: int) -> bytes | None:
    """The first inflated bytes of the gzip member at `offset`; None if there is no member."""
    file.at = offset
    inflate = zlib.decompressobj(31)
    head = b""
    try:
        while len(head) < HEADER_SPAN and not inflate.eof:
            data = inflate.unconsumed_tail or file.read(_HEAD_INPUT)
            if not data:
                return None
            head += inflate.decompress(data, HEADER_SPAN - len(head))
    except zlib.error:
        return None
    return head


def inflate_quickly(file: StoredFile, offset: int) -> tuple[bytes, int] | None:
    """All of a small member, twice as fast as zlib: (inflated bytes, length of the member).

    The member is taken to end before the next three bytes that could begin one. Where they do not
    (1 in 16 million positions looks like it), the member is large, or anything is wrong with it, the
    answer is None and zlib has to look. FastWARC checks the checksum if it gets to it, and is silent
    about a member that is cut off, hence the look at the length in the trailer.
    """
    file.at = offset
    packed = file.slice_to(MEMBER, _SMALLEST_MEMBER)
    if not packed:
        return None
    try:
        data = GzipReader(io.BytesIO(packed)).read(_QUICK_BYTES)
    except OSError:
        return None
    whole = len(data) < _QUICK_BYTES and int.from_bytes(packed[-4:], "little") == len(data)
    return (data, len(packed)) if whole else None


class GzipMember:
    """The inflated bytes of the gzip member at an offset.

    Members behind it that do not begin with a WARC header are read on as its continuation: some
    writers, block gzip among them, cut members anywhere.
    """

    def __init__(self, file: StoredFile, offset: int) -> None:
        file.at = offset
        self._file = file
        self._inflate = zlib.decompressobj(31)
        self._input = b""
        self._ready, self._at = b"", 0
        self._begun = self._done = self._ended = False
        self._damage: CorruptMember | None = None
        self.end = offset
        """Where what follows starts; known once all is read."""
        self.record_follows = False
        """Whether a gzip member that begins with a WARC header starts there."""

    def _more(self, length: int) -> bytes:
        """Some inflated bytes; empty at the end of the member, whose checksum was then right."""
        while not self._done or self._continue():
            if not self._begun:
                self._begun = True
                quick = inflate_quickly(self._file, self.end)
                if quick is not None:
                    self._done = True
                    self.end += quick[1]
                    if quick[0]:
                        return quick[0]
                    continue
                self._file.at = self.end
            if not self._input:
                self._input = self._file.chunk()
                if not self._input:
                    raise CorruptMember("the gzip member is cut off by the end of the file")
            try:
                data = self._inflate.decompress(self._input, length)
            except zlib.error as error:
                raise CorruptMember(f"the gzip member can't be inflated: {error}") from None
            self._input = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._done = True
                self.end = self._file.at - len(self._inflate.unused_data)
            if data:
                return data
        return b""

    def _continue(self) -> bool:
        """At the end of a member: go on with the next one if it goes on with this one's record."""
        if self._ended:
            return False
        head = member_head(self._file, self.end)
        self._ended = head is None or bool(HEADER.match(head))
        self.record_follows = self._ended and head is not None
        if not self._ended:
            self._file.at = self.end
            self._inflate = zlib.decompressobj(31)
            self._input = b""
            self._begun = self._done = False
        return not self._ended

    def peek(self, length: int) -> bytes:
        """The next bytes, up to `length`, without passing them; fewer only at the end or at damage."""
        have = len(self._ready) - self._at
        if have < length:
            parts = [self._ready[self._at :]] if have else []
            while have < length and self._damage is None:
                try:
                    data = self._more(length - have)
                except CorruptMember as damage:
                    self._damage = damage  # raised by `check`: what was inflated before is still good
                    break
                if not data:
                    break
                parts.append(data)
                have += len(data)
            self._ready, self._at = parts[0] if len(parts) == 1 else b"".join(parts), 0
        return self._ready[self._at : self._at + length]

    def check(self) -> None:
        """Say whether fewer bytes meant damage.

        Raises:
            CorruptMember: if the bytes read so far end at damage, not at the end of the member.
        """
        if self._damage is not None:
            raise self._damage

    def take(self, length: int) -> bytes:
        """The next bytes, up to `length`; fewer only at the end or at damage."""
        data = self.peek(length)
        self._at += len(data)
        return data

    def skip(self, length: int) -> int:
        """Pass up to `length` bytes in bounded memory; returns how many there were."""
        left = length
        while left > 0:
            data = self.take(min(left, CHUNK))
            if not data:
                break
            left -= len(data)
        return length - left

    def unread(self, data: bytes) -> None:
        """Put bytes back in front."""
        self._ready, self._at = data + self._ready[self._at :], 0

    def skip_to_header(self) -> bool:
        """Pass everything before the next WARC header that follows a blank line; False at the end."""
        while True:
            window = self.peek(CHUNK)
            found = NEXT_HEADER.search(window)
            if found:
                self.skip(found.end())
                return True
            if len(window) < CHUNK:
                self.check()
                self.skip(len(window))
                return False
            self.skip(CHUNK - HEADER_SPAN)
