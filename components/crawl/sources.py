"""Turn what a person names as input into `sources` rows, grouped into shards of about equal work."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.records import record_id
from components.core.store import Stores, as_uri
from components.crawl.kinds import HEAD_BYTES, REFUSED, Kind, sniff

STEP: Final = "sources"
_WILD: Final = re.compile(r"[*?\[]")
_SNIFFERS: Final = 8
_BATCH: Final = 1024


class SourceReason(StrEnum):
    """Why an input is not taken."""

    UNSUPPORTED_KIND = "unsupported_kind"
    EMPTY_FILE = "empty_file"
    REPEATED = "repeated"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    BAD_ADDRESS = "bad_address"


class SourcesParams(BaseModel):
    """How inputs become shards of work."""

    model_config = ConfigDict(extra="forbid")

    shard_bytes: int = Field(
        default=16 << 20,
        ge=1 << 16,
        le=1 << 40,
        description="Bytes of input in one unit of work: WARC files are cut into ranges of this length, "
        "small files are put together up to it.",
    )
    shard_files: int = Field(default=1000, ge=1, description="most files in one unit of work")
    shard_urls: int = Field(
        default=500,
        ge=1,
        description="Web addresses in one unit of work. All of a host stay in one unit, whatever their "
        "number, so that one worker keeps its crawl delay.",
    )
    max_sources: int = Field(
        default=2_000_000, ge=1, description="most files and addresses taken as input; more are refused"
    )


@dataclass(slots=True)
class SourcesPlan:
    """What the inputs amount to. `rows_in` = `kept` + lines of `ledger`.

    Attributes:
        files: shards (schema sources/1) of files and ranges of WARC files, for extraction.
        urls: shards of web addresses, for fetching; every host is in one shard only.
        ledger: ledger/1 lines of inputs that are not taken.
        rows_in: files and addresses found.
        kept: those that are in a shard.
    """

    files: list[pa.Table] = field(default_factory=list)
    urls: list[pa.Table] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    rows_in: int = 0
    kept: int = 0

    @property
    def shards(self) -> list[pa.Table]:
        """All shards, those of files first."""
        return [*self.files, *self.urls]

    def refuse(self, uri: str, reason: SourceReason, detail: str) -> None:
        """Record that an input is not taken."""
        action = "dropped" if reason in _JUDGED else "failed"
        self.ledger.append(
            {
                "step": STEP,
                "record_id": record_id(STEP, uri, reason),
                "record_kind": "source",
                "action": action,
                "reason": str(reason),
                "score": None,
                "threshold": None,
                "detail": detail[:500],
                "locator": uri,
            }
        )


_JUDGED: Final = frozenset({SourceReason.UNSUPPORTED_KIND, SourceReason.EMPTY_FILE, SourceReason.REPEATED})


@dataclass(frozen=True, slots=True)
class _Found:
    """A file, or an address with size -1. `named`: by the person, rather than found in a folder."""

    uri: str
    size: int
    named: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    kind: str
    uri: str
    start: int
    stop: int
    size: int

    def plain(self) -> dict[str, Any]:
        return {
            "id": record_id(self.kind, self.uri, f"{self.start}-{self.stop}"),
            "kind": self.kind,
            "uri": self.uri,
            "start": self.start,
            "stop": self.stop,
            "bytes": self.size,
            "url": self.uri if self.kind == "url" else None,
        }


class _Missing(Exception):
    """An input names nothing that is there."""


def _is_web(location: str) -> bool:
    return location.lower().startswith(("http://", "https://"))


def _walk(folder: Path) -> Iterator[_Found]:
    """Files below a folder in the order of their paths; hidden files and folders are passed over."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file():
                yield _Found(as_uri(str(path)), path.stat().st_size)


def _local(location: str, stores: Stores) -> list[_Found]:
    path = Path(unquote(location[len("file://") :]) if location.startswith("file://") else location)
    path = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - without `..`, so that a file has one URI
    if path.is_file():
        return [_Found(as_uri(str(path)), path.stat().st_size, named=True)]
    if path.is_dir():
        return list(_walk(path))
    if _WILD.search(str(path)):
        matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
        return [
            file
            for match in matches
            for file in (_walk(Path(match)) if Path(match).is_dir() else _file(match))
        ]
    return []


