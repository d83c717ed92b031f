"""`s3://`: any S3-compatible store, through the `minio` client.

Credentials come from the environment or from mounted files, never from parameters:
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, and
`AWS_ENDPOINT_URL` (or `AWS_ENDPOINT_URL_S3`) for a store other than AWS. Each may be given as
`NAME_FILE`, the path of a file that holds the value.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

from components.core.errors import ConfigurationError, RetryableError
from components.core.store_files import Stat, Store

if TYPE_CHECKING:
    import urllib3
    from minio import Minio


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
        self._bucket_is_there = False

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

    def _need_bucket(self, key: str) -> None:
        """Refuse a bucket that is not there: some stores make one at the first write."""
        from minio.error import S3Error

        if self._bucket_is_there:
            return
        with self._errors(key):
            try:
                self._bucket_is_there = self._client.bucket_exists(self.bucket)
            except S3Error as error:
                if error.code != "AccessDenied":
                    raise
                self._bucket_is_there = True  # these credentials may write but not look
        if not self._bucket_is_there:
            raise self._explain("NoSuchBucket", key)

    def put(self, key: str, data: bytes) -> None:
        self._need_bucket(key)
        with self._errors(key):
            self._client.put_object(
                self.bucket, self._key(key), io.BytesIO(data), len(data), part_size=64 << 20
            )

    def put_file(self, key: str, path: Path) -> None:
        self._need_bucket(key)
        with self._errors(key):
            self._client.fput_object(self.bucket, self._key(key), str(path), part_size=64 << 20)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        self._need_bucket(key)
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
            found = self._client.list_objects(self.bucket, prefix=self._key(prefix), recursive=True)
            sizes = {(e.object_name or "")[strip:]: e.size or 0 for e in found if not e.is_dir}
        # the protocol promises this order, but not every store keeps it
        for key in sorted(sizes):
            yield key, Stat(sizes[key])

    def folders(self, prefix: str = "") -> Sequence[str]:
        with self._errors(prefix):
            # without a prefix or its slash the store would name the prefix itself
            place = self._key(prefix) if prefix or not self.prefix else f"{self.prefix}/"
            found = self._client.list_objects(self.bucket, prefix=place)
            return sorted((e.object_name or "")[len(place) :].rstrip("/") for e in found if e.is_dir)

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
