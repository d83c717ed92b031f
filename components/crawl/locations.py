"""Find the files that a person's words for an input name: paths, globs, prefixes of a store, lists."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast
from urllib.parse import unquote

from components.core import locations
from components.core.errors import ConfigurationError
from components.core.locations import is_web
from components.core.store import Stores
from components.crawl.kinds import Kind

_ARCHIVE: Final = re.compile(r"\.(?:warc|wat|paths)(?:\.gz)?$", re.IGNORECASE)
MAX_LINE: Final = 1 << 14
"""Bytes of a line of a list; what is longer names nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file.

    Attributes:
        size: bytes, -1 where it was not asked for.
        kind: what it is, where that is known without a look into it.
        expected: about how many bytes it has, where that is known and `size` is not.
    """

    uri: str
    size: int
    kind: Kind | None = None
    expected: int = 0


def is_page(location: str) -> bool:
    """Whether it is an address to be crawled.

    What ends in .warc, .wat or .paths (or those with .gz) is a file to be read where it is.
    """
    return is_web(location) and not _ARCHIVE.search(location.partition("#")[0].partition("?")[0])


def one_file(location: str, stores: Stores) -> Found | None:
    """The file that a location names, if it names just one."""
    found = locations.one_file(location, stores)
    return None if found is None else Found(found.uri, found.size)


def several_files(location: str, stores: Stores) -> Iterator[Found]:
    """The files of the folder, prefix or glob that a location names, one at a time; maybe none."""
    for found in locations.several_files(location, stores):
        yield Found(found.uri, found.size)


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
