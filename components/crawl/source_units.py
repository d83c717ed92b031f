"""What the inputs amount to, kept on disk while it is collected, and cut into units of work.

An input may be a list of millions of lines. Nothing here grows with their number but 8 bytes for
each file: rows and ledger lines go to temporary files, addresses to one of `BUCKETS` by a hash of
their host, so that one bucket at a time can be put in order.
"""

from __future__ import annotations

import errno
import json
import tempfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.records import record_id
from components.crawl.kinds import Kind

BUCKETS: Final = 256
OPEN_END: Final = (1 << 63) - 1
"""`stop` of a range that goes to the end of a file of unknown size."""
CUT: Final = frozenset({Kind.WARC, Kind.WAT, Kind.ARXIV})
"""Kinds whose records can be found from any byte on, so that a file can be read in ranges."""
_GROWTH: Final = 1.1
_BUFFER: Final = 1 << 15


class UnitParams(BaseModel):
    """How inputs become units of work."""

    model_config = ConfigDict(extra="forbid")

    shard_bytes: int = Field(
        default=16 << 20,
        ge=1 << 16,
        le=1 << 40,
        description="Bytes of input in one unit of work: WARC files and ArXiv's tars are cut into ranges of "
        "this length, small files are put together up to it.",
    )
    shard_files: int = Field(default=1000, ge=1, description="most files in one unit of work")
    shard_urls: int = Field(
        default=500,
        ge=1,
        description="Web addresses in one unit of work. All of a host stay in one unit, whatever their "
        "number, so that one worker keeps its crawl delay.",
    )
    max_units: int = Field(
        default=100_000,
        ge=1,
        le=1_000_000,
        description="Units of files, and units of addresses, beyond which the three limits above are raised "
        "until there are no more. A manifest names every unit (about 250 bytes each). A larger unit needs "
        "more memory: an extraction process holds what one gives.",
    )


