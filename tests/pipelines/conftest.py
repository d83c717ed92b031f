"""Real input for whole pipelines: the sample site as a WARC file, and a sample paper."""

from __future__ import annotations

import mimetypes
from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.crawl.warc import writer
from tests.conftest import REPOSITORY

SITE = REPOSITORY / "examples" / "site"
PAPERS = REPOSITORY / "examples" / "papers"
ORIGIN = "http://sample.example"


def write_site_warc(file: Path) -> int:
    """Write every page and image of the sample site as one WARC file; the number of captures."""
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    captures = 0
    with file.open("wb") as stream:
        for path in sorted(p for p in SITE.rglob("*") if p.is_file()):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            body = path.read_bytes()
            header = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            url = f"{ORIGIN}/{path.relative_to(SITE).as_posix()}"
            record = writer.Record("response", date, header + body, target_uri=url, payload=body)
            stream.write(record.encode())
            captures += 1
    return captures


@pytest.fixture(scope="session")
def site_warc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample site as a WARC file."""
    file = tmp_path_factory.mktemp("site") / "site.warc.gz"
    assert write_site_warc(file) > 50
    return file