def _file(path: str) -> Iterator[_Found]:
    if Path(path).is_file():
        yield _Found(as_uri(path), Path(path).stat().st_size)


def _glob_pattern(pattern: str) -> re.Pattern[str]:
    """A glob over keys: `*` and `?` stay within one level, `**/` spans any number of them."""
    tokens = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[!?[^\]/]+\])", pattern)
    return re.compile(
        "".join(
            tokens.get(part)
            or (("[^" + part[2:] if part.startswith("[!") else part) if part[:1] == "[" else re.escape(part))
            for part in parts
        )
    )


def _hidden(key: str) -> bool:
    return any(part.startswith(".") for part in key.split("/"))


def _remote(location: str, stores: Stores) -> list[_Found]:
    """Objects of a store: one by its name, those below a prefix, or those that match a glob."""
    found = None if location.endswith("/") else stores.stat(location)
    if found is not None:
        return [_Found(location, found.size, named=True)]
    wild = _WILD.search(location)
    if wild:
        pattern = _glob_pattern(location)
        listed = stores.list(location[: wild.start()])
        base = location.rfind("/", 0, wild.start()) + 1
        return [
            _Found(uri, size) for uri, size in listed if pattern.fullmatch(uri) and not _hidden(uri[base:])
        ]
    prefix = location if location.endswith("/") else location + "/"
    return [_Found(uri, size) for uri, size in stores.list(prefix) if not _hidden(uri[len(prefix) :])]


def _resolve(location: str, stores: Stores) -> list[_Found]:
    """Everything an input names.

    Raises:
        _Missing: if that is nothing.
        ConfigurationError: for a scheme that can't be read.
    """
    if _is_web(location):
        return [_Found(location.partition("#")[0], -1, named=True)]
    scheme = location.partition("://")[0] if "://" in location else "file"
    found = (_local if scheme == "file" else _remote)(location, stores)
    if not found:
        raise _Missing
    return found


def _sniff(stores: Stores, file: _Found) -> Kind | str:
    """The kind of a file, or a sentence that says why it can't be read."""
    try:
        with stores.open(file.uri, 0, HEAD_BYTES) as stream:
            return sniff(stream.read(HEAD_BYTES), unquote(file.uri))
    except OSError as error:
        return f"{type(error).__name__}: {error.strerror or error}"
    except ConfigurationError as error:
        if file.uri.startswith("file://"):
            return str(error)
        raise


def _entries(stores: Stores, listing: str) -> Iterator[str]:
    """Locations in a list file, relative ones made relative to the folder of the list."""
    folder = listing.rpartition("/")[0]
    with stores.open(listing) as stream:
        for raw in stream:
            line = raw.decode("utf-8-sig", "replace").strip()
            if not line or line.startswith("#"):
                continue
            if "://" in line or line.startswith(("/", "~")):
                yield line
            elif folder.startswith("file://"):
                yield str(Path(unquote(folder[len("file://") :])) / line)
            else:
                yield f"{folder}/{line}"


