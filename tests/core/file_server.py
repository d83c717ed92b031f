"""A real web server on this machine that serves a folder by ranges, and can be told to misbehave."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote


@dataclass
class FileServer:
    """What a test can change while it runs.

    Attributes:
        statuses: answers to give in place of the next ones.
        cut_after: bytes of a body after which the connection is closed; 0: never.
        ranges, heads: whether Range and HEAD are understood.
        tag: the files' ETag.
        asked: (method, path, Range) of every request.
    """

    folder: Path
    root: str = ""
    statuses: list[int] = field(default_factory=list)
    cut_after: int = 0
    ranges: bool = True
    heads: bool = True
    tag: str = '"one"'
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    shared: FileServer

    def do_HEAD(self) -> None:
        if self.shared.heads:
            self._answer(body=False)
        else:
            self._head(405, {"Content-Length": "0"})

    def do_GET(self) -> None:
        self._answer(body=True)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, *, body: bool) -> None:
        server = self.shared
        wanted = self.headers.get("Range")
        server.asked.append((self.command, self.path, wanted))
        path = server.folder / unquote(self.path).lstrip("/")
        if server.statuses:
            self._head(server.statuses.pop(0), {"Content-Length": "0", "Retry-After": "3"})
            return
        if not path.is_file():
            self._head(404, {"Content-Length": "0"})
            return
        data = path.read_bytes()
        headers = {"ETag": server.tag}
        status, first, last = 200, 0, len(data) - 1
        if wanted and server.ranges:
            found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
            assert found
            first, last = int(found[1]), min(last, int(found[2] or last))
            if first >= len(data):
                self._head(416, {"Content-Length": "0", "Content-Range": f"bytes */{len(data)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
        part = data[first : last + 1]
        self._head(status, {**headers, "Content-Length": str(len(part))})
        if not body:
            return
        if server.cut_after and len(part) > server.cut_after:
            self.wfile.write(part[: server.cut_after])
            self.close_connection = True
        else:
            self.wfile.write(part)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def file_server(folder: Path) -> Iterator[FileServer]:
    """Serve a folder on a free port of this machine."""
    shared = FileServer(folder)
    handler = type("Handler", (_Handler,), {"shared": shared})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        shared.root = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield shared
        finally:
            server.shutdown()
            thread.join()
