"""Where data lives: `file://` (the default) and `s3://` (any S3-compatible store, through `minio`).

A `Store` is one root (a folder or a bucket with a prefix) and its keys; `Stores` opens any URI.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast
from urllib.parse import quote, unquote, urlsplit

from components.core.errors import ConfigurationError

RUN_SCHEME: Final = "out:"
"""`out:KEY` is a location inside the run's own output, so that records name it the same everywhere."""


@dataclass(frozen=True, slots=True)
class Stat:
    """Size of an object in bytes."""

    size: int


class Store(ABC):
    """Keys (relative, `/`-separated) under one root URI. All writes are whole-object and atomic."""

    def __init__(self, root: str) -> None:
        self.root = root.rstrip("/")

    def uri(self, key: str) -> str:
        """The full URI of a key."""
        return f"{self.root}/{key}"

    @abstractmethod
    def open(self, key: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """A readable stream of bytes `start` to `stop` (or the end)."""

    def get(self, key: str) -> bytes:
        """The whole object."""
        with self.open(key) as stream:
            return stream.read()

    @abstractmethod
    def seekable(self, key: str) -> BinaryIO:
        """A seekable reader that fetches only what is read."""

    @abstractmethod
    def put(self, key: str, data: bytes) -> None:
        """Write or replace an object; nobody ever sees a part of it."""

    @abstractmethod
    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Write an object unless it exists. True for exactly one of any number of racing writers."""

    @abstractmethod
    def list(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Keys that begin with `prefix`, in lexical order."""

    @abstractmethod
    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of the folders directly under `prefix` (empty or ending in `/`), sorted."""

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """Size of an object, or None where there is none."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; no error where there is none."""

    @abstractmethod
    def presign(self, key: str, expires_s: int = 3600) -> str:
        """A URL that lets a browser read the object for a while."""


@contextmanager
def _os_errors(where: str) -> Iterator[None]:
    """Turn the operating system's errors into one sentence that says what to change."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ConfigurationError(
                f"No space left to write {where}: free some space or choose another --out, "
                "then run the same command again; finished shards are kept."
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise ConfigurationError(
                f"No permission for {where} ({error.strerror}): choose another location or change its rights."
            ) from None
        raise


class FileStore(Store):
    """A folder. Writes go to a temporary name first and are then renamed or linked."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.folder = Path(unquote(urlsplit(root).path))

    def _path(self, key: str) -> Path:
        return self.folder / key

    def open(self, key: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        with _os_errors(self.uri(key)):
            stream = self._path(key).open("rb")
        stream.seek(start)
        if stop is None:
            return stream
        return cast(BinaryIO, io.BufferedReader(_Window(stream, stop - start)))

    def seekable(self, key: str) -> BinaryIO:
        return self.open(key)

    @contextmanager
    def _temporary(self, key: str, data: bytes) -> Iterator[tuple[Path, Path]]:
        target = self._path(key)
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        with _os_errors(self.uri(key)):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                yield temporary, target
            finally:
                temporary.unlink(missing_ok=True)

    def put(self, key: str, data: bytes) -> None:
        with self._temporary(key, data) as (temporary, target):
            temporary.replace(target)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._temporary(key, data) as (temporary, target):
            try:
                target.hardlink_to(temporary)  # fails if the name exists, unlike a rename
            except FileExistsError:
                return False
            return True

    def list(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        base = self._path(prefix)
        folder = base if base.is_dir() and (not prefix or prefix.endswith("/")) else base.parent
        if not folder.is_dir():
            return
        files = (p for p in folder.rglob("*") if not p.name.startswith(".") and p.is_file())
        for key in sorted(p.relative_to(self.folder).as_posix() for p in files):
            if key.startswith(prefix):
                yield key, Stat(self._path(key).stat().st_size)

    def folders(self, prefix: str = "") -> Sequence[str]:
        folder = self._path(prefix)
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def stat(self, key: str) -> Stat | None:
        path = self._path(key)
        return Stat(path.stat().st_size) if path.is_file() else None

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def presign(self, key: str, expires_s: int = 3600) -> str:
        return self._path(key).absolute().as_uri()


class _Window(io.RawIOBase):
    """The next `length` bytes of a stream."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = max(0, length)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


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


class Stores:
    """Opens any URI. One store object is kept for each bucket and process.

    Args:
        run_root: URI of the run's output, which `out:` URIs are relative to.
    """

    def __init__(self, run_root: str | None = None) -> None:
        self._run_root = run_root
        self._cache: dict[tuple[int, str], Store] = {}

    def __getstate__(self) -> dict[str, object]:
        return {"_run_root": self._run_root, "_cache": {}}

    def _locate(self, uri: str) -> tuple[Store, str]:
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
            self._cache[cached] = FileStore("file:///") if root == "file://" else open_store(root)
        return self._cache[cached], key

    def open(self, uri: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """A readable stream of bytes `start` to `stop` (or the end)."""
        store, key = self._locate(uri)
        return store.open(key, start, stop)

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
