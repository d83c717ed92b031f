"""The pipeline `deepfake` on real clips with a real, small training, and screening with what it publishes."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

pytest.importorskip("torch", reason="needs the extra `torch`", exc_type=ImportError)

from pipelines.inspection import list_datasets, verify
from tests.pipelines.test_cli import kalemint

pytestmark = [pytest.mark.torch, pytest.mark.corpora]

SETTINGS = """
inputs: [./media]
deepfake:
  faces: {frames: 4, dense_seconds: 1}
  splits: {train: 0.5, validation: 0.25}
  train:
    blending: {blocks: 3, side: 96, steps: 6, batch: 4, validate_steps: 3, mask_weight: 1.0}
    spatial: null
    folds: linear
    fold_groups: 2
  synthesize: {methods: [self_blend, warp]}
  robustness: {variants: [jpeg@50], per_shard: 4}
  calibrate: {min_rows: 4}
"""


@pytest.fixture(scope="module")
def run(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on nine real clips, two talking heads and a file that is none."""
    folder = tmp_path_factory.mktemp("deepfake")
    real, forged = folder / "media" / "real", folder / "media" / "fake" / "talking_head"
    for place, pattern, number in ((real, "grid__*.mpg", 9), (forged, "dreamtalk__*.mp4", 2)):
        place.mkdir(parents=True)
        for file in sorted((corpora / "faces").glob(pattern))[:number]:
            shutil.copy2(file, place)
    (real / "broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(200))
    (folder / "config.yaml").write_text(SETTINGS)
    done = kalemint("run", "deepfake", "--config", folder / "config.yaml", "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return folder


def rows(run: Path, dataset: str) -> list[dict[str, Any]]:
    return [
        row for file in (run / "out" / dataset).glob("*.parquet") for row in pq.read_table(file).to_pylist()
    ]


def test_every_file_is_accounted_for(run: Path) -> None:
    assert verify(str(run / "out")).problems == []
    assert Counter(row["label"] for row in rows(run, "faces/samples")) == {0: 9, 1: 2}
    (line,) = rows(run, "read_media/ledger")
    assert line["action"] in ("failed", "dropped") and line["locator"].endswith("broken.mp4")


def test_every_detector_judges_every_sample_or_says_why_not(run: Path) -> None:
    names = {row["id"] for port in ("faces/samples", "synthesize/samples") for row in rows(run, port)}
    whole = [row for row in rows(run, "detect/detections") if row["fold"] is None]
    by_detector: dict[str, set[str]] = {}
    for row in whole:
        by_detector.setdefault(row["detector"], set()).add(row["media_id"])
        assert (row["score"] is None) == (row["abstained"] is not None)
    assert {"provenance", "frequency", "blending", "temporal", "lip_sync"} <= set(by_detector)
    assert by_detector["frequency"] == names


def test_no_figure_mixes_families_or_lacks_what_is_behind_it(run: Path) -> None:
    found = rows(run, "benchmark/benchmark")
    families = {row["family"] for row in found}
    assert families <= {"talking_head", "self_blend", "warp"} and families
    for row in found:
        assert row["forged"] + row["real"] + row["lost"] > 0
        if row["low"] is not None:
            assert row["low"] <= row["value"] <= row["high"]
        elif row["metric"] == "auc" and row["value"] is not None:
            assert "too_few" in row["remark"]


def test_the_report_and_the_leader_board_are_written(run: Path) -> None:
    page = (run / "out" / "report" / "report.html").read_text()
    for words in ("What was looked at", "Abstention and calibration", "talking_head", "frequency"):
        assert words in page
    assert list((run / "out" / "benchmark" / "files").rglob("*leaderboard.md"))


def test_the_same_command_again_does_nothing_anew(run: Path) -> None:
    before = {one["dataset"] + one["step"]: one["digest"] for one in list_datasets(str(run / "out"))}
    shutil.rmtree(run / "out" / "benchmark")  # what is gone is made again, and is the same
    done = kalemint("run", "deepfake", "--config", run / "config.yaml", "--out", run / "out")
    assert done.returncode == 0, done.stderr
    after = {one["dataset"] + one["step"]: one["digest"] for one in list_datasets(str(run / "out"))}
    assert after == before


def test_screening_takes_what_was_published(run: Path) -> None:
    published = rows(run, "publish_detectors/detectors")
    folder = {Path(row["uri"].removeprefix("out:")).parent for row in published}
    assert {"blending.onnx", "frequency.json", "calibration.json"} <= {row["name"] for row in published}
    assert len(folder) == 1
    clip = next((run / "media" / "fake" / "talking_head").iterdir())
    done = kalemint("screen", clip, "--model", run / "out" / "publish_detectors", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[0])
    assert found["verdict"] in {"likely_forged", "likely_real", "cannot_tell"}
