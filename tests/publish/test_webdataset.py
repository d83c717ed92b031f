from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import PIL.Image as PilImage
import pytest
import webdataset as wds
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import BadShard
from components.publish import mint_layout, webdataset
from components.publish.mint_layout import ImageFacts
from components.publish.webdataset import TarBuilder
from tests.publish import samples

NAMES = st.text("abcdef0123456789._-", min_size=1, max_size=100).filter(lambda n: n.strip("."))


@given(st.lists(st.tuples(NAMES, st.binary(max_size=1500)), max_size=8, unique_by=lambda m: m[0]))
def test_tarfile_reads_what_was_written(members: list[tuple[str, bytes]]) -> None:
    tar = TarBuilder()
    for name, data in members:
        tar.add(name, data)
    with tarfile.open(fileobj=io.BytesIO(tar.build())) as read:
        found = [(m, read.extractfile(m)) for m in read.getmembers()]
        assert [(m.name, f.read()) for m, f in found if f] == members
        assert all((m.mtime, m.uid, m.gid, m.mode, m.uname) == (0, 0, 0, 0o644, "") for m, _ in found)


def test_header_is_what_tarfile_would_write() -> None:
    info = tarfile.TarInfo("00ff.json")
    info.size = 1234
    assert webdataset.tar_header("00ff.json", 1234) == info.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("name", ["", "x" * 101, "naïve.jpg"])
def test_names_that_ustar_cannot_hold_are_refused(name: str) -> None:
    with pytest.raises(BadShard):
        TarBuilder().add(name, b"")


def test_sizes_that_ustar_cannot_hold_are_refused() -> None:
    assert len(webdataset.tar_header("a", 8**11 - 1)) == 512
    with pytest.raises(BadShard):
        webdataset.tar_header("a", 8**11)


def build(images_as: str, tmp_path: Path) -> tuple[Path, list[bytes]]:
    data = [samples.jpeg(1), samples.png(2), samples.jpeg(3)]
    images = [samples.image_record(d) for d in data]
    documents = [
        samples.document(
            1,
            [
                samples.text("First."),
                samples.shown(images[0], url="https://e.org/0.jpg", alt="zero"),
                samples.shown(None, url="https://e.org/gone.jpg"),
                samples.text("Größe & <b>"),
                samples.shown(images[1], url="https://e.org/1.png"),
                samples.shown(images[0], url="https://e.org/0.jpg"),
            ],
        ),
        samples.document(2, [samples.text("A paper."), samples.shown(images[2], page=2)], source="pdf"),
        samples.document(3, [samples.text("No images at all.")]),
    ]
    facts = {i.id: ImageFacts(i.format, i.size, i.width, i.height) for i in images}
    tar = TarBuilder()
    for row in samples.documents_table(documents).to_pylist():
        webdataset.add_sample(
            tar, row, mint_layout.entries(row, facts), {i.id: i.bytes for i in images}, images_as
        )
    path = tmp_path / "00000.tar"
    path.write_bytes(tar.build())
    return path, data


def test_the_webdataset_package_reads_images_as_files(tmp_path: Path) -> None:
    path, data = build("files", tmp_path)
    found = list(wds.WebDataset(str(path), shardshuffle=False))
    assert [s["__key__"] for s in found] == [f"{n:032x}" for n in (1, 2, 3)]
    first = json.loads(found[0]["json"])
    assert first["texts"] == ["First.", None, None, "Größe & <b>", None, None]
    assert first["images"] == [None, "0.jpg", "https://e.org/gone.jpg", None, "1.png", "0.jpg"]
    assert found[0]["0.jpg"] == data[0]
    assert found[0]["1.png"] == data[1]
    named = [i for i in first["images"] if i]
    for name, about in zip(named, first["image_metadata"], strict=True):
        if name in found[0]:
            assert about["sha256"] == hashlib.sha256(found[0][name]).hexdigest()
        else:
            assert about["sha256"] is None
    assert json.loads(found[2]["json"])["images"] == [None]
    decoded = next(iter(wds.WebDataset(str(path), shardshuffle=False).decode("pil")))
    assert decoded["0.jpg"].size == (64, 48)


def test_the_published_tiff_layout_has_a_frame_an_image_with_the_hash_of_what_is_stored(
    tmp_path: Path,
) -> None:
    path, data = build("tiff", tmp_path)
    found = list(wds.WebDataset(str(path), shardshuffle=False))
    assert [sorted(k for k in s if not k.startswith("__")) for s in found] == [
        ["json", "tiff"],
        ["json", "tiff"],
        ["json"],
    ]
    first = json.loads(found[0]["json"])
    assert first["images"] == [None, "image_0", "https://e.org/gone.jpg", None, "image_2", "image_3"]
    stored = [m["sha256"] for m in first["image_metadata"] if m["sha256"]]
    tiff = found[0]["tiff"]
    with PilImage.open(io.BytesIO(tiff)) as picture:
        assert picture.n_frames == len(stored) == 3
        for frame, digest in enumerate(stored):
            picture.seek(frame)
            start, length = picture.tag_v2[273][0], picture.tag_v2[279][0]
            assert hashlib.sha256(tiff[start : start + length]).hexdigest() == digest
    assert stored[0] == hashlib.sha256(data[0]).hexdigest()
    assert json.loads(found[1]["json"])["images"] == [None, "page_1_image_0"]


@pytest.mark.parametrize("images_as", ["files", "tiff"])
def test_the_same_samples_give_the_same_bytes(images_as: str, tmp_path: Path) -> None:
    first = build(images_as, tmp_path)[0].read_bytes()
    assert first == build(images_as, tmp_path)[0].read_bytes()
