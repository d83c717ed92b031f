"""Find the files that a person's words for an input name: paths, globs, prefixes of a store, lists."""

from __future__ import annotations

import glob
import gzip
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast
from urllib.parse import unquote

from components.core.errors import ConfigurationError
from components.core.store import Stores, as_uri
from components.crawl.kinds import Kind

_WILD: Final = re.compile(r"[*?\[]")
_ARCHIVE: Final = re.compile(r"\.(?:warc|wat|paths)(?:\.gz)?$", re.IGNORECASE)
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 4096
MAX_LINE: Final = 1 << 14
"""Bytes of a line of a list; what is longer names nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file.

    Attributes:
        size: bytes, -1 where it was not asked for.
        named: by the person, rather than found in a folder.
        kind: what it is, where that is known without a look into it.
        expected: about how many bytes it has, where that is known and `size` is not.
    """

    uri: str
    size: int
    named: bool = False
    kind: Kind | None = None
    expected: int = 0


def is_web(location: str) -> bool:
    """Whether it is an address of the web."""
    return location[:8].lower().startswith(("http://", "https://"))


def is_page(location: str) -> bool:
    """Whether it is an address to be crawled.

    What ends in .warc, .wat or .paths (or those with .gz) is a file to be read where it is.
    """
    return is_web(location) and not _ARCHIVE.search(location.partition("#")[0].partition("?")[0])


def _walk(folder: Path) -> Iterator[Found]:
    """Files below a folder in the order of their paths; hidden files and folders are passed over."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file():
                yield Found(as_uri(str(path)), path.stat().st_size)


def _local_path(location: str) -> Path:
    path = Path(unquote(location[len("file://") :]) if location.startswith("file://") else location)
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - without `..`, so that a file has one URI


def _is_local(location: str) -> bool:
    return "://" not in location or location.startswith("file://")


def _is_too_long(path: Path) -> bool:
    """Whether a file system would refuse to look: lists of something else hold such lines."""
    return len(os.fsencode(path.name)) > _LONGEST_NAME or len(os.fsencode(path)) >= _LONGEST_PATH


def one_file(location: str, stores: Stores) -> Found | None:
    """The file that a location names, if it names just one."""
    if _is_local(location):
        path = _local_path(location)
        if _is_too_long(path):
            return None
        return Found(as_uri(str(path)), path.stat().st_size, named=True) if path.is_file() else None
    found = None if location.endswith("/") else stores.stat(location)
    return None if found is None else Found(location, found.size, named=True)


def several_files(location: str, stores: Stores) -> Iterator[Found]:
    """The files of the folder, prefix or glob that a location names, one at a time; maybe none."""
    if _is_local(location):
        yield from _local(_local_path(location))
    elif not is_web(location):  # a web server can't be asked what it has
        yield from _remote(location, stores)


def _local(path: Path) -> Iterator[Found]:
    if _is_too_long(path):
        return
    if path.is_dir():
        yield from _walk(path)
    elif _WILD.search(str(path)):
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute patterns
            if Path(match).is_dir():
                yield from _walk(Path(match))
            elif Path(match).is_file():
                yield Found(as_uri(match), Path(match).stat().st_size)


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


def _remote(location: str, stores: Stores) -> Iterator[Found]:
    """Objects of a store below a prefix, or that match a glob."""
    wild = _WILD.search(location)
    if wild:
        pattern = _glob_pattern(location)
        base = location.rfind("/", 0, wild.start()) + 1
        for uri, size in stores.list(location[: wild.start()]):
            if pattern.fullmatch(uri) and not _hidden(uri[base:]):
                yield Found(uri, size)
        return
    prefix = location if location.endswith("/") else location + "/"
    for uri, size in stores.list(prefix):
        if not _hidden(uri[len(prefix) :]):
            yield Found(uri, size)


def list_lines(listing: str, stores: Stores) -> Iterator[str]:
    """The lines of a list, plain or gzip, without comments and empty ones; read as they are asked for.

    Raises:
        ConfigurationError: where the list is damaged.
    """
    try:
        with stores.open(listing) as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with stores.open(listing) as raw:
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
            while line := stream.readline(MAX_LINE):
                if len(line) == MAX_LINE and not line.endswith(b"\n"):
                    while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                        pass
                text = line.decode("utf-8-sig", "replace").strip()
                if text and not text.startswith("#"):
                    yield text
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(f"The list {listing} can't be read to its end: {error}") from None


def beside(listing: str, line: str) -> str:
    """What a line of a list names: relative paths are relative to the folder of the list."""
    if "://" in line or line.startswith(("/", "~")):
        return line
    folder = listing.rpartition("/")[0]
    if folder.startswith("file://"):
        return str(Path(unquote(folder[len("file://") :])) / line)
    return f"{folder}/{line}"
