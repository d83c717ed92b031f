"""The training as a step, and the publication of what it made."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

pytest.importorskip("torch", reason="needs the extra `torch`")
pytest.importorskip("sklearn", reason="needs the extra `torch`")
pytest.importorskip("onnx", reason="needs the extra `torch`")

from components.core import runner, schemas, shards
from components.core.errors import ConfigurationError
from components.core.manifest import Counts, Manifest
from components.core.store import open_store
from components.deepfake.calibration import from_json
from components.deepfake.detectors import open_detectors
from components.deepfake.publish_task import publish_detectors
from components.deepfake.train_task import train_detectors, train_task
from tests.deepfake.crops import crop, sample, texture
from tests.deepfake.training.labelled import PARAMS, splits
from tests.deepfake.training.labelled import shards as drawn

pytestmark = pytest.mark.torch
VALUES = PARAMS.model_dump(mode="json")
FILES = {
    "blending.onnx", "spatial.onnx", "frequency.json", "frequency--without-rough.json",
    "frequency--without-self_blend.json",
}  # fmt: skip


def published(root: str, port: str, schema: str, tables: list[pa.Table]) -> Manifest:
    rows = sum(table.num_rows for table in tables)
    counts = Counts(rows_in=rows, kept=rows)
    return runner.publish("drawn", port, schema, tables, [], counts, root, params={}, tell=False)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    root = tmp_path_factory.mktemp("drawn").as_uri()
    return {
        "samples": [published(root, "samples", "samples/1", [one for one, _ in drawn()])],
        "crops": [published(root, "crops", "crops/1", [other for _, other in drawn()])],
        "splits": [published(root, "splits", "splits/1", [splits()])],
    }


@pytest.fixture(scope="module")
def made(inputs: dict[str, list[Manifest]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Manifest]:
    return train_detectors(inputs, tmp_path_factory.mktemp("out").as_uri(), VALUES)


def files(manifest: Manifest) -> dict[str, bytes]:
    store = open_store(manifest.location)
    rows = [row for shard in manifest.shards for row in shards.read(store, shard).to_pylist()]
    return {row["name"]: store.get(row["uri"].partition(":")[2]) for row in rows}


def test_every_detector_and_fold_is_published_with_its_log(
    made: dict[str, Manifest], inputs: dict[str, list[Manifest]]
) -> None:
    assert set(files(made["model"])) == FILES
    log = files(made["log"])
    assert {"trained.json", "blending.loss.jsonl", "blending.validation.jsonl", "spatial.loss.jsonl"} <= set(
        log
    )
    trained = {entry["file"]: entry for entry in json.loads(log["trained.json"])}
    assert set(trained) == FILES
    assert trained["frequency--without-rough.json"]["without"] == "rough"
    assert set(trained["frequency--without-rough.json"]["validation_auc"]) == {"self_blend"}
    assert made["model"].parents == {port: some[0].digest for port, some in inputs.items()}
    models = {name: json.loads(data) for name, data in files(made["model"]).items() if name.endswith(".json")}
    patch = models["frequency.json"]["patch"]
    assert patch["trained_on"] == "drawn real: 4 samples of 4 groups; drawn rough: 4 samples of 4 groups"
    assert models["frequency--without-self_blend.json"]["patch"] == patch
    assert models["frequency--without-rough.json"]["patch"] is None  # nothing else shows in a patch
    assert not list(open_store(made["model"].location).list("train/work/"))


def test_the_same_training_is_taken_and_another_is_not(
    made: dict[str, Manifest], inputs: dict[str, list[Manifest]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("components.deepfake.training.every_detector.train_all", refuse)
    root = made["model"].location
    again = train_detectors(inputs, root, {**VALUES, "log_steps": 3})
    assert {port: one.digest for port, one in again.items()} == {p: one.digest for p, one in made.items()}
    with pytest.raises(AssertionError, match="trained again"):
        train_detectors(inputs, root, {**VALUES, "seed": 1})


def test_killed_then_drained_it_goes_on_and_gives_the_same_files(
    made: dict[str, Manifest], inputs: dict[str, list[Manifest]], tmp_path: Path
) -> None:
    slow = {**VALUES, "checkpoint_steps": 1}
    (tmp_path / "params.json").write_text(json.dumps(slow))
    command = [sys.executable, "-m", "tests.deepfake.training_run", (tmp_path / "out").as_uri()]
    command.append(str(tmp_path / "params.json"))
    for port, some in inputs.items():
        (tmp_path / f"{port}.json").write_bytes(some[0].to_json())
        command.append(str(tmp_path / f"{port}.json"))

    def started(file: str, steps: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        limit = time.monotonic() + 120
        while time.monotonic() < limit and process.poll() is None:
            logs = list((tmp_path / "out").glob(f"train/work/*/training/{file}/loss.jsonl"))
            if logs and logs[0].read_bytes().count(b"\n") >= steps:
                break
            time.sleep(0.01)
        return process

    killed = started("blending.onnx", 3)
    killed.kill()
    killed.communicate()
    drained = started("spatial.onnx", 2)
    drained.send_signal(signal.SIGTERM)
    _, said = drained.communicate()
    assert drained.returncode == runner.DRAINED_EXIT, said.decode()
    assert subprocess.run(command, check=False, env={**os.environ}).returncode == 0
    ended = train_detectors(inputs, (tmp_path / "out").as_uri(), slow)
    assert files(ended["model"]) == files(made["model"])
    assert files(ended["log"]) == files(made["log"])


def test_the_component_takes_several_manifests_of_a_port(
    inputs: dict[str, list[Manifest]], made: dict[str, Manifest], tmp_path: Path
) -> None:
    class Made:
        def __init__(self) -> None:
            self.path = str(tmp_path / "model")
            self.metadata: dict[str, Any] = {}

    class Metrics:
        def __init__(self) -> None:
            self.values: dict[str, float] = {}

        def log_metric(self, name: str, value: float) -> None:
            self.values[name] = value

    root = tmp_path.as_uri()
    # of the first step one shard has a sample without any crop: the two ports must not be parted by that
    bare, _ = drawn()[0]
    renamed = bare.slice(0, 1).set_column(0, bare.schema.field(0), [["9" * 64]])
    empty = schemas.get("crops/1").empty_table()
    first = {
        "samples": published(f"{root}/one", "samples", "samples/1", [renamed, *[s for s, _ in drawn()[:3]]]),
        "crops": published(f"{root}/one", "crops", "crops/1", [empty, *[c for _, c in drawn()[:3]]]),
    }
    second = {
        "samples": published(f"{root}/two", "samples", "samples/1", [s for s, _ in drawn()[3:]]),
        "crops": published(f"{root}/two", "crops", "crops/1", [c for _, c in drawn()[3:]]),
    }
    paths: dict[str, Any] = {}
    for port in ("samples", "crops"):
        paths[port] = []
        for number, some in enumerate((first, second)):
            path = tmp_path / f"{port}{number}.json"
            path.write_bytes(some[port].to_json())
            paths[port].append(str(path))
    (tmp_path / "splits.json").write_bytes(inputs["splits"][0].to_json())
    paths["splits"] = str(tmp_path / "splits.json")
    model, metrics = Made(), Metrics()
    values = {**VALUES, "blending": "null", "spatial": "null"}
    train_task(paths, f"{root}/out", values, {}, model, metrics)
    assert model.metadata["rows"] == 3
    assert 0.9 < metrics.values["frequency--without-self_blend.json.validation_auc"] <= 1
    again = Manifest.model_validate_json(Path(model.path).read_bytes())
    assert json.loads(files(again)["frequency.json"])["weights"] == pytest.approx(
        json.loads(files(made["model"])["frequency.json"])["weights"], abs=1e-9
    )


def test_data_without_labels_is_told(inputs: dict[str, list[Manifest]], tmp_path: Path) -> None:
    bare = [
        one.set_column(one.schema.get_field_index("label"), "label", pa.nulls(one.num_rows, pa.int8()))
        for one, _ in drawn()
    ]
    unlabelled = published(tmp_path.as_uri(), "samples", "samples/1", bare)
    with pytest.raises(ConfigurationError, match="No sample with a label is in the training split"):
        train_detectors({**inputs, "samples": [unlabelled]}, (tmp_path / "out").as_uri(), VALUES)


def test_published_detectors_judge_and_their_card_says_how_well(
    made: dict[str, Manifest], tmp_path: Path
) -> None:
    calibration = {
        "detector": "blending", "method": "platt", "knots": [-1.0, 1.0], "values": [0.25, 0.75],
        "threshold": 0.5, "low": 0.3, "high": 0.7, "rows": 40, "log_loss": 0.61, "ece": 0.05,
    }  # fmt: skip
    figure: dict[str, Any] = {
        "detector": "blending", "dataset": "drawn", "family": "swap", "method": None, "slice": None,
        "protocol": "within", "variant": "clean", "level": "media", "metric": "auc", "value": 0.55,
        "low": 0.41, "high": 0.69, "forged": 20, "real": 30, "groups": 25, "lost": 2,
        "remark": "chance_level",
    }  # fmt: skip
    better = {**figure, "detector": "spatial", "value": 0.91, "low": 0.84, "high": 0.95, "remark": None}
    robust = {**figure, "variant": "jpeg@20", "value": 0.123}
    root = tmp_path.as_uri()
    tables = {
        "calibrations": ("calibrations/1", [calibration]),
        "benchmark": ("benchmark/1", [figure, better, robust]),
    }
    inputs = {
        port: published(root, port, schema, [pa.Table.from_pylist(rows, schema=schemas.get(schema))])
        for port, (schema, rows) in tables.items()
    }
    manifest = publish_detectors({"model": made["model"], **inputs}, f"{root}/out", {"name": "Test set"})
    found = files(manifest)
    assert set(found) == {"blending.onnx", "spatial.onnx", "frequency.json", "calibration.json", "README.md"}
    assert from_json(found["calibration.json"])["blending"].apply(0.0) == 0.5
    card = found["README.md"].decode()
    assert (
        "| blending | drawn | swap | within | 0.550 [0.410-0.690] | 20 / 30 / 25 | 2 | chance level |" in card
    )
    assert (
        "**At chance level** (the interval reaches 0.5), and of no use there: blending on swap of drawn."
        in card
    )
    assert "0.910 [0.840-0.950]" in card
    assert "0.123" not in card
    lines = {
        line.split(" | ")[0].strip("| "): line
        for line in card.splitlines()
        if "drawn real: 4 samples" in line
    }
    assert set(lines) == {"blending.onnx", "frequency.json", "spatial.onnx"}
    assert "drawn rough: 4 samples of 4 groups; drawn self_blend: 4 samples" in lines["spatial.onnx"]
    assert "rough" not in lines["blending.onnx"]
    assert "self-blends of real ones, made in every step" in lines["blending.onnx"]
    folder = tmp_path / "detectors"
    folder.mkdir()
    for name, data in found.items():
        (folder / name).write_bytes(data)
    judged = sample([crop(texture(3))])
    for detector in open_detectors({name: {} for name in ("blending", "spatial", "frequency")}, folder):
        assert detector.score(judged).score is not None
    with_folds = publish_detectors({"model": made["model"], **inputs}, f"{root}/all", {"folds": True})
    assert set(files(with_folds)) > FILES
