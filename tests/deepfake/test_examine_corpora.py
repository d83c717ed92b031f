"""How much of real clips can be seen. Figures are aggregates; no picture of these people is kept."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from components.deepfake.examine import examine
from components.deepfake.faces_params import ExamineParams

PARAMS = ExamineParams(frames=4, dense_seconds=0.5)


@pytest.mark.corpora
def test_a_face_is_found_and_followed_in_every_clip_that_has_one(corpora: Path) -> None:
    folder = corpora / "faces"
    rows = list(csv.DictReader((folder / "MANIFEST.csv").open()))
    clips = [row["file"] for row in rows if row["file"].endswith((".mp4", ".mpg"))]
    planned = seen = 0
    for name in clips:
        sample = examine((folder / name).read_bytes(), "video", PARAMS)
        if "no_face" in name:
            assert sample.coverage.problem == "no_face"
            continue
        planned, seen = planned + sample.coverage.planned, seen + sample.coverage.with_face
        # composites show up to three faces side by side; each is one track, whole
        assert 1 <= len(sample.faces) <= 3, name
        assert {len(track.crops) for track in sample.faces} == {sample.coverage.decoded}, name
        assert [t.number for t in sample.faces] == [t.number for t in sample.dense], name
        assert len({len(track.crops) for track in sample.dense}) == 1, name
    assert len(clips) > 20
    assert seen == planned


@pytest.mark.corpora
def test_stills_with_faces_and_photographs_without(corpora: Path) -> None:
    params = ExamineParams(min_face=20)
    faces = [p for p in sorted((corpora / "faces").glob("*.jpg")) if "dogs" not in p.name]
    found = [len(examine(path.read_bytes(), "image", params).faces) for path in faces]
    assert min(found) >= 1
    without = [p for p in sorted((corpora / "images").glob("*.jpg")) if p.name.startswith("OSC_Astro_1")][:12]
    assert sum(bool(examine(path.read_bytes(), "image", params).faces) for path in without) <= 2
