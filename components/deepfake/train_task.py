"""The training of detectors as a step: resumed from the run's store, published once."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from components.core import shards
from components.core.errors import ConfigurationError
from components.core.manifest import Manifest, load, manifest_key
from components.core.model_files import publish_model
from components.core.progress import emit
from components.core.store import FileStore, Store, open_store
from components.core.task import Artifact, Inputs, hand_over, read_params, reported
from components.deepfake.train_params import IDENTITY_EXCLUDES, DetectorTrainParams

STEP: Final = "train"
LOG: Final = "log"


def train_detectors(
    inputs: Mapping[str, Sequence[Manifest]], out: str, params: Mapping[str, Any]
) -> dict[str, Manifest]:
    """Train detectors and publish them; what the same training has published is taken.

    Args:
        inputs: `samples` and `crops` of one or more steps (faces, synthesize) in the same order, for their
            shards belong together; and `splits`.
        out: URI of the run's output. Checkpoints are kept there until the detectors are published.
        params: of `DetectorTrainParams`.

    Returns:
        `model`: the files of weights; `log`: losses, validation and what was trained, as JSON.

    Raises:
        ConfigurationError: where torch is not installed, or there is nothing to train on.
        DrainedError: after SIGTERM, when a checkpoint is saved.
    """
    checked = read_params(DetectorTrainParams, params, "deepfake.train")
    assert isinstance(checked, DetectorTrainParams)
    values = checked.model_dump(mode="json")
    store = open_store(out)
    parents = {
        port if len(manifests) == 1 else f"{port}[{number}]": manifest.digest
        for port, manifests in inputs.items()
        for number, manifest in enumerate(manifests)
    }
    if (done := _published(store, parents, values)) is not None:
        return done
    _need_packages()
    # not concatenated: that leaves empty shards out, and a shard without a crop would part the two
    pairs = list(zip(inputs["samples"], inputs["crops"], strict=True))
    for samples, crops in pairs:
        if len(samples.shards) != len(crops.shards):
            raise ConfigurationError(
                f"{samples.step}/{samples.port} has {len(samples.shards)} shards and "
                f"{crops.step}/{crops.port} {len(crops.shards)}: they are not of one step."
            )
    splits = {
        row["media_id"]: row["split"]
        for manifest in inputs["splits"]
        for table in _read(manifest)
        for row in table.to_pylist()
    }

    def tables() -> Iterator[tuple[pa.Table, pa.Table]]:
        for samples, crops in pairs:
            yield from zip(_read(samples), _read(crops), strict=True)

    from components.deepfake.training.every_detector import train_all

    fingerprint = hashlib.sha256(
        json.dumps([parents, _deciding(values)], sort_keys=True).encode()
    ).hexdigest()[:32]
    with _workdir(store, fingerprint) as (folder, kept):
        train_all(tables, splits, checked, folder, tell=_tell, kept=kept)
        common: dict[str, Any] = {"params": values, "family": "deepfake", "parents": parents}
        made = {
            LOG: publish_model(folder / LOG, STEP, out, port=LOG, **common),
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
        inputs: `samples`, `crops` (each one manifest or several) and `splits`.
        model: output artifact.
        metrics: a KFP `Metrics` artifact that gets the mean validation AUC of every detector.
    """
    with reported():
        manifests = {
            port: [load(Path(p).read_bytes(), p) for p in ([paths] if isinstance(paths, str) else paths)]
            for port, paths in inputs.items()
        }
        emit("start", step=STEP, worker=0, done=0, total=1, resumed=0, rows=0, failed=0, rate=0.0, eta_s=None)
        made = train_detectors(manifests, out, params)
        trained = _summary(open_store(out), made[LOG])
        rows = sum(manifest.rows for manifest in manifests["samples"])
        emit(
            "committed",
            step=STEP,
            line=f"train: {rows} samples, {', '.join(sorted(trained))}",
            rows_in=rows,
            kept=made["model"].rows,
            dropped={},
            failed={},
            conserves=False,
        )
    hand_over({"model": made["model"]}, {"model": model})
    if metrics is not None:
        for name, aucs in trained.items():
            if aucs:
                metrics.log_metric(f"{name}.validation_auc", sum(aucs.values()) / len(aucs))


def _need_packages() -> None:
    for package in ("torch", "sklearn", "onnx"):
        if importlib.util.find_spec(package) is None:
            raise ConfigurationError(
                f"Training of detectors needs {package}, which is not installed: pip install "
                "'kalemint[torch]'."
            )


def _read(manifest: Manifest) -> Iterable[pa.Table]:
    store = open_store(manifest.location)
    return (shards.read(store, shard) for shard in manifest.shards)


def _published(
    store: Store, parents: Mapping[str, str], params: Mapping[str, Any]
) -> dict[str, Manifest] | None:
    """The model and log of a training that is done, or None."""
    found = {}
    for port in ("model", LOG):
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
    """The parameters that decide what is learnt."""
    return {name: value for name, value in params.items() if name not in IDENTITY_EXCLUDES}


def _summary(store: Store, log: Manifest) -> dict[str, dict[str, float]]:
    """Detector → method → AUC on the validation split."""
    for shard in log.shards:
        for row in shards.read(store, shard).to_pylist():
            if row["name"] == "trained.json":
                entries = json.loads(store.get(row["uri"].partition(":")[2]))
                return {entry["file"]: entry["validation_auc"] for entry in entries}
    return {}


@contextlib.contextmanager
def _workdir(store: Store, fingerprint: str) -> Iterator[tuple[Path, Any]]:
    """A local folder and what is called with files to keep: in the run's own, or copied to a bucket."""
    place = f"{STEP}/work/{fingerprint}"
    if isinstance(store, FileStore):
        folder = store.folder / place
        folder.mkdir(parents=True, exist_ok=True)
        yield folder, None
        shutil.rmtree(folder, ignore_errors=True)
        return
    with tempfile.TemporaryDirectory(prefix="kalemint-train-") as scratch:
        folder = Path(scratch)
        for key, _ in store.list(f"{place}/"):
            target = folder / key.removeprefix(f"{place}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with store.open(key) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)

        def keep(path: Path) -> None:
            store.put_file(f"{place}/{path.relative_to(folder).as_posix()}", path)

        yield folder, keep


def _tell(name: str, step: int, steps: int, loss: float) -> None:
    emit(
        "progress",
        step=STEP,
        worker=0,
        done=step,
        total=steps,
        resumed=0,
        rows=step,
        failed=0,
        rate=0.0,
        eta_s=None,
        line=f"train {name} {step}/{steps}: loss {loss:.4f}",
    )
