"""Find the files that a person's words for an input name: paths, globs, prefixes of a store."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from components.core.store import Stores, as_uri

_WILD: Final = re.compile(r"[*?\[]")
_LONGEST_NAME: Final = 255
_LONGEST_PATH: Final = 4096


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is there, and its size in bytes."""

    uri: str
    size: int


def is_web(location: str) -> bool:
    """Whether it is an address of the web."""
    return location[:8].lower().startswith(("http://", "https://"))


def _walk(folder: Path) -> Iterator[FoundFile]:
    """Files below a folder in the order of their paths; hidden files and folders are passed over."""
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file():
                yield FoundFile(as_uri(str(path)), path.stat().st_size)


def local_path(location: str) -> Path:
    """The absolute path of a local location, a `file://` URI or what a person typed."""
    path = Path(unquote(location[len("file://") :]) if location.startswith("file://") else location)
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - without `..`, so that a file has one URI


def is_local(location: str) -> bool:
    """Whether it is a path or a `file://` URI."""
    return "://" not in location or location.startswith("file://")


def _is_too_long(path: Path) -> bool:
    """Whether a file system would refuse to look: lists of something else hold such lines."""
    return len(os.fsencode(path.name)) > _LONGEST_NAME or len(os.fsencode(path)) >= _LONGEST_PATH


def one_file(location: str, stores: Stores) -> FoundFile | None:
    """The file that a location names, if it names just one."""
    if is_local(location):
        path = local_path(location)
        if _is_too_long(path):
            return None
        return FoundFile(as_uri(str(path)), path.stat().st_size) if path.is_file() else None
    found = None if location.endswith("/") else stores.stat(location)
    return None if found is None else FoundFile(location, found.size)


def several_files(location: str, stores: Stores) -> Iterator[FoundFile]:
    """The files of the folder, prefix or glob that a location names, one at a time; maybe none."""
    if is_local(location):
        yield from _local(local_path(location))
    elif not is_web(location):  # a web server can't be asked what it has
        yield from _remote(location, stores)


def _local(path: Path) -> Iterator[FoundFile]:
    if _is_too_long(path):
        return
    if path.is_dir():
        yield from _walk(path)
    elif _WILD.search(str(path)):
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute patterns
            if Path(match).is_dir():
                yield from _walk(Path(match))
            elif Path(match).is_file():
                yield FoundFile(as_uri(match), Path(match).stat().st_size)


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


def _remote(location: str, stores: Stores) -> Iterator[FoundFile]:
    """Objects of a store below a prefix, or that match a glob."""
    wild = _WILD.search(location)
    if wild:
        pattern = _glob_pattern(location)
        base = location.rfind("/", 0, wild.start()) + 1
        for uri, size in stores.list(location[: wild.start()]):
            if pattern.fullmatch(uri) and not _hidden(uri[base:]):
                yield FoundFile(uri, size)
        return
    prefix = location if location.endswith("/") else location + "/"
    for uri, size in stores.list(prefix):
        if not _hidden(uri[len(prefix) :]):
            yield FoundFile(uri, size)
