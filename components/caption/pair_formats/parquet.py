"""Parquet files of pairs: encoded images (binary, or Hugging Face's struct) or paths, and texts.

Files come from strangers and Arrow's readers are written in C++: a process of its own, with limits of
time and memory, reads them, a few rows a call.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from components.caption.pair_formats.files import image_uri, read_image
from components.caption.pair_formats.pair import Chosen, Pair, choose, decoded, texts_of
from components.caption.pairs_params import ReadPairsParams
from components.caption.reasons import CaptionReason
from components.core.errors import BadRecord, ConfigurationError, Drop, RetryableError
from components.core.records import Note
from components.core.sandbox import Sandbox
from components.core.store import Stores

_BATCH_BYTES: Final = 16 << 20
_MOST_ROWS: Final = 256
_CALL_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Footer:
    """What a Parquet file says of itself.

    Attributes:
        groups: rows and bytes of each row group.
        kinds: column → kind, as `choose` knows them; fields of structs as `a.b`.
    """

    groups: list[tuple[int, int]]
    kinds: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row as the other process gives it; `size` of an image that is too large to be given."""

    image: bytes | None
    size: int
    path: str | None
    texts: dict[str, Any]
    notes: list[Note]


@dataclass(slots=True)
class _Reading:
    """The row group that the reading process is in, between two calls."""

    key: tuple[Any, ...]
    batches: Iterator[Any]
    at: int


_reading: _Reading | None = None


