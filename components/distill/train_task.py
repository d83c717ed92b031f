"""The training as a step: resumed from the run's store, on every GPU of the machine, published once."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import yaml

from components.core import shards
from components.core.errors import ConfigurationError, KalemintError
from components.core.manifest import Manifest, load, manifest_key
from components.core.model_files import publish_model
from components.core.progress import emit
from components.core.runner import DRAINED_EXIT, DrainedError
from components.core.sandbox import die_with_parent
from components.core.store import FileStore, Store, open_store
from components.core.task import Artifact, Inputs, hand_over, read_params, reported
from components.distill.train_params import IDENTITY_EXCLUDES, TrainParams

STEP: Final = "train"
_SHUTDOWN_S: Final = 600
"""Seconds that processes have to save a checkpoint after SIGTERM."""
_MIRROR_S: Final = 10.0
"""Seconds between looks for a new checkpoint that is to be copied to the store."""


def train_student(inputs: Mapping[str, Manifest], out: str, params: Mapping[str, Any]) -> dict[str, Manifest]:
    """Train a student and publish it; what a training with the same data and parameters published is taken.

    Args:
        inputs: `train` and `heldout` (rows that sample captions are made of), both training_pairs/1.
        out: URI of the run's output. Checkpoints are kept there until the model is published.
        params: of the trainer.

    Returns:
        `model`: the model's files; `log`: loss, throughput and sample captions as JSON lines.

    Raises:
        ConfigurationError: where torch is not installed, or there is nothing to train on.
        DrainedError: after SIGTERM, when a checkpoint is saved.
    """
    checked = read_params(TrainParams, params, "distill.train")
    values = checked.model_dump(mode="json")
    store = open_store(out)
    parents = {port: manifest.digest for port, manifest in inputs.items()}
    if (done := _published(store, parents, values)) is not None:
        return done
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise ConfigurationError(
            "Training needs torch and transformers, which are not installed: pip install 'kalemint[torch]'."
        )
    if not inputs["train"].rows:
        raise ConfigurationError(
            "The training set is empty: give more images, or lower distill.training_set.heldout_share and "
            "caption.pairs.audit_share."
        )
    fingerprint = f"{parents['train'][:16]}-{_digest(values)[:16]}"
    with _workdir(store, fingerprint) as folder:
        _train(inputs, checked, folder)
        logs = folder / "log"
        logs.mkdir(exist_ok=True)
        for log in folder.glob("*.jsonl"):
            shutil.copy2(log, logs / log.name)
        common: dict[str, Any] = {"params": values, "family": "distill", "parents": parents}
        made = {
            "log": publish_model(logs, STEP, out, port="log", **common),
            "model": publish_model(folder / "model", STEP, out, **common),
        }
    for key, _ in list(store.list(f"{STEP}/work/{fingerprint}/")):
        store.delete(key)
    return made


def train_task(
    inputs: Inputs,
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    model: Artifact,
    metrics: Any = None,
) -> None:
    """Body of the component `train`.

    Args:
        model: output artifact.
        metrics: a KFP `Metrics` artifact that gets the last loss.
    """
    with reported():
        manifests = {port: load(Path(str(path)).read_bytes(), str(path)) for port, path in inputs.items()}
        emit("start", step=STEP, worker=0, done=0, total=1, resumed=0, rows=0, failed=0, rate=0.0, eta_s=None)
        made = train_student(manifests, out, params)
        numbers = _last_numbers(open_store(out), made["log"])
        rows = manifests["train"].rows
        emit(
            "committed",
            step=STEP,
            line=f"train: {rows} pairs, loss {numbers['loss']:.4f} after {numbers['steps']:.0f} steps",
            rows_in=rows,
            kept=made["model"].rows,
            dropped={},
            failed={},
            conserves=False,
        )
    hand_over({"model": made["model"]}, {"model": model})
    if metrics is not None:
        for name, value in numbers.items():
            metrics.log_metric(name, value)


def _published(
    store: Store, parents: Mapping[str, str], params: Mapping[str, Any]
) -> dict[str, Manifest] | None:
    """The model and log of a training that is done, or None."""
    found = {}
    for port in ("model", "log"):
        try:
            key = manifest_key(STEP, port)
            manifest = load(store.get(key), store.uri(key))
        except FileNotFoundError:
            return None
        if manifest.parents != parents or _deciding(manifest.params) != _deciding(params):
            return None
        found[port] = manifest
    return found


def _deciding(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that decide what is published."""
    how = IDENTITY_EXCLUDES - {"export_dtype"}
    return {name: value for name, value in params.items() if name not in how}


def _last_numbers(store: Store, log: Manifest) -> dict[str, float]:
    """The last loss and how many steps there were."""
    table = pa.concat_tables([shards.read(store, shard) for shard in log.shards])
    for row in table.to_pylist():
        if row["name"] == "loss.jsonl":
            last = json.loads(store.get(row["uri"].partition(":")[2]).splitlines()[-1])
            return {"loss": float(last["loss"]), "steps": float(last["step"])}
    raise KalemintError(f"{store.root} has no loss log of the training.")


