from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image as PilImage
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.manifest import Counts
from components.core.runner import RunParams, publish, run_step
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.deepfake.extract_faces import ExtractFacesStage
from components.deepfake.faces_params import ExtractFacesParams
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Provenance
from components.deepfake.sample_rows import read_samples
from tests.deepfake import clips
from tests.deepfake.faces.drawn import canvas, draw_face

PARAMS = ExtractFacesParams(frames=3, dense_seconds=0.2)


def media_row(path: Path, kind: str, **changes: Any) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "id": hashlib.sha256(data).hexdigest(), "uri": path.as_uri(), "kind": kind, "format": "png",
        "size": len(data), "width": 640, "height": 480, "seconds": 0.0, "fps": 0.0, "has_audio": False,
        "label": 0, "method": None, "family": None, "dataset": "drawn", "split": None, "group": path.stem,
        "source": None, "attributes": [("sex", "none")], "provenance": dataclasses.asdict(Provenance()),
    } | changes  # fmt: skip


def write(path: Path, data: bytes | np.ndarray) -> Path:
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        PilImage.fromarray(data).save(path)
    return path


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schemas.get("media/1"))


def examined(media: pa.Table, params: ExtractFacesParams = PARAMS, **unit: Any) -> Output:
    stage = ExtractFacesStage(params)
    out = Output("faces", DeepfakeReason)
    try:
        stage.run(Unit(0, {"media": media}, Stores(), **unit), out)
    finally:
        stage.close()
    return out


def test_files_become_samples_and_crops_and_what_is_broken_has_a_ledger_line(tmp_path: Path) -> None:
    face = write(tmp_path / "face.png", draw_face(canvas(), 320, 240, 180))
    empty = write(tmp_path / "empty.png", canvas())
    drawn = [draw_face(canvas(320, 240), 150 + n, 120, 100) for n in range(8)]
    video = write(tmp_path / "clip.mp4", clips.clip(drawn, sound=clips.tone(0.3)))
    wrong = write(tmp_path / "wrong.jpg", clips.clip(3))
    changed = write(tmp_path / "changed.png", canvas(64, 64))
    half = write(tmp_path / "half.mp4", clips.truncated(clips.clip(20)))
    large = media_row(face, "image", id="b" * 64, size=1 << 31)
    gone = media_row(face, "image", id="c" * 64, uri=(tmp_path / "gone.png").as_uri())
    rows = [
        media_row(face, "image"), media_row(empty, "image"), media_row(video, "video"),
        media_row(wrong, "image"),
        media_row(changed, "image", id="a" * 64), media_row(half, "video"), large, gone,
    ]  # fmt: skip
    out = examined(table(*rows))
    samples, crops = (pa.concat_tables(out.tables[port]) for port in ("samples", "crops"))
    assert samples.schema == schemas.get("samples/1")
    assert crops.schema == schemas.get("crops/1")
    assert samples.column("uri").to_pylist() == [p.as_uri() for p in (face, empty, video)]
    assert samples.column("problem").to_pylist() == [None, "no_face", None]
    assert samples.column("attributes").to_pylist()[0] == [("sex", "none")]
    assert {(line["record_id"], line["action"], line["reason"]) for line in out.ledger} == {
        (rows[3]["id"], "failed", "not_media"),
        ("a" * 64, "failed", "file_changed"),
        (rows[5]["id"], "failed", "undecodable"),
        ("b" * 64, "failed", "media_too_large"),
        ("c" * 64, "failed", "unreadable"),
    }
    assert out.rows_in == 8
    assert all(line["record_kind"] == "media" and line["locator"] for line in out.ledger)
    first, second, third = (s for _, s in read_samples(samples, crops))
    assert (len(first.faces), len(second.faces), len(third.faces), len(third.dense)) == (1, 0, 1, 1)
    assert third.audio is not None
    assert out.counters["frames_planned"] == 5
    assert out.counters["frames_with_face"] == 4
    assert out.counters["problem_no_face"] == 1


def test_a_retry_does_only_what_is_asked_for(tmp_path: Path) -> None:
    rows = [media_row(write(tmp_path / f"{n}.png", canvas(64 + n, 64)), "image") for n in range(3)]
    out = examined(table(*rows), only=frozenset({rows[1]["id"]}))
    assert out.rows_in == 1
    assert out.tables["samples"][0].column("id").to_pylist() == [rows[1]["id"]]


def test_a_file_that_takes_too_long_is_a_ledger_line(tmp_path: Path) -> None:
    video = write(tmp_path / "clip.mp4", clips.clip([canvas(640, 480)] * 40))
    out = examined(table(media_row(video, "video")), PARAMS.model_copy(update={"examine_s": 0.02}))
    assert [(line["action"], line["reason"]) for line in out.ledger] == [("failed", "timeout")]


@pytest.mark.parametrize("processes", [1, 2])
def test_the_step_runs_and_its_shards_are_aligned(tmp_path: Path, processes: int) -> None:
    faces = [write(tmp_path / f"{n}.png", draw_face(canvas(), 200 + 80 * n, 240, 150)) for n in range(3)]
    shards = [
        table(media_row(faces[0], "image"), media_row(faces[1], "image")),
        table(media_row(faces[2], "image")),
    ]
    root = (tmp_path / "run").as_uri()
    media = publish(
        "read_media", "read_media", "media/1", shards, [], Counts(rows_in=3, kept=3), root, params={}
    )
    found = run_step(ExtractFacesStage(PARAMS), {"media": media}, root, RunParams(processes=processes))
    assert (found["samples"].rows, found["crops"].schema_name) == (3, "crops/1")
    assert len(found["samples"].shards) == len(found["crops"].shards) == 2
