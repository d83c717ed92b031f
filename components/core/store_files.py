"""The `Store` interface, and `file://`: a folder."""

from __future__ import annotations

import errno
import io
import os
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import unquote, urlsplit

from components.core.errors import ConfigurationError


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
    def put_file(self, key: str, path: Path) -> None:
        """As `put`, out of a local file that need not fit in memory."""

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


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise ConfigurationError(
            f"No folder can be made at {folder} ({error.strerror}): choose another location."
        ) from None


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
    def _temporary(self, key: str, source: BinaryIO) -> Iterator[tuple[Path, Path]]:
        target = self._path(key)
        temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.tmp")
        with _os_errors(self.uri(key)):
            _make_folder(target.parent)
            try:
                with temporary.open("wb") as stream:
                    shutil.copyfileobj(source, stream)
                    stream.flush()
                    os.fsync(stream.fileno())
                yield temporary, target
            finally:
                temporary.unlink(missing_ok=True)

    def put(self, key: str, data: bytes) -> None:
        with self._temporary(key, io.BytesIO(data)) as (temporary, target):
            temporary.replace(target)

    def put_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self._temporary(key, source) as (temporary, target):
            temporary.replace(target)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        with self._temporary(key, io.BytesIO(data)) as (temporary, target):
            try:
                target.hardlink_to(temporary)  # fails if the name exists, unlike a rename
            except FileExistsError:
                return False
            return True

    def list(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        base = self._path(prefix)
        folder = base if not prefix or (base.is_dir() and prefix.endswith("/")) else base.parent
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
