"""Serve a folder on the loopback interface, by default the sample site beside this file.

    python examples/serve.py [--port 0] [DIRECTORY]

prints the URL of the site as its first line and serves until it is interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import sys
import threading
from pathlib import Path
from typing import Final, NamedTuple, Self

SITE: Final = Path(__file__).resolve().parent / "site"
"""The sample web site."""

HOST: Final = "127.0.0.1"
"""The samples are for this machine only: nothing else can connect."""


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of one folder, with the content types that a public web server would send."""

    # Set here and not read from the machine's mime.types, so that a crawl sees the same everywhere.
    extensions_map = {
        "": "application/octet-stream",
        ".css": "text/css; charset=utf-8",
        ".gif": "image/gif",
        ".gz": "application/gzip",
        ".html": "text/html; charset=utf-8",
        ".jpeg": "image/jpeg",
        ".jpg": "image/jpeg",
        ".pdf": "application/pdf",
        ".png": "image/png",
        ".txt": "text/plain; charset=utf-8",
    }
    server_version = "kalemint-examples"
    sys_version = ""

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet: the crawler reports what it fetched."""

    def list_directory(self, path: str) -> None:  # type: ignore[override]
        """Answer 404 for a folder without an index page, as public sites do."""
        self.send_error(404, "File not found")


class Serving(NamedTuple):
    """A running server and its URL, which ends with a slash; as a context manager it stops at the end."""

    server: http.server.ThreadingHTTPServer
    url: str

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering and free the port."""
        self.server.shutdown()
        self.server.server_close()


def serve(directory: Path | str = SITE, port: int = 0) -> Serving:
    """Start to serve `directory` in a background thread.

    Args:
        directory: the folder to serve.
        port: the TCP port, 0 for any free one.

    Raises:
        NotADirectoryError: `directory` is not a folder.
        OSError: the port is taken.
    """
    root = Path(directory).resolve()
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is not a folder that can be served")
    server = http.server.ThreadingHTTPServer((HOST, port), functools.partial(Handler, directory=str(root)))
    threading.Thread(target=server.serve_forever, name="serve", daemon=True).start()
    return Serving(server, f"http://{HOST}:{server.server_address[1]}/")


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the sample site on the loopback interface.")
    parser.add_argument(
        "directory", nargs="?", type=Path, default=SITE, help="folder to serve (default: the sample site)"
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port, 0 for any free one (default: 0)")
    options = parser.parse_args(arguments)
    with serve(options.directory, options.port) as (_, url):
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
