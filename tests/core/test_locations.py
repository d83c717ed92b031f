"""What a person's words for an input name."""

from pathlib import Path

import pytest

from components.core.locations import is_web, one_file, several_files
from components.core.store import Stores, open_store


def names(location: str) -> list[str]:
    return [found.uri.rpartition("/")[2] for found in several_files(location, Stores())]


def test_a_file_a_folder_and_a_glob(tmp_path: Path) -> None:
    for name in ("b.tar", "a b.tar", ".hidden", "deep/c.tar", ".git/d.tar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    found = one_file(str(tmp_path / "x" / ".." / "b.tar"), Stores())
    assert found is not None
    assert (found.uri, found.size) == ((tmp_path / "b.tar").as_uri(), 5)
    assert one_file((tmp_path / "a b.tar").as_uri(), Stores()) is not None
    assert one_file(str(tmp_path), Stores()) is None
    assert names(str(tmp_path)) == ["a%20b.tar", "b.tar", "c.tar"]
    assert names(str(tmp_path / "*.tar")) == ["a%20b.tar", "b.tar"]
    assert names(str(tmp_path / "**" / "*.tar")) == ["a%20b.tar", "b.tar", "c.tar"]
    assert names(str(tmp_path / "gone")) == []
    assert one_file("x" * 5000, Stores()) is None


def test_what_is_of_the_web_is_not_looked_for() -> None:
    assert is_web("HTTPS://x.org")
    assert not is_web("s3://x")
    assert names("https://x.org/folder/") == []


@pytest.mark.s3
def test_objects_prefixes_and_globs(s3_bucket: str) -> None:
    store = open_store(f"s3://{s3_bucket}")
    for key in ("in/1.tar", "in/2.tar", "in/deep/3.tar", "in/.hidden/4.tar", "other/5.tar"):
        store.put(key, b"1")
    base = f"s3://{s3_bucket}"
    assert one_file(f"{base}/in/1.tar", Stores()) is not None
    assert one_file(f"{base}/in/", Stores()) is None
    assert names(f"{base}/in") == ["1.tar", "2.tar", "3.tar"]
    assert names(f"{base}/in/*.tar") == ["1.tar", "2.tar"]
    assert names(f"{base}/**/?.tar") == ["1.tar", "2.tar", "3.tar", "5.tar"]
