"""Tables that name image files and their texts: CSV, TSV and JSON Lines, read record by record."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

from components.caption.pair_formats.files import image_uri, read_image
from components.caption.pair_formats.pair import Chosen, Pair, choose, field_kinds, texts_of
from components.caption.pairs_params import ReadPairsParams
from components.caption.reasons import CaptionReason
from components.core.errors import BadRecord, Drop
from components.core.records import Note
from components.core.store import Stores

_DELIMITERS: Final = {"csv": ",", "tsv": "\t"}
_BOM: Final = b"\xef\xbb\xbf"
SUFFIXES: Final = frozenset({"csv", "tsv", "jsonl", "ndjson"})
"""Lower-case endings of the names of tables."""


class BadLine(Exception):
    """A line that is no record."""


@dataclass(slots=True)
class Record:
    """One record of a table: bytes [start, stop) of it, and its fields, or what is wrong with it."""

    start: int
    stop: int
    fields: dict[str, Any]
    problem: str | None = None
    not_utf8: bool = False


class _Lines:
    """Lines of a stream as text; it goes on after a line that is too long."""

    def __init__(self, stream: BinaryIO, at: int, limit: int) -> None:
        self._stream, self._limit = stream, limit
        self.at = at
        self.not_utf8 = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._limit)
        if not line:
            raise StopIteration
        first = self.at == 0
        self.at += len(line)
        if len(line) == self._limit and not line.endswith(b"\n"):
            while (rest := self._stream.readline(self._limit)) and not rest.endswith(b"\n"):
                self.at += len(rest)
            self.at += len(rest)
            raise BadLine(f"a line is longer than {self._limit} bytes")
        line = line.removeprefix(_BOM) if first else line
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.not_utf8 = True
            return line.decode("utf-8", "replace")


def _csv_records(lines: _Lines, delimiter: str, header: list[str] | None) -> Iterator[Record]:
    """Records of delimited text; the first one is the header, unless one is given."""
    reader = csv.reader(lines, delimiter=delimiter)
    names = header
    while True:
        start, lines.not_utf8 = lines.at, False
        record = Record(start, start, {})
        try:
            values = next(reader)
        except StopIteration:
            return
        except (BadLine, csv.Error) as error:
            record.problem = str(error)
            values = []
        record.stop, record.not_utf8 = lines.at, lines.not_utf8
        if names is None:
            if record.problem is None and values:
                names = [name.strip() for name in values]
                yield Record(start, lines.at, dict.fromkeys(names, ""))
                continue
            if record.problem is None:
                continue
        if record.problem is None:
            if not values:  # an empty line
                continue
            assert names is not None
            if len(values) != len(names):
                record.problem = f"{len(values)} fields, {len(names)} in the header"
            record.fields = dict(zip(names, values, strict=False))
        yield record


def _json_records(lines: _Lines) -> Iterator[Record]:
    while True:
        start, lines.not_utf8 = lines.at, False
        record = Record(start, start, {})
        try:
            text = next(lines)
            if not text.strip():
                continue
            fields = json.loads(text)
            if not isinstance(fields, dict):
                raise ValueError("no object")
            record.fields = fields
        except StopIteration:
            return
        except (BadLine, ValueError, RecursionError) as error:
            record.problem = str(error)
        record.stop, record.not_utf8 = lines.at, lines.not_utf8
        yield record


def suffix_of(uri: str) -> str:
    """The ending of a file's name, lower case."""
    return uri.rpartition("/")[2].rpartition(".")[2].lower()


def read_records(stores: Stores, uri: str, start: int, stop: int | None, limit: int) -> Iterator[Record]:
    """The records that start in bytes [start, stop) of a table; `start` must be where a record starts.

    The first record of a whole CSV or TSV file is its header, with empty values.

    Args:
        limit: bytes above which a line is no record.
    """
    delimiter = _DELIMITERS.get(suffix_of(uri))
    header = None
    if delimiter is not None and start > 0:
        with stores.open(uri) as stream:
            first = next(_csv_records(_Lines(stream, 0, limit), delimiter, None), None)
            header = list(first.fields) if first is not None else []
    with stores.open(uri, start) as stream:
        lines = _Lines(stream, start, limit)
        records = _json_records(lines) if delimiter is None else _csv_records(lines, delimiter, header)
        for record in records:
            if stop is not None and record.start >= stop:
                return
            yield record


@dataclass(slots=True)
class _Columns:
    """Which columns mean what, for each set of column names that is met."""

    params: ReadPairsParams
    known: dict[tuple[tuple[str, str], ...], Chosen] = field(default_factory=dict)

    def of(self, fields: dict[str, Any]) -> Chosen:
        kinds = field_kinds(fields)
        key = tuple(kinds.items())
        if key not in self.known:
            if len(self.known) > 100:  # every line may have other fields
                self.known.clear()
            self.known[key] = choose(kinds, self.params.columns)
        return self.known[key]


def read_table(
    stores: Stores, uri: str, start: int, stop: int | None, params: ReadPairsParams
) -> Iterator[Pair]:
    """The pairs that a part of a table names, with the bytes of their image files."""
    columns = _Columns(params)
    records = read_records(stores, uri, start, stop, params.max_text_bytes)
    if start == 0 and suffix_of(uri) in _DELIMITERS:
        next(records, None)
    for record in records:
        pair = Pair(uri, str(record.start), record.start)
        try:
            if record.problem is not None:
                raise BadRecord(CaptionReason.BAD_RECORD, record.problem)
            if record.not_utf8:
                pair.notes.append(Note(CaptionReason.TEXT_NOT_UTF8, "the line is not UTF-8"))
            chosen = columns.of(record.fields)
            path = str(record.fields[chosen.path]).strip() if chosen.path is not None else ""
            if not path:
                raise Drop(CaptionReason.NO_IMAGE, "the record names no image file")
            found = image_uri(path, uri, params.image_root)
            pair.image = read_image(stores, found, params.max_image_bytes)
            pair.texts = texts_of(record.fields, chosen)
        except (BadRecord, Drop) as problem:
            pair.problem = problem
        yield pair
