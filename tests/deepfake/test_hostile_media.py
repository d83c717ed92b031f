"""A folder of broken and hostile media through the real runner and `kalemint screen`: nothing is lost."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image as PilImage
import pytest

from components.core import shards
from components.core.manifest import Manifest
from components.core.runner import RunParams, commit, publish, work
from components.core.stage import Stage
from components.core.store import Stores, open_store
from components.deepfake.extract_faces import ExtractFacesStage
from components.deepfake.faces_params import ExtractFacesParams
from components.deepfake.media_params import MediaSourcesParams, ReadMediaParams
from components.deepfake.media_sources import list_media_sources
from components.deepfake.read_media import ReadMediaStage
from tests.conftest import REPOSITORY
from tests.deepfake import clips
from tests.deepfake.faces.drawn import canvas, draw_face

Lines = dict[str, list[tuple[str, str, str]]]
LIMIT_S = 240
"""What takes longer hangs: a busy machine needs a tenth of it."""

MEANT = {
    "a_clip.mp4": None,
    "b_copy.mp4": ("read_media", "dropped", "repeated"),
    "cut.mp4": ("read_media", "failed", "undecodable"),
    "cut_in_frames.mp4": ("read_media", "changed", "truncated"),
    "no_frames.mp4": ("read_media", "failed", "no_frames"),
    "large.png": ("read_media", "dropped", "media_too_large"),
    "words.mp4": ("read_media", "dropped", "not_media"),
    "a_jpeg.mp4": None,
    "empty.mp4": ("media_sources", "dropped", "empty_file"),
    "archive.zip": ("read_media", "dropped", "not_media"),
    "page.html": ("read_media", "dropped", "not_media"),
    "no_face.mp4": None,
    "hundred.png": None,
}
"""The one line of the ledger of each file; None: it becomes a sample, and only its `problem` may say more."""
PROBLEMS = {
    "a_clip.mp4": None,
    "a_jpeg.mp4": None,
    "no_face.mp4": "no_face",
    "cut_in_frames.mp4": "no_face",
    "hundred.png": "too_many_faces",
}


def drawn(tone: int) -> np.ndarray:
    return draw_face(canvas(320, 240, tone), 160, 120, 110)


def encoded(image: np.ndarray, kind: str) -> bytes:
    sink = io.BytesIO()
    PilImage.fromarray(image).save(sink, kind)
    return sink.getvalue()


def large_png(side: int = 10_000) -> bytes:
    """A whole grey PNG of side x side pixels, in about 100 kB."""
    packer = zlib.compressobj(9)
    line = bytes(side + 1)
    body = b"".join(packer.compress(line) for _ in range(side)) + packer.flush()
    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    made = b"\x89PNG\r\n\x1a\n"
    for name, part in ((b"IHDR", head), (b"IDAT", body), (b"IEND", b"")):
        made += struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
    return made


def hundred_of(face: np.ndarray) -> np.ndarray:
    """A picture of a face ten times beside and ten times above itself, 1,200 pixels wide."""
    tile = np.asarray(PilImage.fromarray(face).resize((120, 120), PilImage.Resampling.LANCZOS))
    return np.tile(tile, (10, 10, 1))


def archive() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        made.writestr("photo.jpg", encoded(drawn(90), "JPEG"))
    return sink.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `MEANT`."""
    shown = clips.clip([drawn(110)] * 6)
    files = {
        "a_clip.mp4": shown,
        "b_copy.mp4": shown,
        "cut.mp4": clips.truncated(clips.clip(50)),
        "cut_in_frames.mp4": clips.truncated(clips.faststart(100)),
        "no_frames.mp4": clips.no_frames(),
        "large.png": large_png(),
        "words.mp4": b"These are words and no video.\n" * 50,
        "a_jpeg.mp4": encoded(drawn(140), "JPEG"),
        "empty.mp4": b"",
        "archive.zip": archive(),
        "page.html": b"<!doctype html><html><body><video src=clip.mp4></video></body></html>",
        "no_face.mp4": clips.clip(8),
        "hundred.png": encoded(hundred_of(draw_face(canvas(240, 240), 120, 120, 150)), "PNG"),
    }
    assert files.keys() == MEANT.keys()
    assert len(files["large.png"]) < 200_000
    made = tmp_path_factory.mktemp("hostile")
    for name, data in files.items():
        (made / name).write_bytes(data)
    return made


def rows(manifest: Manifest) -> list[dict[str, Any]]:
    store = open_store(manifest.location)
    return [row for shard in manifest.shards for row in shards.read(store, shard).to_pylist()]


def ledger(manifest: Manifest) -> list[dict[str, Any]]:
    store = open_store(manifest.location)
    return [line for shard in manifest.ledger for line in shards.read(store, shard).to_pylist()]


def through(stage: Stage[Any], given: dict[str, Manifest], root: str) -> dict[str, Manifest]:
    """A step by two workers in two processes each."""
    run = RunParams(processes=2)
    for worker in range(2):
        work(stage, given, root, worker=worker, workers=2, params=run)
    return commit(stage, given, root, run)


def examined(folder: Path, root: str) -> dict[str, Manifest]:
    """The files of a folder as far as their faces."""
    found = list_media_sources([str(folder)], Stores(), MediaSourcesParams(unit_files=4))
    sources = publish(
        "media_sources", "sources", "media_sources/1", found.units(), found.ledger, found.counts, root,
        params={},
    )  # fmt: skip
    media = through(ReadMediaStage(ReadMediaParams()), {"sources": sources}, root)["media"]
    params = ExtractFacesParams(frames=3, dense_seconds=0.2)
    return {"sources": sources, "media": media, **through(ExtractFacesStage(params), {"media": media}, root)}


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    return examined(folder, (tmp_path_factory.mktemp("out") / "run").as_uri())