def _digest(values: Mapping[str, Any]) -> str:
    learnt = {name: value for name, value in values.items() if name not in IDENTITY_EXCLUDES}
    return hashlib.sha256(yaml.safe_dump(learnt, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def _workdir(store: Store, fingerprint: str) -> Iterator[Path]:
    """A local folder with the checkpoints: in the run's own folder, or a copy of what a bucket has."""
    place = f"{STEP}/work/{fingerprint}"
    if isinstance(store, FileStore):
        folder = store.folder / place
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)
        return
    with tempfile.TemporaryDirectory(prefix="kalemint-train-") as scratch:
        folder = Path(scratch)
        for key, _ in store.list(f"{place}/"):
            target = folder / key.removeprefix(f"{place}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with store.open(key) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        mirror = _Mirror(store, place, folder)
        with mirror:
            yield folder


class _Mirror(threading.Thread):
    """Copies what a training saves to a bucket: logs, and checkpoints, which are renamed when whole."""

    def __init__(self, store: Store, place: str, folder: Path) -> None:
        super().__init__(daemon=True)
        self._store, self._place, self._folder = store, place, folder
        self._ended = threading.Event()
        self._copied: set[str] = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}

    def __enter__(self) -> None:
        self.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self._copy()

    def run(self) -> None:
        while not self._ended.wait(_MIRROR_S):
            self._copy()

    def _copy(self) -> None:
        whole = [p for p in (self._folder / "checkpoints").glob("step-*") if p.is_dir() and not p.suffix]
        start = self._folder / "start"
        kept = {path.name for path in whole}
        # the logs first: a log that is ahead of its checkpoint is cut, one that is behind has a hole
        for log in sorted(self._folder.glob("*.jsonl")):
            self._store.put_file(f"{self._place}/{log.name}", log)
        for folder in [*([start] if (start / "identity.yaml").is_file() else []), *sorted(whole)]:
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            # the file that makes a checkpoint whole goes last
            for path in sorted(files, key=lambda p: p.name in ("trainer.json", "identity.yaml")):
                name = path.relative_to(self._folder).as_posix()
                if name not in self._copied:
                    with contextlib.suppress(FileNotFoundError):  # the trainer keeps the newest ones only
                        self._store.put_file(f"{self._place}/{name}", path)
                        self._copied.add(name)
        for key, _ in list(self._store.list(f"{self._place}/checkpoints/")):
            if key.removeprefix(f"{self._place}/checkpoints/").partition("/")[0] not in kept:
                self._store.delete(key)


def _train(inputs: Mapping[str, Manifest], params: Any, folder: Path) -> None:
    """Train in this process, or under torchrun where the machine has several GPUs."""
    from components.core.torchvision_ops import mend_torchvision

    mend_torchvision()
    import torch

    gpus = torch.cuda.device_count()
    if gpus > 1:
        _torchrun(inputs, params, folder, gpus)
        return
    from components.distill.rows import from_manifest
    from components.distill.train import train

    heldout = from_manifest(inputs["heldout"]) if inputs["heldout"].rows else None
    train(from_manifest(inputs["train"]), params, folder, on_progress=_tell, heldout=heldout)


def _torchrun(inputs: Mapping[str, Manifest], params: Any, folder: Path, gpus: int) -> None:
    files = {}
    for port, manifest in inputs.items():
        files[port] = folder / f"{port}.manifest.json"
        files[port].write_bytes(manifest.to_json())
    config = folder / "params.yaml"
    config.write_text(yaml.safe_dump(params.model_dump(mode="json")))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}"]
    command += [f"--shutdown-timeout={_SHUTDOWN_S}"]
    command += ["-m", "components.distill.train", "--config", str(config), "--out", str(folder)]
    command += ["--data", str(files["train"])]
    if inputs["heldout"].rows:
        command += ["--heldout", str(files["heldout"])]
    process = subprocess.Popen(command, env=os.environ, preexec_fn=die_with_parent)  # noqa: PLW1509
    asked = threading.Event()

    def forward(*_: object) -> None:
        asked.set()
        process.terminate()

    before = signal.signal(signal.SIGTERM, forward)
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGTERM, before)
    if status == DRAINED_EXIT or (status and asked.is_set()):  # torchrun itself ends with 1 after a signal
        raise DrainedError("train: stopped on request; run the same command again to go on.")
    if status:
        raise KalemintError(f"The training ended with status {status}; its output is above.")


def _tell(event: dict[str, Any]) -> None:
    line = f"train {event['step']}/{event['steps']}: loss {event['loss']:.4f}"
    emit(
        "progress",
        step=STEP,
        worker=0,
        done=event["step"],
        total=event["steps"],
        resumed=0,
        rows=event["step"],
        failed=0,
        rate=event["rows_per_second"] or 0.0,
        eta_s=None,
        line=line,
    )
