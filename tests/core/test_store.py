from __future__ import annotations

import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.core.errors import ConfigurationError, KalemintError, RetryableError
from components.core.store import Store, Stores, as_uri, open_store


@pytest.fixture(params=["file", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "file":
        return open_store((tmp_path / "root folder").as_uri())
    return open_store(f"s3://{request.getfixturevalue('s3_bucket')}/pre fix/x")


def test_put_get_list_delete(store: Store) -> None:
    store.put("a/b.txt", b"one")
    store.put("a/b.txt", b"three")
    store.put("a/c d.txt", b"22")
    store.put("a-b/e.txt", b"")
    assert store.get("a/b.txt") == b"three"
    assert [(key, stat.size) for key, stat in store.list()] == [
        ("a-b/e.txt", 0),
        ("a/b.txt", 5),
        ("a/c d.txt", 2),
    ]
    assert [key for key, _ in store.list("a/c")] == ["a/c d.txt"]
    assert list(store.list("none/")) == []
    assert store.folders() == ["a", "a-b"]
    assert store.folders("a/") == []
    assert store.stat("a/b.txt") is not None
    store.delete("a/b.txt")
    store.delete("a/b.txt")
    assert store.stat("a/b.txt") is None
    with pytest.raises(FileNotFoundError):
        store.get("a/b.txt")


def test_a_local_file_is_put_as_it_is(store: Store, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(bytes(range(256)) * 1000)
    store.put_file("model/weights", tmp_path / "weights")
    assert store.get("model/weights") == (tmp_path / "weights").read_bytes()


def test_ranges_and_seeking(store: Store) -> None:
    data = bytes(range(256)) * 2000
    store.put("data.bin", data)
    with store.open("data.bin", 1000, 1003) as stream:
        assert stream.read() == data[1000:1003]
    with store.open("data.bin", 511_990) as stream:
        assert stream.read() == data[511_990:]
    with store.open("data.bin", 7, 7) as stream:
        assert stream.read() == b""
    with store.seekable("data.bin") as stream:
        stream.seek(-5, 2)
        assert stream.read() == data[-5:]
        stream.seek(300_000)
        assert stream.read(10) == data[300_000:300_010]


def test_one_of_many_racing_writers_wins(store: Store) -> None:
    wins: list[int] = []

    def race(number: int) -> None:
        if store.put_if_absent("marker", str(number).encode()):
            wins.append(number)

    threads = [threading.Thread(target=race, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert store.get("marker") == str(wins[0]).encode()


def test_presigned_url_reads_without_credentials(store: Store) -> None:
    store.put("x.txt", b"hello")
    with urllib.request.urlopen(store.presign("x.txt")) as answer:
        assert answer.read() == b"hello"


def test_stores_open_any_uri(store: Store) -> None:
    store.put("in/one.txt", b"1")
    store.put("in/two.txt", b"22")
    stores = Stores(store.root)
    assert stores.read("out:in/one.txt") == b"1"
    uris = dict(stores.list(store.uri("in/")))
    assert sorted(uris.values()) == [1, 2]
    assert b"".join(sorted(stores.read(uri) for uri in uris)) == b"122"
    assert stores.stat("out:in/none") is None


@pytest.mark.s3
def test_wrong_credentials_give_one_sentence(s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    with pytest.raises(ConfigurationError, match=r"refuses the credentials.*AWS_SECRET_ACCESS_KEY") as caught:
        open_store(f"s3://{s3_bucket}/x").put("a", b"")
    assert "wrong" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="refuses the credentials"):
        open_store(f"s3://{s3_bucket}/x").put_if_absent("a", b"")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        open_store(f"s3://{s3_bucket}/x")


@pytest.mark.s3
def test_missing_bucket_gives_one_sentence(s3_bucket: str) -> None:
    for write in ("put", "put_if_absent"):
        with pytest.raises(ConfigurationError, match="bucket 'no-such-bucket' does not exist: create it"):
            getattr(open_store("s3://no-such-bucket/x"), write)("a", b"")


@pytest.mark.s3
def test_secret_from_a_file(s3_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    secret = tmp_path / "secret"
    secret.write_text(os.environ["AWS_SECRET_ACCESS_KEY"] + "\n")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY_FILE", str(secret))
    store = open_store(f"s3://{s3_bucket}/x")
    store.put("a", b"1")
    assert store.get("a") == b"1"


def test_no_server_gives_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with pytest.raises(RetryableError, match=r"does not answer.*AWS_ENDPOINT_URL"):
        open_store("s3://bucket/x").get("a")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a file system of one megabyte can't be mounted here: {done.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_full_disk_gives_one_sentence(tiny_disk: Path) -> None:
    store = open_store(tiny_disk.as_uri())
    store.put("small", b"x" * 1000)
    for write in (store.put, store.put_if_absent):
        with pytest.raises(ConfigurationError, match=r"No space left to write .*free some space"):
            write("large", b"x" * 2_000_000)
    assert [key for key, _ in store.list()] == ["small"]


@pytest.mark.parametrize("root", ["gs://bucket/x", "s3://", "ftp://x"])
def test_unknown_places_are_refused(root: str) -> None:
    with pytest.raises(KalemintError, match=r"only local paths|names no bucket"):
        open_store(root)


def test_paths_become_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert as_uri("a b") == f"file://{tmp_path}/a%20b"
    assert as_uri("s3://x/y") == "s3://x/y"
    assert as_uri("out:x") == "out:x"


def test_a_place_where_no_folder_can_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(ConfigurationError, match=r"No folder can be made at .*/file/out"):
        open_store((tmp_path / "file" / "out").as_uri()).put("a", b"x")


def test_a_folder_that_is_not_there_yet_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "sibling").write_bytes(b"not ours")
    assert list(open_store((tmp_path / "new").as_uri()).list()) == []
