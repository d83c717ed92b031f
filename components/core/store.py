"""Where data lives: `file://` (the default) and `s3://` (any S3-compatible store, through `minio`).

A `Store` is one root (a folder or a bucket with a prefix) and its keys; `Stores` opens any URI.
Credentials come from the environment or from mounted files, never from parameters:
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, and
`AWS_ENDPOINT_URL` (or `AWS_ENDPOINT_URL_S3`) for a store other than AWS. Each may be given as
`NAME_FILE`, the path of a file that holds the value.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import quote, unquote, urlsplit

from components.core.errors import ConfigurationError, RetryableError

if TYPE_CHECKING:
    import urllib3
    from minio import Minio

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


def _secret(name: str) -> str | None:
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise ConfigurationError(
                f"{name}_FILE names {path}, which can't be read: {error.strerror}."
            ) from None
    return os.environ.get(name)


def _minio_client(bucket: str) -> tuple[Minio, urllib3.PoolManager]:
    import urllib3
    from minio import Minio

    endpoint = _secret("AWS_ENDPOINT_URL_S3") or _secret("AWS_ENDPOINT_URL") or "https://s3.amazonaws.com"
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ConfigurationError(f"AWS_ENDPOINT_URL must look like http://host:port, not {endpoint!r}.")
    access, secret = _secret("AWS_ACCESS_KEY_ID"), _secret("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        raise ConfigurationError(
            f"No credentials for s3://{bucket}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "
            "(or AWS_ACCESS_KEY_ID_FILE and AWS_SECRET_ACCESS_KEY_FILE)."
        )
    pool = urllib3.PoolManager(
        maxsize=16,
        timeout=urllib3.Timeout(connect=10, read=120),
        retries=urllib3.Retry(total=4, backoff_factor=0.25, status_forcelist=[500, 502, 503, 504]),
        ca_certs=os.environ.get("SSL_CERT_FILE") or None,
    )
    client = Minio(
        parts.netloc,
        access_key=access,
        secret_key=secret,
        session_token=_secret("AWS_SESSION_TOKEN"),
        secure=parts.scheme == "https",
        region=_secret("AWS_REGION") or "us-east-1",
        http_client=pool,
    )
    return client, pool


class S3Store(Store):
    """A bucket (with a prefix) of an S3-compatible store."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        parts = urlsplit(root)
        self.bucket, self.prefix = parts.netloc, parts.path.strip("/")
        self._client, self._http = _minio_client(self.bucket)

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    @contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        from minio.error import S3Error, ServerError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except S3Error as error:
            raise self._explain(error.code or "", key) from None
        except ServerError as error:
            raise RetryableError(f"The object store failed on {self.uri(key)}: {error}") from None
        except HTTPError as error:
            raise RetryableError(
                f"The object store does not answer for {self.uri(key)}: {type(error).__name__}. "
                "Check AWS_ENDPOINT_URL."
            ) from None

    def _explain(self, code: str, key: str) -> Exception:
        if code == "NoSuchBucket":
            return ConfigurationError(
                f"The bucket {self.bucket!r} does not exist: create it or choose another location."
            )
        if code in ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken"):
            return ConfigurationError(
                f"The object store refuses the credentials for s3://{self.bucket} ({code}): "
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        if code == "AccessDenied":
            return ConfigurationError(
                f"Access to {self.uri(key)} is denied: the credentials lack the right for this bucket."
            )
        if code in ("NoSuchKey", "NoSuchObject", "404"):
            return FileNotFoundError(self.uri(key))
        if code in ("InsufficientCapacity", "XMinioStorageFull", "QuotaExceeded", "InsufficientStorage"):
            return ConfigurationError(
                f"No space left to write {self.uri(key)}: free some space or choose another --out."
            )
        return RetryableError(f"The object store answered {code} for {self.uri(key)}.")

    def open(self, key: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        length = 0 if stop is None else stop - start
        if stop is not None and length <= 0:
            return io.BytesIO()
        with self._errors(key):
            response = self._client.get_object(self.bucket, self._key(key), offset=start, length=length)
            return cast(BinaryIO, io.BufferedReader(_Response(response), 1 << 20))

    def seekable(self, key: str) -> BinaryIO:
        found = self.stat(key)
        if found is None:
            raise FileNotFoundError(self.uri(key))
        return cast(BinaryIO, io.BufferedReader(_Ranged(self, key, found.size), 1 << 18))

    def put(self, key: str, data: bytes) -> None:
        with self._errors(key):
            self._client.put_object(
                self.bucket, self._key(key), io.BytesIO(data), len(data), part_size=64 << 20
            )

    def put_if_absent(self, key: str, data: bytes) -> bool:
        # minio's put_object can't send If-None-Match, so the request is signed as a URL and sent as it is
        with self._errors(key):
            url = self._client.get_presigned_url(
                "PUT", self.bucket, self._key(key), expires=timedelta(minutes=10)
            )
            answer = self._http.request("PUT", url, body=data, headers={"If-None-Match": "*"}, redirect=False)
        if answer.status in (200, 201, 204):
            return True
        if answer.status in (409, 412):
            return False
        body = answer.data.decode(errors="replace")
        code = body.partition("<Code>")[2].partition("</Code>")[0] or f"HTTP {answer.status}"
        raise self._explain(code, key)

    def list(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        with self._errors(prefix):
            strip = len(self._key(""))
            for entry in self._client.list_objects(self.bucket, prefix=self._key(prefix), recursive=True):
                if not entry.is_dir:
                    yield (entry.object_name or "")[strip:], Stat(entry.size or 0)

    def stat(self, key: str) -> Stat | None:
        try:
            with self._errors(key):
                return Stat(self._client.stat_object(self.bucket, self._key(key)).size or 0)
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        with self._errors(key):
            self._client.remove_object(self.bucket, self._key(key))

    def presign(self, key: str, expires_s: int = 3600) -> str:
        with self._errors(key):
            return self._client.presigned_get_object(
                self.bucket, self._key(key), expires=timedelta(seconds=expires_s)
            )


class _Response(io.RawIOBase):
    """An HTTP response body as a stream whose connection goes back to the pool on close."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        data = self._response.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
            self._response.release_conn()
        super().close()


class _Ranged(io.RawIOBase):
    """Random access to an object by ranged requests; wrap it in a buffer."""

    def __init__(self, store: S3Store, key: str, size: int) -> None:
        self._store, self._object, self._size, self._at = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        stop = min(self._at + len(buffer), self._size)
        if stop <= self._at:
            return 0
        with self._store.open(self._object, self._at, stop) as stream:
            data = stream.read()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


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
