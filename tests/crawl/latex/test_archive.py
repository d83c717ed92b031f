"""Tests of components.crawl.latex.archive."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import BadRecord
from components.crawl.latex.archive import SINGLE_FILE, normalize, open_source
from components.crawl.latex.params import ArchiveParams
from components.crawl.latex.reasons import LatexReason


def tar(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
            else:
                archive.addfile(member)
    return out.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


FILES = (("a.tex", b"one"), ("./b/c.tex", b"two"))


@pytest.mark.parametrize("payload", [tar(*FILES), gzip.compress(tar(*FILES)), zipped(*FILES)])
def test_archives_are_told_apart_by_content(payload: bytes) -> None:
    files = open_source(payload, ArchiveParams())
    assert files.sizes == {"a.tex": 3, "b/c.tex": 3}
    assert files.read("b/c.tex") == b"two"
    assert files.notes == []


@pytest.mark.parametrize(
    "payload", [b"\\bye", gzip.compress(b"\\bye"), gzip.compress(b"\\b") + gzip.compress(b"ye")]
)
def test_single_files(payload: bytes) -> None:
    files = open_source(payload, ArchiveParams())
    assert files.sizes == {SINGLE_FILE: 4}
    assert files.read(SINGLE_FILE) == b"\\bye"


def test_unsafe_members_are_noted_and_ignored() -> None:
    link = tarfile.TarInfo("link.tex")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard = tarfile.TarInfo("hard.tex")
    hard.type, hard.linkname = tarfile.LNKTYPE, "a.tex"
    device = tarfile.TarInfo("device")
    device.type = tarfile.CHRTYPE
    unsafe = [("../up.tex", b"x"), ("/abs.tex", b"x"), ("a/../../b.tex", b"x"), ("c:\\x.tex", b"x")]
    files = open_source(tar(link, hard, device, *unsafe, ("a.tex", b"kept")), ArchiveParams())
    assert files.sizes == {"a.tex": 4}
    assert [note.reason for note in files.notes] == [LatexReason.MEMBER_IGNORED] * 7


def test_members_past_the_size_limit_are_noted() -> None:
    files = open_source(tar(("big.eps", b"x" * 2000), ("a.tex", b"x")), ArchiveParams(max_member_bytes=1000))
    assert list(files.sizes) == ["a.tex"]
    assert files.notes[0].detail == "big.eps: 2000 bytes"


def _bomb(payload: bytes, params: ArchiveParams) -> int:
    """The most bytes that were held while the bomb was refused."""
    tracemalloc.start()
    with pytest.raises(BadRecord) as failed:
        open_source(payload, params)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert failed.value.reason == LatexReason.ARCHIVE_BOMB
    return peak


def test_a_gzip_bomb_is_refused_within_bounded_memory() -> None:
    bomb = gzip.compress(bytes(200 << 20), compresslevel=1)
    assert _bomb(bomb, ArchiveParams(max_total_bytes=8 << 20)) < 12 << 20
    assert _bomb(bomb, ArchiveParams(max_ratio=50)) < 48 << 20


def test_zip_bombs_are_refused() -> None:
    payload = zipped(*((f"{n}.tex", bytes(1 << 20)) for n in range(40)))
    assert _bomb(payload, ArchiveParams(max_total_bytes=8 << 20)) < 2 << 20
    assert _bomb(payload, ArchiveParams(max_ratio=50)) < 2 << 20


def test_too_many_members_are_a_bomb() -> None:
    _bomb(tar(*((f"{n}.tex", b"") for n in range(30))), ArchiveParams(max_members=20))


def test_too_large_a_payload() -> None:
    with pytest.raises(BadRecord) as failed:
        open_source(b"x" * 11, ArchiveParams(max_archive_bytes=10))
    assert failed.value.reason == LatexReason.ARCHIVE_TOO_LARGE


@pytest.mark.parametrize(
    "payload",
    [
        gzip.compress(tar(*FILES))[:-40],
        gzip.compress(b"x" * 50)[:12] + b"\xff" * 20,
        tar(("a.tex", b"x" * 5000))[:3000],
        zipped(*FILES)[:-30],
        b"PK\x03\x04" + b"\x00" * 50,
    ],
)
def test_damaged_archives_are_corrupt(payload: bytes) -> None:
    with pytest.raises(BadRecord) as failed:
        open_source(payload, ArchiveParams())
    assert failed.value.reason == LatexReason.ARCHIVE_CORRUPT


@given(st.text(max_size=30))
def test_normalized_names_stay_inside(name: str) -> None:
    path = normalize(name)
    if path is not None:
        assert not path.startswith("/") and ".." not in path.split("/") and "\\" not in path
        assert normalize(path) == path or path[1:3] == ":/"


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=8))
def test_a_damaged_tar_is_read_or_refused(at: int, damage: bytes) -> None:
    payload = bytearray(tar(*FILES))
    payload[at : at + len(damage)] = damage
    try:
        files = open_source(bytes(payload), ArchiveParams())
    except BadRecord:
        return
    for name, size in files.sizes.items():
        assert len(files.read(name)) == size