@dataclass(frozen=True, slots=True)
class File:
    """A file that is taken.

    Attributes:
        size: bytes, -1 where unknown.
        expected: about how many bytes a file of unknown size has; 0: no idea, and it is not cut.
    """

    kind: Kind
    uri: str
    size: int
    expected: int = 0

    @property
    def length(self) -> int:
        """Bytes to plan with; 0 where nothing is known."""
        return self.size if self.size >= 0 else self.expected

    @property
    def can_be_cut(self) -> bool:
        """Whether it can be read in ranges."""
        return self.kind in CUT and self.length > 0

    def parts(self, limit: int) -> list[tuple[int, int]]:
        """Ranges of about equal length, none longer than `limit` if the size is known."""
        count = -(-self.length // limit) if self.can_be_cut else 1
        edges = [self.length * index // count for index in range(count)]
        return list(pairwise([*edges, self.size if self.size >= 0 else OPEN_END]))


class UnitPlan:
    """Collects files, addresses and refusals, then gives them out in units.

    `counts.rows_in` = `counts.kept` + lines of `ledger()`.

    Raises:
        ConfigurationError: where the folder for temporary files (TMPDIR) is full.
    """

    def __init__(self, step: str, params: UnitParams) -> None:
        self.counts = Counts()
        self._step, self._params = step, params
        self._spill = tempfile.TemporaryDirectory(prefix="kalemint-sources-")
        self._folder = Path(self._spill.name)
        self._open: dict[str, IO[str]] = {}
        self._lengths = array("q")  # negative: a file that is not cut
        self._urls = 0

    # collecting

    def _failed(self, error: OSError) -> Exception:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return error
        return ConfigurationError(
            f"No space left in {self._folder.parent} to put the inputs in order: set TMPDIR to a larger "
            "place, then run the same command again."
        )

    def _write(self, name: str, line: str) -> None:
        try:
            stream = self._open.get(name)
            if stream is None:
                stream = self._open[name] = (self._folder / name).open(
                    "w", buffering=_BUFFER, encoding="utf-8", errors="replace", newline="\n"
                )
            stream.write(line + "\n")
        except OSError as error:
            raise self._failed(error) from None

    def _end(self, name: str) -> None:
        try:
            if name in self._open:
                self._open.pop(name).close()
        except OSError as error:
            raise self._failed(error) from None

    def _lines(self, name: str) -> Iterator[str]:
        path = self._folder / name
        if path.exists():
            with path.open(encoding="utf-8", newline="\n") as stream:
                for line in stream:
                    yield line[:-1]

    def add_file(self, file: File) -> None:
        """Take a file."""
        self.counts.rows_in += 1
        self.counts.kept += 1
        length = self._weight(file)
        self._lengths.append(length if file.can_be_cut else -length)
        self._write("files", json.dumps([file.kind, file.uri, file.size, file.expected]))

    def _weight(self, file: File) -> int:
        """Bytes that a file counts for; one of unknown length may well fill a unit."""
        return file.length or self._params.shard_bytes

    def add_url(self, host: str, url: str) -> None:
        """Take an address without white space in it; one that comes again is refused by `close`."""
        self._urls += 1
        self._write(f"bucket-{zlib.crc32(host.encode()) % BUCKETS}", f"{host} {url}")

    def refuse(self, uri: str, reason: str, detail: str, *, judged: bool) -> None:
        """Record that an input is not taken. `judged`: it is not wanted; else it could not be read."""
        action = "dropped" if judged else "failed"
        numbers = self.counts.dropped if judged else self.counts.failed
        numbers[reason] = numbers.get(reason, 0) + 1
        self.counts.rows_in += 1
        self._write("ledger", json.dumps([uri, action, reason, detail[:500]]))

    def close(self, repeated: str) -> None:
        """Put all addresses in the order of their hosts, and refuse those named before as `repeated`."""
        for number in range(BUCKETS):
            hosts: dict[str, dict[str, None]] = {}
            again: Counter[str] = Counter()
            name = f"bucket-{number}"
            self._end(name)
            for line in self._lines(name):
                host, _, url = line.partition(" ")
                urls = hosts.setdefault(host, {})
                if url in urls:
                    again[url] += 1
                urls[url] = None
            (self._folder / name).unlink(missing_ok=True)
            for host, urls in hosts.items():
                self.counts.rows_in += len(urls)
                self.counts.kept += len(urls)
                for url in urls:
                    self._write("urls", f"{host} {url}")
            for url, times in again.items():
                for _ in range(times):
                    self.refuse(url, repeated, "the inputs name it more than once", judged=True)
        for name in list(self._open):
            self._end(name)

    # giving out

    def ledger(self) -> Iterator[dict[str, Any]]:
        """ledger/1 lines of the inputs that are not taken."""
        for line in self._lines("ledger"):
            uri, action, reason, detail = json.loads(line)
            yield {
                "step": self._step,
                "record_id": record_id(self._step, uri, reason),
                "record_kind": "source",
                "action": action,
                "reason": reason,
                "score": None,
                "threshold": None,
                "detail": detail,
                "locator": uri,
            }

    def shards(self) -> Iterator[pa.Table]:
        """All units (schema sources/1), those of files first."""
        yield from self.files()
        yield from self.urls()

    def files(self) -> Iterator[pa.Table]:
        """Units of files and of ranges of files, for extraction."""
        limit, most = self._limits()
        batch: list[tuple[Any, ...]] = []
        size = 0
        for line in self._lines("files"):
            kind, uri, known, expected = json.loads(line)
            file = File(Kind(kind), uri, known, expected)
            parts = file.parts(limit)
            if len(parts) > 1:
                for start, stop in parts:
                    yield _table([(kind, uri, start, stop, known, None)])
                continue
            length = self._weight(file)
            if batch and (size + length > limit or len(batch) >= most):
                yield _table(batch)
                batch, size = [], 0
            batch.append((kind, uri, *parts[0], known, None))
            size += length
        if batch:
            yield _table(batch)

    def _limits(self) -> tuple[int, int]:
        """Bytes and files in a unit: those of the parameters, or what makes `max_units` of all."""
        params = self._params
        most = max(params.shard_files, -(-len(self._lengths) // params.max_units))
        total = sum(map(abs, self._lengths))
        limit = max(params.shard_bytes, -(-total // params.max_units))
        while self._count(limit, most) > params.max_units:
            if limit > total:  # fewer units only by more files in each
                most = int(most * _GROWTH) + 1
            else:
                limit = int(limit * _GROWTH) + 1
        return limit, most

    def _count(self, limit: int, most: int) -> int:
        """How many units `files` gives."""
        units = files = size = 0
        for signed in self._lengths:
            if signed > limit:
                units += -(-signed // limit)
                continue
            length = abs(signed)
            if not files or size + length > limit or files >= most:
                units += 1
                files = size = 0
            files += 1
            size += length
        return units

    def urls(self) -> Iterator[pa.Table]:
        """Units of web addresses, for fetching; every host is in one unit only."""
        most = max(self._params.shard_urls, -(-self._urls // self._params.max_units))
        group: list[tuple[Any, ...]] = []
        pairs = (line.partition(" ") for line in self._lines("urls"))
        for _, lines in groupby(pairs, itemgetter(0)):
            rows = [(Kind.URL, url, 0, 0, -1, url) for _, _, url in lines]
            if group and len(group) + len(rows) > most:
                yield _table(group)
                group = []
            group += rows
        if group:
            yield _table(group)


def _table(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows of (kind, uri, start, stop, bytes, url) as sources/1."""
    ids = [record_id(str(kind), uri, f"{start}-{stop}") for kind, uri, start, stop, _, _ in rows]
    schema = schemas.get("sources/1")
    columns = [ids, *zip(*rows, strict=True)]
    arrays = [
        pa.array(list(map(str, c)) if f.name == "kind" else c, f.type)
        for f, c in zip(schema, columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
