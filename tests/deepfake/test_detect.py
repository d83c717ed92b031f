"""The detect stage with models of known weights: rows, folds, abstentions, retries."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.model_files import publish_model
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Unit
from components.core.store import Stores, open_store
from components.deepfake.detect import DetectStage
from components.deepfake.detect_params import DetectParams
from components.deepfake.detectors import registry
from components.deepfake.judges import Judge, open_judges
from components.deepfake.sample import Crop, Sample
from components.deepfake.sample_rows import to_rows
from components.deepfake.weight_files import weight_file
from tests.deepfake import tiny_onnx
from tests.deepfake.crops import crop, sample

RED = np.full((64, 64, 3), (255, 100, 0), np.uint8)
BLUE = np.full((64, 64, 3), (0, 100, 255), np.uint8)


def media(number: int, *faces: Crop, label: int | None = 0, method: str | None = None) -> dict[str, Any]:
    """A row of samples/1 with its crops under `crops`."""
    one: Sample = sample(*([list(faces)] if faces else []), name=f"{number:064x}")
    columns, crops = to_rows(dataclasses.replace(one, width=64, height=64))
    row = {
        "id": one.id, "uri": f"file:///{number}", "kind": "image", "format": "png", "size": 1, "width": 64,
        "height": 64, "seconds": 0.0, "fps": 0.0, "has_audio": False, "label": label, "method": method,
        "dataset": "d", "group": str(number),
    }  # fmt: skip
    return {**row, **columns, "crops": crops}


def tables(*rows: dict[str, Any], splits: dict[int, str] | None = None) -> dict[str, pa.Table]:
    plain = [{key: value for key, value in row.items() if key != "crops"} for row in rows]
    split_rows = [
        {"media_id": f"{number:064x}", "split": split, "cluster": "c", "moved_from": None}
        for number, split in (splits or {}).items()
    ]
    return {
        "samples": pa.Table.from_pylist(plain, schema=schemas.get("samples/1")),
        "crops": pa.Table.from_pylist(
            [one for row in rows for one in row["crops"]], schema=schemas.get("crops/1")
        ),
        "splits": pa.Table.from_pylist(split_rows, schema=schemas.get("splits/1")),
        "model": schemas.get("model_files/1").empty_table(),
    }


def test_a_run_over_a_published_model_with_folds(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    tiny_onnx.write(model / "spatial.onnx")
    tiny_onnx.write(model / weight_file("spatial", ".onnx", "Swap/1.0"), bias=(1.0,))
    tiny_onnx.write(model / weight_file("spatial", ".onnx", "Other"), bias=(2.0,))
    root = (tmp_path / "run").as_uri()
    rows = [
        media(0, crop(RED), label=1, method="Swap/1.0"),
        media(1, crop(BLUE)),
        media(2, crop(BLUE)),
        media(3, label=1, method="Unseen"),
        media(4, crop(RED), label=None),
    ]
    given = tables(*rows, splits={0: "test", 1: "test", 2: "train", 3: "test", 4: "test"})
    datasets = {}
    for port, schema in (("samples", "samples/1"), ("crops", "crops/1"), ("splits", "splits/1")):
        counts = Counts(rows_in=given[port].num_rows, kept=given[port].num_rows)
        datasets[port] = publish(f"make_{port}", port, schema, [given[port]], [], counts, root, params={})
    datasets["model"] = publish_model(model, "train", root, params={}, family="deepfake", parents={})
    stage = DetectStage(DetectParams(detectors={"spatial": {}, "blending": {}}, batch=2))
    found = run_step(stage, datasets, root)["detections"]
    assert (found.counts.rows_in, found.counts.kept) == (5, 5)
    store = open_store(root)
    detections = [row for shard in found.shards for row in read(store, shard).to_pylist()]
    said = {(int(row["media_id"], 16), row["detector"], row["fold"]): row for row in detections}
    assert len(said) == len(detections)
    assert {key: row["score"] for key, row in said.items() if key[1] == "spatial"} == {
        (0, "spatial", None): 8, (1, "spatial", None): -8, (2, "spatial", None): -8,
        (3, "spatial", None): None, (4, "spatial", None): 8,
        (0, "spatial", "Swap/1.0"): 9, (1, "spatial", "Swap/1.0"): -7, (1, "spatial", "Other"): -6,
    }  # fmt: skip
    assert {row["abstained"] for key, row in said.items() if key[1] == "blending"} == {"no_weights"}
    assert said[3, "spatial", None]["abstained"] == "no_face"
    assert {row["variant"] for row in detections} == {"clean"}
    assert all(row["milliseconds"] >= 0 for row in detections)
    (frame,) = said[0, "spatial", None]["frames"]
    assert frame == {"seconds": 0.0, "track": 0, "score": 8.0}


def run(stage: DetectStage, given: dict[str, pa.Table], only: frozenset[str] | None = None) -> Output:
    out = Output("detect", stage.reasons)
    stage.run(Unit(0, given, Stores(""), only), out)
    return out


def test_every_registered_detector_says_something_of_every_sample() -> None:
    stage = DetectStage(DetectParams())
    given = tables(media(0, crop(np.tile(RED, (4, 4, 1)))), media(1))
    out = run(stage, given)
    rows = pa.concat_tables(out.tables["detections"]).to_pylist()
    assert {row["detector"] for row in rows} == set(registry()) - {"external"}
    assert len(rows) == 2 * (len(registry()) - 1)
    assert all((row["score"] is None) != (row["abstained"] is None) for row in rows)
    again = run(DetectStage(DetectParams()), given)
    for one, other in zip(rows, pa.concat_tables(again.tables["detections"]).to_pylist(), strict=True):
        assert {**one, "milliseconds": 0} == {**other, "milliseconds": 0}


def test_a_retry_judges_what_it_is_asked_for() -> None:
    out = run(DetectStage(DetectParams()), tables(media(0), media(1), media(2)), frozenset([f"{1:064x}"]))
    assert (out.rows_in, out.kept) == (1, 1)
    assert {row["media_id"] for row in pa.concat_tables(out.tables["detections"]).to_pylist()} == {
        f"{1:064x}"
    }


def test_an_unknown_detector_stops_the_run() -> None:
    stage = DetectStage(DetectParams(detectors={"xception": {}}))
    with pytest.raises(ConfigurationError, match="There is no detector 'xception'"):
        run(stage, tables(media(0)))


def test_folds_judge_what_they_never_saw(tmp_path: Path) -> None:
    tiny_onnx.write(tmp_path / "spatial.onnx")
    tiny_onnx.write(tmp_path / weight_file("spatial", ".onnx", "A"))
    everything, fold = open_judges({"spatial": {}}, tmp_path, tmp_path / "links")
    assert (everything.fold, fold.fold) == (None, "A")
    assert [judge.fold for judge in open_judges({"spatial": {}}, tmp_path, None)] == [None]
    asked = [
        (0, None, "test"),
        (1, "A", "test"),
        (1, "B", "test"),
        (0, None, "train"),
        (1, "A", "validation"),
    ]
    assert [Judge(fold.detector, "A").judges(*one) for one in asked] == [True, True, False, False, False]
    assert all(everything.judges(*one) for one in [*asked, (None, None, None)])


def test_declarations_of_pseudo_fakes_are_not_asked_for() -> None:
    real, made = media(0), {**media(1, label=1, method="warp"), "dataset": "pseudo-fakes"}
    out = run(DetectStage(DetectParams(detectors={"provenance": {}, "frequency": {}})), tables(real, made))
    rows = pa.concat_tables(out.tables["detections"]).to_pylist()
    assert {(int(row["media_id"], 16), row["detector"]) for row in rows} == {
        (0, "provenance"), (0, "frequency"), (1, "frequency"),
    }  # fmt: skip
    alone = run(DetectStage(DetectParams(detectors={"provenance": {}})), tables(made))
    assert (alone.rows_in, alone.kept) == (1, 1)
    assert pa.concat_tables(alone.tables["detections"]).num_rows == 0


def test_a_detector_with_a_large_model_takes_one_process() -> None:
    assert DetectStage(DetectParams()).max_processes is None
    wanted = {"foundation": {"tower": "/models/clip"}}
    assert DetectStage(DetectParams(detectors=wanted)).max_processes == 1
