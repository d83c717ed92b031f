"""Files of a web server are read by ranges, and a transfer that breaks off goes on."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from components.core.errors import BadShard, ConfigurationError, RetryableError
from components.core.store import Stores
from components.core.store_http import WAITS_S, HttpFiles
from tests.core.file_server import FileServer, file_server

DATA = random.Random(1).randbytes(300_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "a b.bin").write_bytes(DATA)
    with file_server(tmp_path) as running:
        yield running


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def files(server: FileServer, waits: list[float]) -> HttpFiles:
    return HttpFiles(server.root, waits.append)


def test_sizes_and_ranges(server: FileServer, files: HttpFiles) -> None:
    found = files.stat("a b.bin")
    assert found is not None
    assert found.size == len(DATA)
    assert files.stat("nothing") is None
    assert files.get("a%20b.bin") == DATA
    for start, stop in [
        (0, 10),
        (5, 5),
        (100, 200_000),
        (len(DATA) - 3, len(DATA) + 99),
        (len(DATA) + 1, None),
    ]:
        with files.open("a b.bin", start, stop) as stream:
            assert stream.read() == DATA[start:stop]
    with pytest.raises(FileNotFoundError):
        files.open("nothing")
    with pytest.raises(ConfigurationError, match="can't be listed"):
        list(files.list("x/"))


def test_a_server_without_head_is_asked_for_one_byte(server: FileServer, files: HttpFiles) -> None:
    server.heads = False
    found = files.stat("a b.bin")
    assert found is not None
    assert found.size == len(DATA)
    assert server.asked == [("GET", "/a%20b.bin", "bytes=0-0")]
    assert files.stat("nothing") is None


def test_a_transfer_that_breaks_off_goes_on_where_it_was(server: FileServer, files: HttpFiles) -> None:
    server.cut_after = 70_000
    with files.open("a b.bin", 10) as stream:
        assert stream.read() == DATA[10:]
    starts = [int((asked or "=0-").partition("=")[2].partition("-")[0]) for _, _, asked in server.asked]
    assert starts[0] == 10
    assert all(0 < later - sooner <= 70_000 for sooner, later in pairwise(starts))


def test_a_file_that_changes_meanwhile_is_not_mixed(server: FileServer, files: HttpFiles) -> None:
    server.cut_after = 1000
    with files.open("a b.bin") as stream:
        server.tag = '"two"'
        with pytest.raises(BadShard, match="changed while it was read"):
            stream.read()


def test_it_backs_off_as_long_as_the_server_asks(
    server: FileServer, files: HttpFiles, waits: list[float]
) -> None:
    server.statuses = [503, 429]
    assert files.get("a b.bin") == DATA
    assert waits == [3, WAITS_S[0], 3, WAITS_S[1]]


def test_it_gives_up_in_the_end(server: FileServer, files: HttpFiles, waits: list[float]) -> None:
    server.statuses = [503] * 6
    with pytest.raises(RetryableError, match=r"answered 503, 6 times"):
        files.open("a b.bin")
    assert len(waits) == len(WAITS_S) + 6


def test_no_server_is_told_in_one_sentence(waits: list[float]) -> None:
    with pytest.raises(RetryableError, match=r"http://127.0.0.1:9/x: the server does not answer"):
        HttpFiles("http://127.0.0.1:9", waits.append).get("x")


def test_what_trying_again_does_not_change(server: FileServer, files: HttpFiles, waits: list[float]) -> None:
    server.statuses = [403]
    with pytest.raises(BadShard, match="answered 403"):
        files.open("a b.bin")
    server.ranges = False
    assert files.get("a b.bin") == DATA
    with pytest.raises(BadShard, match="can't be read by ranges"):
        files.open("a b.bin", 5)
    assert waits == []


def test_stores_open_it_by_its_address(server: FileServer) -> None:
    stores = Stores()
    uri = f"{server.root}/a b.bin"
    assert stores.read(uri) == DATA
    with stores.open(uri, 7, 9) as stream:
        assert stream.read() == DATA[7:9]
    found = stores.stat(uri)
    assert found is not None
    assert found.size == len(DATA)
