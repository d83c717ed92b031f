"""Common Crawl by the name of a dump, or by a list of paths as it publishes them.

A dump is `crawl-data/NAME/` with lists of its files, `warc.paths.gz` and `wat.paths.gz`, whose lines
are relative to the root of the data set (https://commoncrawl.org/get-started). A dump of 2024 has
90,000 WARC files. Nobody is asked for their sizes: that would be as many requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from components.core.store import Stores, as_uri
from components.crawl.kinds import Kind
from components.crawl.locations import Found, list_lines

DATA: Final = "https://data.commoncrawl.org/"
_DUMP: Final = re.compile(r"cc(-wat)?:([A-Za-z0-9][A-Za-z0-9._/-]*)")
_PART: Final = re.compile(r"(.+)\[(\d*):(\d*)\]", re.DOTALL)
_PUBLISHED: Final = re.compile(r"crawl-data/CC-[^/]+/.*\.gz")
_ENDINGS: Final = (
    (re.compile(r"\.wat(?:\.gz)?$"), Kind.WAT),
    (re.compile(r"\.warc(?:\.gz)?$"), Kind.WARC),
)
_EXPECTED: Final = {Kind.WARC: 1_100_000_000, Kind.WAT: 250_000_000}
"""Mean bytes of a file of the dumps of 2023 and 2024, gzipped. Only the cut into units depends on it."""


def split_part(location: str) -> tuple[str, slice | None]:
    """A location and the part of it that is asked for: `cc:NAME[0:100]` are its first hundred files."""
    found = _PART.fullmatch(location)
    if found is None:
        return location, None
    return found[1], slice(int(found[2] or 0), int(found[3]) if found[3] else None)


def path_list(location: str, base: str) -> str | None:
    """Where the list of a dump's files is; None for what is no name of a dump.

    Args:
        location: `cc:NAME` for its WARC files, `cc-wat:NAME` for its WAT files.
        base: the root of the data set.
    """
    found = _DUMP.fullmatch(location)
    if found is None:
        return None
    return _below(base, f"crawl-data/{found[2].strip('/')}/{'wat' if found[1] else 'warc'}.paths.gz")


def _below(base: str, path: str) -> str:
    root = base.rstrip("/")
    return f"{root}/{path}" if "://" in root else as_uri(f"{root}/{path}")


def unseen(uri: str, path: str) -> Found:
    """What can be said of a file by the path that a list gives for it, without asking for the file."""
    kind = next((kind for ending, kind in _ENDINGS if ending.search(uri)), Kind.UNKNOWN)
    return Found(uri, -1, kind=kind, expected=_EXPECTED.get(kind, 0) if _PUBLISHED.search(path) else 0)


def listed_files(listing: str, part: slice, base: str, stores: Stores) -> Iterator[Found]:
    """The files that a list of paths names, or a part of them, in its order; none is looked at.

    Sizes are -1, except those of local files (where `base` is a folder) that are there.
    """
    for line in islice(list_lines(listing, stores), part.start, part.stop):
        uri = line if "://" in line else _below(base, line.lstrip("/"))
        found = unseen(uri, line)
        path = Path(unquote(uri[len("file://") :])) if uri.startswith("file://") else None
        yield replace(found, size=path.stat().st_size) if path is not None and path.is_file() else found
