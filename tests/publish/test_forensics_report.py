"""A run of detectors read back and told: coverage, boards, calibration, abstention, training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from components.core import report as kit
from components.core import schemas
from components.core.manifest import Counts
from components.core.model_files import publish_model
from components.core.runner import publish
from components.publish.describe import describe_run, read_run
from components.publish.forensics_report import forensics_sections, forensics_tiles
from components.publish.forensics_summary import ForensicsSummary, Trained
from components.publish.run_report import build_report
from tests.core.test_report import parsed
from tests.publish.test_describe import Numbers
from tests.publish.test_forensics_exhibits import EVERYTHING


def sample(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"{number:064x}", "uri": f"file:///m/{number}", "kind": "video", "format": "mp4", "size": 9,
        "width": 64, "height": 64, "seconds": 1.0, "fps": 25.0, "has_audio": False, "label": 0,
        "dataset": "A", "group": str(number), "planned": 8, "decoded": 8, "with_face": 8, "tracks": 1,
    }  # fmt: skip
    return {**row, **changes}


def detection(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "media_id": f"{number:064x}", "detector": "spatial", "variant": "clean", "score": 1.0, "frames": [],
        "milliseconds": 10.0,
    }  # fmt: skip
    return {**row, **changes}


ROWS: dict[str, list[dict[str, Any]]] = {
    "samples/1": [
        sample(0),
        sample(1, decoded=4, with_face=2, problem="truncated"),
        sample(2, label=1, family="swap", method="SimSwap", with_face=0, problem="no_face"),
        sample(3, label=1, family="talking_head", dataset="B"),
        sample(4, label=None, dataset="B"),
    ],
    "splits/1": [
        {"media_id": f"{n:064x}", "split": split, "cluster": str(n), "moved_from": "test" if n == 1 else None}
        for n, split in enumerate(("train", "train", "validation", "test", "test"))
    ],
    "detections/1": [
        detection(0),
        detection(2, score=None, abstained="no_face", milliseconds=2.0),
        detection(0, fold="SimSwap", milliseconds=500.0),
        detection(0, variant="jpeg@20", milliseconds=500.0),
        detection(0, detector="blink", score=None, abstained="no_weights", milliseconds=0.0),
    ],
    "calibrations/1": [
        {"detector": "spatial", "method": "platt", "knots": [0.0], "values": [0.5], "threshold": 0.512,
         "low": 0.321, "high": 0.789, "rows": 40, "log_loss": 0.611, "ece": 0.052},
        {"detector": "blink", "method": "none", "knots": [], "values": [], "threshold": 0.5, "low": 0.0,
         "high": 1.0, "rows": 3, "log_loss": None, "ece": None},
    ],
    "benchmark/1": EVERYTHING,
}  # fmt: skip
# names and keys are those of components/deepfake/training (`training_log`, `every_detector`)
LOG = {
    "spatial.loss.jsonl": [{"step": n, "loss": 1 / n} for n in range(1, 41)],
    "spatial--without-Sim%2ESwap.loss.jsonl": [{"step": n, "loss": 2 / n} for n in range(1, 41)],
    "spatial.validation.jsonl": [{"step": n, "warp": 0.5 + n / 100, "self_blend": 0.6} for n in (20, 40)],
}
TRAINED = [
    {"file": "frequency--without-warp.json", "without": "warp", "strength": 0.001, "validation_auc": {}},
    {"file": "spatial.onnx", "without": None, "step": 40, "validation_auc": {"warp": 0.9, "self_blend": 0.6},
     "onnx_difference": 1e-6},
    {"file": "frequency.json", "without": None, "strength": 1.0, "validation_auc": {"warp": 0.75}},
]  # fmt: skip


def make(root: Path) -> None:
    """Every dataset of a run that trained and measured detectors."""
    uri = root.as_uri()
    for schema, rows in ROWS.items():
        table = pa.Table.from_pylist(rows, schema=schemas.get(schema))
        halves = [table.slice(0, 2), table.slice(2)]
        port = schema.partition("/")[0]
        counts = Counts(rows_in=len(rows), kept=len(rows))
        publish(port, port, schema, halves, [], counts, uri, params={"a": 1}, family="deepfake")
    logs, model = root.with_name("logs"), root.with_name("model")
    logs.mkdir()
    model.mkdir()
    for name, lines in LOG.items():
        (logs / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (logs / "trained.json").write_text(json.dumps(TRAINED))
    (model / "spatial.onnx").write_bytes(bytes(9))
    common: dict[str, Any] = {"params": {}, "family": "deepfake", "parents": {}}
    publish_model(logs, "train", uri, port="log", **common)
    publish_model(model, "publish_detectors", uri, port="detectors", **common)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("forensics") / "run"
    make(folder)
    return folder


@pytest.fixture(scope="module")
def found(root: Path) -> ForensicsSummary:
    summary = read_run(str(root))[0].forensics
    assert summary is not None
    return summary


def tables(found: ForensicsSummary) -> dict[str, list[list[str]]]:
    return {
        block.caption: [list(row) for row in block.rows]
        for section in forensics_sections(found)
        for block in section.blocks
        if isinstance(block, kit.Table)
    }


def test_coverage_and_splits_are_counted(found: ForensicsSummary) -> None:
    assert tables(found)["Samples by data set and kind"] == [
        ["A", "real", "2", "75.0 %", "62.5 %", "0", "truncated 1"],
        ["A", "swap", "1", "100 %", "0 %", "1", "no_face 1"],
        ["B", "talking_head", "1", "100 %", "100 %", "0", "-"],
        ["B", "unlabelled", "1", "100 %", "100 %", "0", "-"],
    ]
    assert (found.splits, found.moved) == ({"train": 2, "validation": 1, "test": 2}, 1)
    assert [tile.value for tile in forensics_tiles(found)] == ["5", "2", "2"]


def test_detectors_are_those_of_clean_samples_without_folds(found: ForensicsSummary) -> None:
    assert tables(found)["Detectors on clean samples"] == [
        ["blink", "0", "no_weights 1", "0", "not calibrated", "-", "always", "-", "-"],
        ["spatial", "1", "no_face 1", "6", "platt", "0.512", "0.321 to 0.789", "0.611", "0.052"],
    ]


def test_the_training_is_read_by_its_real_names(found: ForensicsSummary) -> None:
    assert [(len(points), points[0], name) for name, points in sorted(found.losses.items())] == [
        (40, (1.0, 1.0), "spatial"), (40, (1.0, 2.0), "spatial without Sim.Swap"),
    ]  # fmt: skip
    assert found.validations == {
        "spatial": {"warp": [(20.0, 0.7), (40.0, 0.9)], "self_blend": [(20.0, 0.6), (40.0, 0.6)]}
    }
    assert found.trained[1] == Trained("frequency", "warp", "strength 0.001", {})
    assert tables(found)["Trained models on the validation split"] == [
        ["frequency", "nothing", "strength 1", "0.750", "warp 0.750"],
        ["frequency", "warp", "strength 0.001", "-", "none"],
        ["spatial", "nothing", "step 40", "0.750", "self_blend 0.600, warp 0.900"],
    ]
    (section,) = (one for one in forensics_sections(found) if one.title == "Training")
    (columns,) = (block for block in section.blocks if isinstance(block, kit.Columns))
    drawn = [(chart.title, [line.name for line in chart.lines]) for chart in columns.blocks]  # type: ignore[union-attr]
    assert drawn == [("Training loss", ["spatial"]), ("Validation of spatial", ["self_blend", "warp"])]


def test_the_page_is_whole_and_the_same_each_time(root: Path, tmp_path: Path) -> None:
    run = read_run(str(root))[0]
    page = build_report(run)
    assert page == build_report(read_run(str(root))[0])
    assert "script" not in parsed(page).tags
    for title in ("What was looked at", "Leader board", "Abstention and calibration", "Training"):
        assert f">{title}</h2>" in page
    assert ">Documents</h2>" not in page
    numbers = Numbers()
    describe_run(str(root), str(tmp_path / "report.html"), numbers)
    assert numbers["auc.spatial.A.swap.within"] == 0.71


def test_a_run_that_only_measured_shows_no_training() -> None:
    bare = ForensicsSummary(benchmark=EVERYTHING)
    titles = [section.title for section in forensics_sections(bare)]
    assert "Leader board" in titles
    assert not {"Training", "What was looked at", "Abstention and calibration"} & set(titles)