class _Planner:
    def __init__(self, stores: Stores, params: SourcesParams) -> None:
        self.plan = SourcesPlan()
        self._stores = stores
        self._params = params
        self._seen: set[str] = set()
        self._rows: list[_Row] = []
        self._hosts: dict[str, list[_Row]] = {}

    def add(self, found: Iterable[_Found], *, from_list: bool = False) -> None:
        """Judge files and addresses in the given order."""
        todo = iter(found)
        with ThreadPoolExecutor(_SNIFFERS) as pool:
            while batch := list(islice(todo, _BATCH)):
                fresh = [file for file in batch if self._is_new(file)]
                kinds = pool.map(lambda f: Kind.UNKNOWN if f.size <= 0 else _sniff(self._stores, f), fresh)
                for file, kind in zip(fresh, kinds, strict=True):
                    self._judge(file, kind, from_list)

    def _is_new(self, file: _Found) -> bool:
        if file.uri not in self._seen:
            self._seen.add(file.uri)
            if len(self._seen) > self._params.max_sources:
                raise ConfigurationError(
                    f"The inputs name more than {self._params.max_sources} files and addresses: "
                    "name fewer, or raise sources.max_sources."
                )
            return True
        self.plan.rows_in += 1
        self.plan.refuse(file.uri, SourceReason.REPEATED, "the inputs name it more than once")
        return False

    def _judge(self, file: _Found, kind: Kind | str, from_list: bool) -> None:
        if kind is Kind.LIST and file.named and not from_list:
            self._add_list(file.uri)
            return
        self.plan.rows_in += 1
        if _is_web(file.uri):
            self._add_url(file.uri)
        elif file.size == 0:
            self.plan.refuse(file.uri, SourceReason.EMPTY_FILE, "the file has no bytes")
        elif not isinstance(kind, Kind):
            self.plan.refuse(file.uri, SourceReason.UNREADABLE, kind)
        elif kind is Kind.LIST:
            detail = "a list of addresses: name it as an input by itself to have it read"
            self.plan.refuse(file.uri, SourceReason.UNSUPPORTED_KIND, detail)
        elif kind in REFUSED:
            self.plan.refuse(file.uri, SourceReason.UNSUPPORTED_KIND, REFUSED[kind])
        else:
            self.plan.kept += 1
            self._rows.append(_Row(kind, file.uri, 0, file.size, file.size))

    def _add_list(self, listing: str) -> None:
        for location in _entries(self._stores, listing):
            try:
                found = _resolve(location, self._stores)
            except _Missing:
                self.plan.rows_in += 1
                self.plan.refuse(location, SourceReason.MISSING, f"{listing} names it and it is not there")
            else:
                self.add(found, from_list=True)

    def _add_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            host = None
        if host and "@" in parts.netloc:
            shown = parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]).geturl()
            detail = "it carries a user name or password, which would be recorded"
            self.plan.refuse(shown, SourceReason.BAD_ADDRESS, detail)
            return
        if not host or re.search(r"\s", url):
            self.plan.refuse(url, SourceReason.BAD_ADDRESS, "no web address with a host name")
            return
        self.plan.kept += 1
        self._hosts.setdefault(host, []).append(_Row("url", url, 0, 0, -1))

    def finish(self) -> SourcesPlan:
        """Group the rows into shards."""
        limit = self._params.shard_bytes
        batch: list[_Row] = []
        size = 0
        for row in self._rows:
            if row.kind == Kind.WARC and row.size > limit:
                self.plan.files += [_table([part]) for part in _cut(row, limit)]
                continue
            if batch and (size + row.size > limit or len(batch) >= self._params.shard_files):
                self.plan.files.append(_table(batch))
                batch, size = [], 0
            batch.append(row)
            size += row.size
        if batch:
            self.plan.files.append(_table(batch))
        group: list[_Row] = []
        for rows in self._hosts.values():
            if group and len(group) + len(rows) > self._params.shard_urls:
                self.plan.urls.append(_table(group))
                group = []
            group += rows
        if group:
            self.plan.urls.append(_table(group))
        return self.plan


def _cut(row: _Row, limit: int) -> Iterator[_Row]:
    """Ranges of about equal length, none longer than `limit`."""
    count = -(-row.size // limit)
    edges = [row.size * index // count for index in range(count + 1)]
    for start, stop in pairwise(edges):
        yield _Row(row.kind, row.uri, start, stop, row.size)


def _table(rows: list[_Row]) -> pa.Table:
    return pa.Table.from_pylist([row.plain() for row in rows], schema=schemas.get("sources/1"))


def list_sources(inputs: Sequence[str], stores: Stores, params: SourcesParams | None = None) -> SourcesPlan:
    """Plan the work on a list of inputs. The same inputs give the same plan, in the order given.

    An input is a local path (a file, a folder with all below it, or a glob), an `s3://` object,
    prefix or glob, a web address, or a list file: text with one of those on each line, `#` for
    comments, relative paths relative to the list. What a file is, its content says.

    Raises:
        ConfigurationError: for an input that is not there, can't be opened, or if there are none.
    """
    if not inputs:
        raise ConfigurationError("There is no input: name a file, a folder, a list or a web address.")
    planner = _Planner(stores, params or SourcesParams())
    for location in inputs:
        try:
            found = _resolve(location, stores)
        except _Missing:
            raise ConfigurationError(
                f"The input {location!r} is not there, or holds no files: check its spelling."
            ) from None
        planner.add(found)
    return planner.finish()