def _kind(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return "binary"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return "texts" if _kind(kind.value_type) == "text" else "other"
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return "image" if index >= 0 and _kind(kind.field(index).type) == "binary" else "other"
    return "other"


def _open(stores: Stores, uri: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # other allocators reserve a gigabyte of address space, which the limit counts
    pa.set_memory_pool(pa.system_memory_pool())
    return pq.ParquetFile(stores.seekable(uri), memory_map=False, pre_buffer=False, buffer_size=1 << 20)


def read_footer(stores: Stores, uri: str) -> Footer | RetryableError | ConfigurationError:
    """What a file says of itself; faults of the store are given back. Called in the sandbox."""
    import pyarrow as pa

    try:
        file = _open(stores, uri)
    except (RetryableError, ConfigurationError) as error:
        return error
    kinds: dict[str, str] = {}
    for column in file.schema_arrow:
        kinds[column.name] = _kind(column.type)
        if pa.types.is_struct(column.type):
            kinds.update({f"{column.name}.{inner.name}": _kind(inner.type) for inner in column.type})
    groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
    return Footer([(group.num_rows, max(1, group.total_byte_size)) for group in groups], kinds)


def _values(batch: Any, column: str) -> Any:
    """A column of a batch, `a.b` a field of a struct; strings as bytes, which may not be UTF-8."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column in batch.schema.names:
        values = batch.column(batch.schema.names.index(column))
    else:
        outer, _, inner = column.partition(".")
        values = pc.struct_field(batch.column(batch.schema.names.index(outer)), inner)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if _kind(values.type) == "text":
        values = values.cast(pa.large_binary())
    return values


def _text(value: Any, limit: int, notes: list[Note], column: str) -> Any:
    if not value.is_valid:
        return None
    try:
        plain = value.as_py()
    except UnicodeDecodeError:
        notes.append(Note(CaptionReason.TEXT_NOT_UTF8, f"{column} is not UTF-8"))
        return None
    return decoded(plain, limit, notes, column) if isinstance(plain, bytes) else plain


def _rows(batch: Any, chosen: Chosen, params: ReadPairsParams) -> list[_Row]:
    import pyarrow as pa

    texts = {name: _values(batch, name) for name in chosen.text_columns}
    images = paths = None
    if chosen.image is not None:
        images = _values(batch, chosen.image)
        if pa.types.is_struct(images.type):
            paths = (
                _values(batch, f"{chosen.image}.path") if images.type.get_field_index("path") >= 0 else None
            )
            images = _values(batch, f"{chosen.image}.bytes")
    elif chosen.path is not None:
        paths = _values(batch, chosen.path)
    rows = []
    limit = params.max_text_bytes
    for number in range(batch.num_rows):
        notes: list[Note] = []
        image, size = None, 0
        if images is not None and images[number].is_valid:
            buffer = images[number].as_buffer()
            size = buffer.size
            image = buffer.to_pybytes() if size <= params.max_image_bytes else None
        path = None if paths is None else _text(paths[number], limit, [], "the path")
        found = {name: _text(column[number], limit, notes, name) for name, column in texts.items()}
        rows.append(_Row(image, size, path, found, notes))
    return rows


def read_rows(
    stores: Stores, uri: str, group: int, at: int, count: int, chosen: Chosen, params: ReadPairsParams
) -> list[_Row] | RetryableError | ConfigurationError:
    """The next rows of a row group from row `at` on, at most `count`; none at its end.

    The open file is kept between calls, and opened again where another process was in between.
    Called in the sandbox; faults of the store are given back.
    """
    global _reading  # noqa: PLW0603 - one for the process of the sandbox
    key = (uri, group, count, chosen)
    try:
        if _reading is None or _reading.key != key or _reading.at != at:
            _reading = None
            file = _open(stores, uri)
            names = [chosen.image, chosen.path if chosen.image is None else None, *chosen.text_columns]
            outer = set(file.schema_arrow.names)
            columns = {n if n in outer else n.partition(".")[0] for n in names if n is not None}
            batches = file.iter_batches(
                batch_size=count, row_groups=[group], columns=sorted(columns), use_threads=False
            )
            _reading = _Reading(key, batches, 0)
            while _reading.at < at:
                _reading.at += next(_reading.batches).num_rows
        batch = next(_reading.batches, None)
        if batch is None:
            return []
        _reading.at += batch.num_rows
        return _rows(batch, chosen, params)
    except (RetryableError, ConfigurationError) as error:
        return error
    except StopIteration:
        return []


class ParquetPairs:
    """Reads Parquet files in a process of its own, which `close` ends."""

    def __init__(self, params: ReadPairsParams) -> None:
        self._params = params
        memory = params.memory_bytes
        self._footer: Sandbox[Any] = Sandbox(read_footer, timeout_s=_CALL_S, memory_bytes=memory)
        self._reader: Sandbox[Any] = Sandbox(read_rows, timeout_s=_CALL_S, memory_bytes=memory)

    def close(self) -> None:
        """End the processes."""
        self._footer.close()
        self._reader.close()

    def footer(self, stores: Stores, uri: str) -> Footer:
        """What a file says of itself.

        Raises:
            BadRecord: with a `SandboxReason`, where it is no Parquet file.
        """
        found = self._footer.call(stores, uri)
        if isinstance(found, Exception):
            raise found
        footer: Footer = found
        return footer

    def paths(self, stores: Stores, uri: str, group: int, chosen: Chosen, count: int) -> list[str | None]:
        """The image paths of the first rows of a row group: at most `count`."""
        return [row.path for row in self._call(stores, uri, group, 0, count, chosen)]

    def all_paths(self, stores: Stores, uri: str, group: int, chosen: Chosen) -> Iterator[str]:
        """The image paths of a row group, up to the first row that can't be read."""
        at = 0
        try:
            while rows := self._call(stores, uri, group, at, _MOST_ROWS, chosen):
                yield from (row.path for row in rows if row.path)
                at += len(rows)
        except BadRecord:
            return  # reading the pairs says so

    def _call(self, stores: Stores, uri: str, group: int, at: int, count: int, chosen: Chosen) -> list[_Row]:
        found = self._reader.call(stores, uri, group, at, count, chosen, self._params)
        if isinstance(found, Exception):
            raise found
        rows: list[_Row] = found
        return rows

    def read(self, stores: Stores, uri: str, first: int, stop: int) -> Iterator[Pair]:
        """The pairs of row groups [first, stop). What can't be read of a row group is one failed pair."""
        try:
            footer = self.footer(stores, uri)
        except BadRecord as bad:
            yield Pair(uri, "footer", problem=bad)
            return
        chosen = choose(footer.kinds, self._params.columns)
        for group, (rows, size) in list(enumerate(footer.groups))[first:stop]:
            yield from self._group(stores, uri, group, rows, size, chosen)

    def _group(
        self, stores: Stores, uri: str, group: int, rows: int, size: int, chosen: Chosen
    ) -> Iterator[Pair]:
        count = min(_MOST_ROWS, max(1, _BATCH_BYTES * max(1, rows) // size))
        at = 0
        while True:
            try:
                found = self._call(stores, uri, group, at, count, chosen)
            except BadRecord as bad:
                if count > 1:  # what is too much at once may do row by row
                    count = 1
                    continue
                detail = f"rows {at} to {rows - 1} of row group {group} can't be read: {bad.detail}"
                yield Pair(uri, f"{group}/{at}-", at, problem=BadRecord(bad.reason, detail))
                return
            if not found:
                break
            for row in found:
                yield self._pair(stores, uri, group, at, row, chosen)
                at += 1
        if at < rows:
            detail = f"row group {group} has {at} rows; its footer says {rows}"
            yield Pair(uri, f"{group}/{at}-", at, problem=BadRecord(CaptionReason.BAD_RECORD, detail))

    def _pair(self, stores: Stores, uri: str, group: int, at: int, row: _Row, chosen: Chosen) -> Pair:
        pair = Pair(uri, f"{group}/{at}", at, notes=row.notes)
        most = self._params.max_image_bytes
        try:
            if row.image:
                pair.image = row.image
            elif row.size > most:
                raise Drop(CaptionReason.TOO_MANY_BYTES, f"{row.size} bytes", float(row.size), float(most))
            elif row.path:
                pair.image = read_image(stores, image_uri(row.path, uri, self._params.image_root), most)
            else:
                raise Drop(CaptionReason.NO_IMAGE, "the row has neither an image nor a path")
        except (BadRecord, Drop) as problem:
            pair.problem = problem
            return pair
        pair.texts = texts_of(row.texts, chosen)
        return pair
