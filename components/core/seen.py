"""Payloads that earlier runs have processed: 64-bit hashes in sorted files, searched where they lie.

A run's hashes are spread over parts by their remainder; a part is a file of sorted, unique,
little-endian unsigned 64-bit integers, 8 bytes a payload. Files of a `file://` store are mapped into
memory; others are copied once to the machine (`KALEMINT_CACHE`, else a folder of this user under the
system's temporary one) and then mapped, so that all worker processes share the pages they touch.

Two payloads share a hash with probability 2^-64: of 10^9 new ones held against 10^9 seen ones, 0.05
are taken for seen by chance.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core.errors import BadShard
from components.core.store import Stores

U64 = npt.NDArray[np.uint64]

CACHE_VARIABLE: Final = "KALEMINT_CACHE"
_COPY_BYTES: Final = 8 << 20


def payload_key(data: bytes) -> int:
    """The first 64 bits of the SHA-256 of a payload: the bytes of a page or file, encodings undone.

    It is computed, not taken from WARC-Payload-Digest: crawlers don't agree on what that covers, not
    every one writes it, and a wrong one would cost a page.
    """
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "little")


def encode_keys(keys: U64) -> bytes:
    """A part's file: the distinct keys, sorted."""
    return np.unique(keys).astype("<u8").tobytes()


class SeenPayloads:
    """Answers which earlier run has processed a payload.

    Args:
        files: rows of `seen_payloads/1`; what they name is opened when it is first asked for.
        stores: opens the locations of the files.
    """

    def __init__(self, files: pa.Table, stores: Stores) -> None:
        self._stores = stores
        self._parts: dict[str, tuple[int, dict[int, dict[str, Any]]]] = {}
        for row in files.to_pylist():
            self._parts.setdefault(row["run"], (row["parts"], {}))[1][row["part"]] = row
        self._opened: dict[tuple[str, int], U64] = {}

    def run_of(self, key: int) -> str | None:
        """The run (the first by name) that has processed a payload with this key, or None.

        Raises:
            BadShard: where a file is not the one its run registered.
        """
        wanted = np.uint64(key)
        for run, (parts, files) in self._parts.items():
            part = key % parts
            if part not in files:
                continue
            keys = self._opened.get((run, part))
            if keys is None:
                keys = self._opened[run, part] = self._open(files[part])
            place = int(np.searchsorted(keys, wanted))
            if place < len(keys) and keys[place] == wanted:
                return run
        return None

    def _open(self, row: dict[str, Any]) -> U64:
        uri = row["uri"]
        path = Path(unquote(uri.removeprefix("file://"))) if uri.startswith("file://") else self._copy(row)
        if path.stat().st_size != 8 * row["payloads"]:
            raise BadShard(f"{uri} is not the file that run {row['run']!r} registered (its length differs)")
        # an empty file can't be mapped
        return np.memmap(path, "<u8", "r") if row["payloads"] else np.zeros(0, np.uint64)

    def _copy(self, row: dict[str, Any]) -> Path:
        """The copy on this machine; made under another name first, so that nobody maps half of it."""
        folder = _cache_folder()
        target = folder / f"{row['sha256']}.u64"
        if target.exists():
            return target
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy:
            temporary = Path(copy.name)
            try:
                with self._stores.open(row["uri"]) as stream:
                    while block := stream.read(_COPY_BYTES):
                        digest.update(block)
                        copy.write(block)
                copy.flush()
                if digest.hexdigest() != row["sha256"]:
                    raise BadShard(
                        f"{row['uri']} is not the file that run {row['run']!r} registered (SHA-256 differs)"
                    )
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
        return target


def _cache_folder() -> Path:
    chosen = os.environ.get(CACHE_VARIABLE)
    folder = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"kalemint-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not chosen and folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="kalemint-"))  # somebody else's: don't read what they put there
    return folder
