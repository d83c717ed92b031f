"""`http://` and `https://`: files of a web server, read only and by ranges.

For archives that are published that way, Common Crawl's for one. It is no crawler: it asks for what a
person named, and knows neither robots.txt nor politeness beyond backing off when it is told to.
"""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, Final, cast
from urllib.parse import quote

from components.core.errors import BadShard, ConfigurationError, RetryableError
from components.core.store_files import Stat

if TYPE_CHECKING:
    import urllib3

WAITS_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds before each further attempt where the server names none."""
_MAX_WAIT_S: Final = 120.0
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({404, 410})
_BUFFER: Final = 1 << 20
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpFiles:
    """The files of one server. A key is the path (and query) behind its root.

    A transfer that breaks off goes on from the byte it had reached, if the file is still the same.

    Args:
        root: scheme and host, e.g. `https://data.commoncrawl.org`.
        wait: sleeps that many seconds.

    Every method raises:
        BadShard: for an answer that trying again won't change (403, no support for ranges).
        RetryableError: where the server does not answer, or is busy, on every attempt.
    """

    def __init__(self, root: str, wait: Callable[[float], None] = time.sleep) -> None:
        import urllib3  # comes with minio

        self.root = root.rstrip("/")
        self._wait = wait
        self._pool = urllib3.PoolManager(
            maxsize=16,
            timeout=urllib3.Timeout(connect=20, read=120),
            retries=urllib3.Retry(
                total=5, connect=0, read=0, status=0, other=0, redirect=5, respect_retry_after_header=False
            ),
            ca_certs=os.environ.get("SSL_CERT_FILE") or None,
            # a file that a server compresses on the way has other offsets than the one it stores
            headers={"Accept-Encoding": "identity", "User-Agent": "kalemint (dataset reader)"},
        )

    def uri(self, key: str) -> str:
        """The full address of a key."""
        return f"{self.root}/{key}"

    def get(self, key: str) -> bytes:
        """The whole file."""
        with self.open(key) as stream:
            return stream.read()

    def stat(self, key: str) -> Stat | None:
        """Size of a file, or None where there is none."""
        try:
            answer = self.request("HEAD", key, {})
            length = answer.headers.get("Content-Length", "")
            answer.drain_conn()
            if answer.status == 200 and length.isdigit():
                return Stat(int(length))
            # some servers answer HEAD with an error or without a length
            answer = self.request("GET", key, {"Range": "bytes=0-0"})
        except FileNotFoundError:
            return None
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status == 206:
            answer.drain_conn()
        answer.close()
        if found is None or found[3] == "*":
            raise BadShard(f"{self.uri(key)} can't be read by ranges: the server does not say its size.")
        return Stat(int(found[3]))

    def list(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Always refused: a web server does not tell what it has."""
        raise ConfigurationError(f"{self.uri(prefix)} can't be listed: name its files, or a list of them.")

    def open(self, key: str, start: int = 0, stop: int | None = None) -> BinaryIO:
        """A readable stream of bytes `start` to `stop` (or the end).

        Raises:
            FileNotFoundError: where the server has no such file.
        """
        if stop is not None and stop <= start:
            return io.BytesIO()
        return cast(BinaryIO, io.BufferedReader(_Transfer(self, key, start, stop), _BUFFER))

    def request(self, method: str, key: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        """One answer other than "try again", its body not read."""
        from urllib3.exceptions import HTTPError

        # what a list of paths holds may need escapes; what is escaped already stays
        address = quote(self.uri(key), safe="%/:=&?~+!$,;'@()*[]#")
        problem = ""
        for pause in (0.0, *WAITS_S):
            if pause:
                self._wait(pause)
            try:
                answer = self._pool.request(
                    method, address, headers={**self._pool.headers, **headers}, preload_content=False
                )
            except HTTPError as error:
                problem = f"does not answer ({type(error).__name__})"
                continue
            if answer.status in _BUSY:
                problem = f"answered {answer.status}"
                answer.close()
                self._back_off(answer.headers.get("Retry-After", ""))
            elif method != "HEAD" and answer.status in _GONE:
                answer.close()
                raise FileNotFoundError(self.uri(key))
            elif method != "HEAD" and answer.status not in (200, 206, 416):
                answer.close()
                raise BadShard(f"{self.uri(key)}: the server answered {answer.status}.")
            else:
                return answer
        raise RetryableError(f"{self.uri(key)}: the server {problem}, {len(WAITS_S) + 1} times.")

    def _back_off(self, asked: str) -> None:
        if asked.isdigit():
            self._wait(min(float(asked), _MAX_WAIT_S))


class _Transfer(io.RawIOBase):
    """The bytes of a range, asked for again from where they broke off."""

    def __init__(self, files: HttpFiles, key: str, start: int, stop: int | None) -> None:
        self._files, self._key = files, key
        self._at, self._stop = start, stop
        self._same: str | None = None
        self._answer: urllib3.BaseHTTPResponse | None = None
        self._broken = 0
        self._ask()  # so that a file that is not there is told by `open`

    def readable(self) -> bool:
        return True

    def _ask(self) -> None:
        last = "" if self._stop is None else str(self._stop - 1)
        answer = self._files.request("GET", self._key, {"Range": f"bytes={self._at}-{last}"})
        if answer.status == 416:  # behind the end
            answer.close()
            self._stop = self._at
            return
        where = self._files.uri(self._key)
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if answer.status == 206 and found is not None and int(found[1]) == self._at:
            self._stop = int(found[2]) + 1
        elif answer.status == 200 and self._at == 0:
            length = answer.headers.get("Content-Length", "")
            if self._stop is None and length.isdigit():
                self._stop = int(length)
        else:
            answer.close()
            raise BadShard(f"{where} can't be read by ranges: the server answered {answer.status} to one.")
        same = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        if self._same is not None and same != self._same:
            answer.close()
            raise BadShard(f"{where} changed while it was read.")
        self._same, self._answer = same, answer

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        from urllib3.exceptions import HTTPError

        wanted = len(buffer) if self._stop is None else min(len(buffer), self._stop - self._at)
        while wanted > 0:
            if self._answer is None:
                self._ask()
                continue
            try:
                data = self._answer.read(wanted)
            except HTTPError:
                data = b""
            if data:
                buffer[: len(data)] = data
                self._at += len(data)
                self._broken = 0
                return len(data)
            self._answer.close()
            self._answer = None
            if self._stop is None:  # no length was given: this is the end
                return 0
            self._broken += 1
            if self._broken > len(WAITS_S):
                raise RetryableError(f"{self._files.uri(self._key)}: the transfer breaks off at {self._at}.")
        return 0

    def close(self) -> None:
        if self._answer is not None:
            # what is left of a long answer is not worth reading for the sake of the connection
            self._answer.close()
            self._answer = None
        super().close()
