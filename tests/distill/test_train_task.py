"""The training as a step: killed, drained, resumed from a folder or a bucket, published once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch", reason="needs the extra `torch`")

from components.core.errors import ConfigurationError
from components.core.manifest import Manifest, load, manifest_key
from components.core.progress import EVENTS_VARIABLE
from components.core.store import FileStore, Store, open_store
from components.core.task import Artifact
from components.distill import train_task as task
from components.distill.train_task import train_student, train_task
from tests.distill import samples, scenes
from tests.pipelines.processes import Running

pytestmark = pytest.mark.torch

STEPS = 60
PARAMS = scenes.tiny(steps=STEPS, checkpoint_steps=7, sample_steps=30, log_steps=5)


def training_pairs(port: str, count: int, seed: int, root: Path, shards: int = 2) -> Manifest:
    """Rendered rows as a dataset of the step before."""
    given = [
        {**row, "id": f"{port}-{number:03}", "group": f"{port}-{number:03}", "alt": None}
        for number, row in enumerate(scenes.rows(count, seed))
    ]
    tables = [samples.table(given[start::shards], "training_pairs/1") for start in range(shards)]
    return samples.dataset("training_set", port, "training_pairs/1", tables, root.as_uri())


@dataclass(frozen=True)
class Data:
    """The inputs of a training, and a training with them that nobody disturbed."""

    inputs: dict[str, Manifest]
    files: dict[str, Path]
    made: dict[str, Manifest]

    def start(self, out: str, params: Path) -> Running:
        params.write_text(yaml.safe_dump(PARAMS))
        files = [str(self.files[port]) for port in ("train", "heldout")]
        return Running([sys.executable, "-m", "tests.distill.student_run", out, str(params), *files])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    root = tmp_path_factory.mktemp("undisturbed")
    inputs = {
        "train": training_pairs("train", 100, 0, root),
        "heldout": training_pairs("heldout", 8, 1, root),
    }
    files = {port: root / f"{port}.json" for port in inputs}
    for port, file in files.items():
        file.write_bytes(inputs[port].to_json())
    return Data(inputs, files, train_student(inputs, root.as_uri(), PARAMS))


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the processes of a test tell, as JSON lines. What a killed one leaves goes with `tmp_path`."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "events.jsonl"))
    return tmp_path / "events.jsonl"


def events(told: Path, kind: str) -> list[dict[str, Any]]:
    """Events of one kind; a killed process may have left a line half written."""
    lines = [line for line in told.read_text().splitlines() if line.endswith("}")]
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def file_of(manifest: Manifest, name: str) -> bytes:
    """A file of a dataset of model files."""
    store = open_store(manifest.location)
    (uri,) = [row["uri"] for row in samples.rows(manifest, manifest.location) if row["name"] == name]
    return store.get(uri.partition(":")[2])


def published(out: str) -> dict[str, Manifest]:
    store = open_store(out)
    keys = {port: manifest_key("train", port) for port in ("model", "log")}
    return {port: load(store.get(key), key) for port, key in keys.items()}


def steps_logged(store: Store) -> int:
    """Steps in the log of a training that is under way."""
    logs = [key for key, _ in store.list("train/work/") if key.endswith("/loss.jsonl")]
    return len(store.get(logs[0]).splitlines()) if logs else 0


def whole_checkpoints(store: Store) -> list[str]:
    """Checkpoints that a training can go on from."""
    keys = [key for key, _ in store.list("train/work/")]
    return [key for key in keys if key.endswith("/trainer.json") and ".partial" not in key]


def check_same(out: str, data: Data) -> None:
    """The training was the undisturbed one, and nothing is left of its work."""
    made = published(out)
    assert made["model"].digest == data.made["model"].digest
    for name in ("loss.jsonl", "samples.jsonl"):
        assert file_of(made["log"], name) == file_of(data.made["log"], name)
    assert [key for key, _ in open_store(out).list("train/work/")] == []


def test_what_is_published(data: Data) -> None:
    model, log = data.made["model"], data.made["log"]
    names = {row["name"] for row in samples.rows(model, model.location)}
    assert {"config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    lines = [json.loads(line) for line in file_of(log, "loss.jsonl").splitlines()]
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert lines[-1]["loss"] < 0.6 * lines[0]["loss"]
    assert {row["name"] for row in samples.rows(log, log.location)} == {
        "loss.jsonl",
        "samples.jsonl",
        "throughput.jsonl",
    }
    assert model.parents == {port: manifest.digest for port, manifest in data.inputs.items()}


def test_killed_then_drained_it_goes_on_and_gives_the_same_model(
    data: Data, tmp_path: Path, told: Path
) -> None:
    out = (tmp_path / "out").as_uri()
    store = open_store(out)
    process = data.start(out, tmp_path / "params.yaml")
    process.until(lambda: whole_checkpoints(store))
    process.kill()
    process.ended()
    killed_at = steps_logged(store)
    assert 7 <= killed_at < STEPS
    process = data.start(out, tmp_path / "params.yaml")
    process.until(lambda: steps_logged(store) > killed_at)
    os.kill(process.pid, signal.SIGTERM)
    assert process.ended() == 143, process.stderr_text()
    (error,) = events(told, "error")
    assert error["kind"] == "DrainedError"
    assert "a checkpoint is saved" in error["message"]
    assert killed_at < steps_logged(store) < STEPS
    process = data.start(out, tmp_path / "params.yaml")
    assert process.ended() == 0, process.stderr_text()
    check_same(out, data)


@pytest.mark.s3
def test_checkpoints_outlive_the_machine_in_a_bucket(
    data: Data, tmp_path: Path, told: Path, s3_bucket: str
) -> None:
    out = f"s3://{s3_bucket}/run"
    store = open_store(out)
    process = data.start(out, tmp_path / "params.yaml")
    process.until(lambda: whole_checkpoints(store))
    process.kill()
    process.ended()
    for folder in tmp_path.glob("kalemint-train-*"):  # the next one runs on another machine
        shutil.rmtree(folder)
    kept = max(int(key.split("/step-")[1].partition("/")[0]) for key in whole_checkpoints(store))
    assert kept >= 7
    told.unlink()
    process = data.start(out, tmp_path / "params.yaml")
    assert process.ended() == 0, process.stderr_text()
    steps = [event["done"] for event in events(told, "progress")]
    assert steps == [step for step in range(5, STEPS + 1, 5) if step > kept]
    check_same(out, data)


def test_a_log_in_a_bucket_is_never_behind_a_checkpoint_there(tmp_path: Path) -> None:
    class DiesAfterACheckpoint(FileStore):
        def put_file(self, key: str, path: Path) -> None:
            super().put_file(key, path)
            if key.endswith("/trainer.json"):
                raise KeyboardInterrupt

    folder = tmp_path / "machine"
    bucket = DiesAfterACheckpoint((tmp_path / "bucket").as_uri())
    mirror = task._Mirror(bucket, "train/work/a", folder)
    checkpoint = folder / "checkpoints" / "step-00000007"
    checkpoint.mkdir(parents=True)
    (checkpoint / "trainer.json").write_text("{}")
    (folder / "loss.jsonl").write_text('{"step": 1}\n' * 9)
    with pytest.raises(KeyboardInterrupt):
        mirror._copy()
    assert whole_checkpoints(bucket)
    assert steps_logged(bucket) == 9


def test_a_published_training_is_taken_and_other_data_is_trained_on(
    data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    root = data.made["model"].location
    before = open_store(root).get(manifest_key("train", "model"))
    with monkeypatch.context() as patched:
        patched.setattr("components.distill.train.train", refuse)
        again = train_student(data.inputs, root, PARAMS)
        assert {port: m.digest for port, m in again.items()} == {p: m.digest for p, m in data.made.items()}
        assert open_store(root).get(manifest_key("train", "model")) == before
        for inputs, params in (
            ({**data.inputs, "train": training_pairs("train", 50, 2, tmp_path)}, PARAMS),
            (data.inputs, {**PARAMS, "seed": 1}),
        ):
            with pytest.raises(AssertionError, match="trained again"):
                train_student(inputs, root, params)


def test_the_component_hands_over_the_model_and_its_last_loss(data: Data, tmp_path: Path) -> None:
    class Made:
        def __init__(self) -> None:
            self.path = str(tmp_path / "model")
            self.metadata: dict[str, Any] = {}

    class Metrics:
        def __init__(self) -> None:
            self.logged: dict[str, float] = {}

        def log_metric(self, metric: str, value: float) -> None:
            self.logged[metric] = value

    model: Artifact = Made()
    metrics = Metrics()
    inputs = {port: str(file) for port, file in data.files.items()}
    train_task(inputs, data.made["model"].location, PARAMS, {}, model, metrics)
    assert load(Path(model.path).read_bytes(), model.path).digest == data.made["model"].digest
    assert model.metadata["schema"] == "model_files/1"
    last = json.loads(file_of(data.made["log"], "loss.jsonl").splitlines()[-1])
    assert metrics.logged == {"loss": last["loss"], "steps": STEPS}


def test_nothing_to_train_on_is_said_in_a_sentence(data: Data, tmp_path: Path) -> None:
    empty = training_pairs("train", 0, 0, tmp_path, shards=1)
    with pytest.raises(ConfigurationError, match=r"training set is empty.*heldout_share"):
        train_student({**data.inputs, "train": empty}, (tmp_path / "out").as_uri(), PARAMS)
    with pytest.raises(ConfigurationError, match=r"distill\.train\.stepps"):
        train_student(data.inputs, (tmp_path / "out").as_uri(), {**PARAMS, "stepps": 3})
