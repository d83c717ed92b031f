"""Real files of every kind through the step, and broken and hostile ones: a line of the ledger each."""

import hashlib
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.core.manifest import Counts
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Unit
from components.core.store import Stores, open_store
from components.deepfake.media_params import MediaSourcesParams, ReadMediaParams
from components.deepfake.media_sources import list_media_sources
from components.deepfake.read_media import ReadMediaStage
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.split_leaks import clusters
from tests.deepfake.clips import clip, faststart, no_frames, sound_only, tone, truncated


def picture(seed: int = 0, size: tuple[int, int] = (64, 48), kind: str = "JPEG", **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **options)
    return sink.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture(5, exif=exif.tobytes())


def huge_png(side: int = 10_000) -> bytes:
    """A PNG whose header says side x side, in some hundred bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def read_files(folder: Path, only: frozenset[str] | None = None, **params: Any) -> Output:
    found = list_media_sources([str(folder)], Stores(), MediaSourcesParams(unit_files=100_000))
    stage = ReadMediaStage(ReadMediaParams(**params))
    out = Output("read_media", DeepfakeReason)
    (table,) = found.units()
    stage.run(Unit(0, {"sources": table}, Stores(), only), out)
    stage.close()
    return out


def rows(out: Output) -> dict[str, dict[str, Any]]:
    return {row["uri"].rpartition("/")[2]: row for t in out.tables.get("media", []) for row in t.to_pylist()}


def lines(out: Output) -> dict[str, tuple[str, str]]:
    return {line["locator"].rpartition("/")[2]: (line["action"], line["reason"]) for line in out.ledger}


def test_images_and_videos_are_measured(tmp_path: Path) -> None:
    video = clip(50, rotation=90, sound=tone(2.0))
    files = {"a.mp4": video, "b.jpg": turned(), "c.txt": picture(2, kind="PNG"), "d.jpg": clip(4)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    out = read_files(tmp_path)
    found = rows(out)
    assert (out.rows_in, out.ledger, len(found)) == (4, [], 4)
    for name, row in found.items():
        assert row["id"] == row["group"] == hashlib.sha256(files[name]).hexdigest()
        assert row["size"] == len(files[name])
        assert (row["label"], row["dataset"]) == (None, tmp_path.name)
        assert row["provenance"]["verdict"] == "none"
    a, b, c, d = (found[name] for name in sorted(found))
    assert (a["kind"], a["format"], a["width"], a["height"], a["has_audio"]) == (
        "video",
        "mov",
        96,
        160,
        True,
    )
    assert (a["seconds"], a["fps"]) == pytest.approx((2.0, 25.0))
    assert (b["kind"], b["format"], b["width"], b["height"], b["seconds"]) == ("image", "jpeg", 48, 64, 0.0)
    assert (c["kind"], c["format"], d["kind"]) == ("image", "png", "video")
    assert out.counters == {"videos": 2, "images": 2}


def test_what_a_file_declares_is_read(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("parameters", "a face\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 64x48")
    (tmp_path / "made.png").write_bytes(picture(3, kind="PNG", pnginfo=text))
    out = read_files(tmp_path)
    declared = rows(out)["made.png"]["provenance"]
    assert (declared["verdict"], declared["standard"]) == ("synthetic", "png_text")
    assert out.counters == {"images": 1, "declared_synthetic": 1}


def test_broken_and_hostile_files_have_a_line_each(tmp_path: Path) -> None:
    jpeg = picture(1, (400, 300))
    files = {
        "cut.jpg": truncated(jpeg),
        "cut.mp4": truncated(clip(50)),
        "huge.png": huge_png(),
        "bomb.png": huge_png(60_000),
        "none.mp4": no_frames(),
        "sound.mp4": sound_only(),
        "text.mp4": b"no video at all " * 100,
        "zeros.jpg": bytes(4096),
        "playlist.mp4": b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "noise.png": b"\x89PNG\r\n\x1a\n" + np.random.default_rng(9).bytes(500),
        "long.mp4": truncated(faststart(100)),
        "good.jpg": jpeg,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    out = read_files(tmp_path)
    assert lines(out) == {
        "cut.jpg": ("failed", "truncated"),
        "cut.mp4": ("failed", "undecodable"),
        "huge.png": ("dropped", "media_too_large"),
        "bomb.png": ("dropped", "media_too_large"),
        "none.mp4": ("failed", "no_frames"),
        "sound.mp4": ("dropped", "unsupported_kind"),
        "text.mp4": ("dropped", "not_media"),
        "zeros.jpg": ("dropped", "not_media"),
        "playlist.mp4": ("dropped", "not_media"),
        "noise.png": ("failed", "undecodable"),
        "long.mp4": ("changed", "truncated"),
    }
    assert set(rows(out)) == {"good.jpg", "long.mp4"}
    assert all(line["detail"] for line in out.ledger)
    assert 0 < rows(out)["long.mp4"]["seconds"] < 4


def test_copies_are_dropped_and_say_of_what(tmp_path: Path) -> None:
    for name in ("real/a.jpg", "real/b.jpg", "fake/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture(1))
    found = list_media_sources([f"generic:{tmp_path}"], Stores())
    out = Output("read_media", DeepfakeReason)
    stage = ReadMediaStage(ReadMediaParams())
    for number, unit in enumerate(found.units()):
        stage.run(Unit(number, {"sources": unit}, Stores()), out)
    stage.close()
    assert list(rows(out)) == ["c.jpg"]
    assert lines(out) == {"a.jpg": ("dropped", "repeated"), "b.jpg": ("dropped", "repeated")}
    assert all("fake/c.jpg, which bears another label" in line["detail"] for line in out.ledger)


def test_a_group_means_the_same_within_its_data_set_only(tmp_path: Path) -> None:
    fake = hashlib.sha256(b"of another file").hexdigest()
    for number, name in enumerate(("one", "two")):
        folder = tmp_path / name
        folder.mkdir()
        for file in range(3):
            (folder / f"{file}.png").write_bytes(picture(10 * number + file, kind="PNG"))
        (folder / "labels.csv").write_text(f"file,label,group\n0.png,0,1\n1.png,0,{fake}\n2.png,0,\n")
    found = list_media_sources([f"generic:{tmp_path / name}" for name in ("one", "two")], Stores())
    out = Output("read_media", DeepfakeReason)
    stage = ReadMediaStage(ReadMediaParams())
    for number, unit in enumerate(found.units()):
        stage.run(Unit(number, {"sources": unit}, Stores()), out)
    stage.close()
    files = [row for table in out.tables["media"] for row in table.to_pylist()]
    groups = sorted((row["uri"][-9:], row["group"]) for row in files if not row["uri"].endswith("2.png"))
    assert groups == [
        ("one/0.png", "one/1"), ("one/1.png", fake), ("two/0.png", "two/1"), ("two/1.png", fake),
    ]  # fmt: skip
    assert all(row["group"] == row["id"] for row in files if row["uri"].endswith("2.png"))
    names = clusters([{**row, "source": None} for row in files])
    assert len(set(names)) == 5


def test_limits(tmp_path: Path) -> None:
    (tmp_path / "large.bmp").write_bytes(picture(1, (100, 100), "BMP"))
    assert lines(read_files(tmp_path, max_bytes=20_000)) == {"large.bmp": ("dropped", "media_too_large")}
    (tmp_path / "large.bmp").write_bytes(clip(256, gop=250))
    assert lines(read_files(tmp_path, probe_s=1e-6)) == {"large.bmp": ("failed", "timeout")}


def test_a_file_that_changed_or_went_since_it_was_listed(tmp_path: Path) -> None:
    for name in ("grew.jpg", "gone.jpg"):
        (tmp_path / name).write_bytes(picture())
    found = list_media_sources([str(tmp_path)], Stores())
    (tmp_path / "grew.jpg").write_bytes(picture(1, (80, 60)))
    (tmp_path / "gone.jpg").unlink()
    out = Output("read_media", DeepfakeReason)
    stage = ReadMediaStage(ReadMediaParams())
    for unit in found.units():
        stage.run(Unit(0, {"sources": unit}, Stores()), out)
    stage.close()
    assert lines(out) == {"grew.jpg": ("failed", "file_changed"), "gone.jpg": ("failed", "unreadable")}


def test_a_retry_reads_only_what_it_is_asked_for(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(picture(int(name == "c.jpg")))
    found = list_media_sources([str(tmp_path)], Stores(), MediaSourcesParams(unit_files=100_000))
    ids = {row["uri"].rpartition("/")[2]: row["id"] for row in found.units()[0].to_pylist()}
    out = read_files(tmp_path, frozenset({ids["b.jpg"], ids["c.jpg"]}))
    assert (out.rows_in, list(rows(out)), lines(out)) == (2, ["c.jpg"], {"b.jpg": ("dropped", "repeated")})


def test_through_the_runner_every_row_is_accounted_for(tmp_path: Path) -> None:
    folder, root = tmp_path / "in", (tmp_path / "out").as_uri()
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(picture(number, (20 + number, 20)))
    (folder / "copy.jpg").write_bytes(picture(0, (20, 20)))
    (folder / "text.jpg").write_bytes(b"x" * 333)
    found = list_media_sources([str(folder)], Stores(), MediaSourcesParams(unit_files=2))
    sources = publish(
        "media_sources",
        "sources",
        "media_sources/1",
        found.units(),
        found.ledger,
        found.counts,
        root,
        params={},
    )
    made = run_step(ReadMediaStage(ReadMediaParams()), {"sources": sources}, root)["media"]
    kept = [row for shard in made.shards for row in read(open_store(root), shard).to_pylist()]
    assert len({row["id"] for row in kept}) == len(kept) == 6
    assert made.counts == Counts(
        rows_in=8, kept=6, dropped={"repeated": 1, "not_media": 1}, counters={"images": 6}
    )


@pytest.mark.corpora
def test_the_corpus_of_faces_is_read_whole(corpora: Path) -> None:
    found = list_media_sources([f"generic:{corpora / 'faces'}"], Stores())
    out = Output("read_media", DeepfakeReason)
    stage = ReadMediaStage(ReadMediaParams())
    for unit in found.units():
        stage.run(Unit(0, {"sources": unit}, Stores()), out)
    stage.close()
    named = rows(out)
    assert {reason for _, reason in lines(out).values()} <= {"not_media"}
    assert len(named) + len(out.ledger) == found.counts.kept
    assert sum(row["kind"] == "video" for row in named.values()) == 31
    assert sum(row["label"] == 1 for row in named.values()) == 7