def named(uri: str) -> str:
    return uri.rpartition("/")[2]


def told(made: dict[str, Manifest]) -> Lines:
    """Lines of the ledger of every file: step, action, reason."""
    found: Lines = {}
    for manifest in (made["sources"], made["media"], made["samples"]):
        for line in ledger(manifest):
            assert line["detail"], line
            found.setdefault(named(line["locator"]), []).append(
                (line["step"], line["action"], line["reason"])
            )
    return found


@pytest.mark.timeout(LIMIT_S)
def test_every_file_has_one_line_or_a_sample_that_says_it(made: dict[str, Manifest]) -> None:
    assert told(made) == {name: [line] for name, line in MEANT.items() if line is not None}
    samples = {named(row["uri"]): row for row in rows(made["samples"])}
    assert {name: row["problem"] for name, row in samples.items()} == PROBLEMS
    assert {named(row["uri"]): row["kind"] for row in rows(made["media"])}["a_jpeg.mp4"] == "image"


@pytest.mark.timeout(LIMIT_S)
def test_every_step_adds_up(made: dict[str, Manifest]) -> None:
    for step, rows_in in (("sources", len(MEANT)), ("media", len(MEANT) - 1), ("samples", len(PROBLEMS))):
        counts = made[step].counts
        assert (counts.rows_in, counts.imbalance()) == (rows_in, 0), step
        taken = Counter(line["reason"] for line in ledger(made[step]) if line["action"] != "changed")
        assert counts.kept == made[step].rows == rows_in - taken.total(), step
        assert {**counts.dropped, **counts.failed} == dict(taken), step


@pytest.mark.timeout(LIMIT_S)
def test_of_a_hundred_faces_the_largest_are_looked_at(made: dict[str, Manifest]) -> None:
    (row,) = [row for row in rows(made["samples"]) if row["uri"].endswith("hundred.png")]
    crops = [crop for crop in rows(made["crops"]) if crop["media_id"] == row["id"] and crop["track"] >= 0]
    assert len(crops) == ExtractFacesParams().max_faces


@pytest.mark.timeout(LIMIT_S)
def test_the_same_files_give_the_same_bytes_again(
    folder: Path, made: dict[str, Manifest], tmp_path: Path
) -> None:
    again = examined(folder, tmp_path.as_uri())
    assert {port: m.digest for port, m in again.items()} == {port: m.digest for port, m in made.items()}


@pytest.mark.corpora
@pytest.mark.timeout(LIMIT_S)
def test_a_hundred_times_the_face_of_a_photograph(corpora: Path, tmp_path: Path) -> None:
    from components.deepfake.examine import examine
    from components.deepfake.faces_params import ExamineParams

    photo = next((corpora / "faces").glob("*Tom_Cruise_avp_2014_4.jpg")).read_bytes()
    face = examine(photo, "image", ExamineParams(), needs=frozenset({"faces"})).faces[0].crops[0].image
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "hundred.png").write_bytes(encoded(hundred_of(face), "PNG"))
    found = examined(tmp_path / "in", (tmp_path / "out").as_uri())
    assert told(found) == {}
    (row,) = rows(found["samples"])
    assert (row["problem"], row["with_face"]) == ("too_many_faces", 1)


def screened(*arguments: str | Path) -> tuple[int, dict[str, dict[str, Any]], str]:
    """`kalemint screen --json` as a person starts it: exit status, a line a file, standard error."""
    command = [sys.executable, "-m", "pipelines.cli", "screen", *map(str, arguments), "--json"]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    by_name = {Path(line["file"]).name: line for line in lines}
    assert len(by_name) == len(lines)
    return done.returncode, by_name, done.stderr


REFUSED = {
    "cut.mp4": "undecodable",
    "no_frames.mp4": "no_frames",
    "large.png": "media_too_large",
    "words.mp4": "not_media",
    "empty.mp4": "empty_file",
    "archive.zip": "not_media",
    "page.html": "not_media",
}
"""What `kalemint screen` says of files that it can't examine."""


@pytest.mark.timeout(LIMIT_S + 60)
def test_screening_the_folder_gives_a_line_each_and_judges_the_others(folder: Path) -> None:
    status, found, said = screened(folder)
    others = {"archive.zip", "page.html"}
    assert status == 1
    assert found.keys() == MEANT.keys() - others
    assert "2 files that are no images or videos were passed over" in said
    errors = {name: line["error"] for name, line in found.items() if "error" in line}
    assert errors == {name: reason for name, reason in REFUSED.items() if name not in others}
    judged = {name: line for name, line in found.items() if "error" not in line}
    assert judged.keys() == MEANT.keys() - REFUSED.keys()
    for line in judged.values():
        assert line["verdict"] in {"cannot_tell", "likely_real", "likely_forged"}
        assert all((one["score"] is None) != (one["abstained"] is None) for one in line["findings"])
    problems = {name: line["coverage"]["problem"] for name, line in judged.items()}
    assert problems == {**PROBLEMS, "b_copy.mp4": None}
    assert judged["a_jpeg.mp4"]["kind"] == "image"
    assert "Traceback" not in said


@pytest.mark.timeout(LIMIT_S + 60)
def test_a_file_that_is_named_is_not_passed_over(folder: Path) -> None:
    status, found, said = screened(folder / "archive.zip", folder / "page.html")
    assert status == 1
    assert {name: line["error"] for name, line in found.items()} == {
        "archive.zip": "not_media",
        "page.html": "not_media",
    }
    assert said == ""
