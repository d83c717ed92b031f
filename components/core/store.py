"""Where data lives: `file://` (the default) and `s3://` (any S3-compatible store, through `minio`).

Sources may also be `http://` and `https://` files (`components.core.store_http`), which are only read.
A `Store` is one root (a folder or a bucket with a prefix) and its keys; `Stores` opens any URI.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import quote, unquote, urlsplit

from components.core.errors import ConfigurationError
from components.core.store_files import FileStore, Stat, Store
from components.core.store_http import HttpFiles

__all__ = ["RUN_SCHEME", "FileStore", "Stat", "Store", "Stores", "as_uri", "located", "open_store"]

RUN_SCHEME: Final = "out:"
"""`out:KEY` is a location inside the run's own output, so that records name it the same everywhere."""


def as_uri(location: str) -> str:
    """A URI for what a person typed: paths become absolute `file://` URIs, URIs stay."""
    if "://" in location or location.startswith(RUN_SCHEME):
        return location
    return "file://" + quote(str(Path(location).expanduser().absolute()))


def open_store(root: str) -> Store:
    """The store for a root URI or a local path.

    Raises:
        ConfigurationError: for a scheme that is not supported, or missing credentials.
    """
    uri = as_uri(root)
    scheme = uri.partition("://")[0]
    if scheme == "file":
        return FileStore(uri)
    if scheme == "s3":
        if not urlsplit(uri).netloc:
            raise ConfigurationError(f"{root!r} names no bucket: write s3://bucket/prefix.")
        from components.core.store_s3 import S3Store  # minio is needed for s3:// only

        return S3Store(uri)
    raise ConfigurationError(f"{root!r}: only local paths, file:// and s3:// can be read and written.")


@functools.cache
def _opened(process: int, root: str) -> Store:
    return open_store(root)


def located(store: Store, path: str) -> tuple[Store, str]:
    """The store and the key of a shard: its path is relative to `store`, or a URI of its own."""
    if "://" not in path:
        return store, path
    root, _, key = path.rpartition("/")
    # a connection pool must not be shared with a forked child, hence the process id
    return _opened(os.getpid(), root), unquote(key) if root.startswith("file://") else key


def _open_source(root: str) -> Store | HttpFiles:
    if root == "file://":
        return FileStore("file:///")
    if root.startswith(("http://", "https://")):
        return HttpFiles(root)
    return open_store(root)


class Stores:
    """Opens any URI. One store object is kept for each bucket and process.

    Args:
        run_root: URI of the run's output, which `out:` URIs are relative to.
    """

    def __init__(self, run_root: str | None = None) -> None:
        self._run_root = run_root
        self._cache: dict[tuple[int, str], Store | HttpFiles] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"_run_root": self._run_root, "_cache": {}}

    def _locate(self, uri: str) -> tuple[Store | HttpFiles, str]:
        if uri.startswith(RUN_SCHEME):
            if self._run_root is None:
                raise ConfigurationError(f"{uri} is relative to a run, and there is none here.")
            root, key = self._run_root, uri[len(RUN_SCHEME) :]
        else:
            uri = as_uri(uri)
            scheme, _, rest = uri.partition("://")
            if scheme == "file":
                root, key = "file://", unquote(rest).lstrip("/")
            else:
                bucket, _, key = rest.partition("/")
                root = f"{scheme}://{bucket}"
        # a connection pool must not be shared with a forked child, hence the process id
        cached = (os.getpid(), root)
        if cached not in self._cache:
            self._cache[cached] = _open_source(root)
        return self._cache[cached], key

    def open(self, uri: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """A readable stream of bytes `start` to `stop` (or the end)."""
        store, key = self._locate(uri)
        return store.open(key, start, stop)

    def seekable(self, uri: str) -> BinaryIO:
        """A seekable reader that fetches only what is read; not for `http(s)://`."""
        store, key = self._locate(uri)
        if not isinstance(store, Store):
            raise ConfigurationError(f"{uri}: only files and objects of a store can be read from any place.")
        return store.seekable(key)

    def read(self, uri: str) -> bytes:
        """The whole object."""
        store, key = self._locate(uri)
        return store.get(key)

    def stat(self, uri: str) -> Stat | None:
        """Size of an object, or None where there is none."""
        store, key = self._locate(uri)
        return store.stat(key)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """(URI, size) of every object whose URI begins with `prefix`, in lexical order."""
        store, key = self._locate(prefix)
        for found, stat in store.list(key):
            yield (as_uri("/" + found) if isinstance(store, FileStore) else store.uri(found)), stat.size
