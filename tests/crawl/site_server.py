"""A real web server on this machine whose pages a test writes, and that remembers what it was asked."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def do_GET(self) -> None:
        number = self.site.remember(self.path, self.headers)
        answer = self.site.pages.get(self.path) or self.site.default
        try:
            answer(self)
        finally:
            self.site.requests[number].ended = time.monotonic()

    def reply(self, status: int, body: bytes, headers: dict[str, str | list[str]]) -> None:
        self.send_response_only(status)
        for name, values in headers.items():
            for value in [values] if isinstance(values, str) else values:
                self.send_header(name, value)
        if not {"content-length", "transfer-encoding"} & {name.lower() for name in headers}:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Request:
    path: str
    headers: Message
    began: float
    ended: float = 0.0


@dataclass
class Site:
    port: int = 0
    pages: dict[str, Answer] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    default: Answer = lambda handler: handler.reply(404, b"no such page", {"Content-Type": "text/plain"})

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def remember(self, path: str, headers: Message) -> int:
        with self.lock:
            self.requests.append(Request(path, headers, time.monotonic()))
            return len(self.requests) - 1

    @property
    def asked(self) -> list[str]:
        return [request.path for request in self.requests]

    def add(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str | list[str]) -> None:
        """Serve a body; keyword `content_type` and others become headers."""
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-").title(): value for name, value in headers.items()}
        named.setdefault("Content-Type", "text/html; charset=utf-8")
        self.pages[path] = lambda handler: handler.reply(status, data, named)


@contextmanager
def serve() -> Iterator[Site]:
    site = Site()
    handler = type("SiteHandler", (Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
