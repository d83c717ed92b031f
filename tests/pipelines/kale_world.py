"""A small world for the caption pipelines: rendered scenes, the tiny teacher, a student of seconds.

    python -m tests.pipelines.kale_world PIPELINE CONFIG OUT WORKERS

runs a pipeline's steps in one process, so that a test can kill it.
"""

from __future__ import annotations

import json
import mimetypes
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from components.core import shards
from components.core.manifest import Manifest, load
from components.core.store import open_store
from components.core.task import laid_over, reported
from components.crawl.warc import writer
from components.publish.describe import write_report
from pipelines.chain import list_sources, run_chain
from pipelines.config import load_config, read_file
from pipelines.run_record import begin
from tests.conftest import REPOSITORY
from tests.pipelines.processes import Running

SCENES = REPOSITORY / "examples" / "scenes"
TEACHER = SCENES / "teacher"

# the student starts from the teacher: what a step learns is not what these runs are about
CONFIG: dict[str, Any] = {
    "caption": {
        "teacher": {"model": str(TEACHER), "max_model_len": 256},
        "student": {"max_model_len": 256},
        "pairs": {"teacher_share": 0.6, "audit_share": 0.1},
        "align": {"judge": True, "prompt": "scenes-judge-fit-v1"},
        "dense": {"prompt": "scenes-dense-v1", "max_same_caption": 0},
        "augment": {"prompt": "scenes-fuse-v1"},
        "verify": {"claim_prompt": "scenes-judge-claim-v1", "entail_prompt": None, "min_certainty": 0.99},
        "predict": {"other_alt_share": 1.0},
        "scale": {"max_same_caption": 0, "min_audit_rows": 2},
    },
    "distill": {
        "training_set": {"heldout_share": 0.2},
        "train": {
            "preset": "tiny",
            "student": {"start": str(TEACHER)},
            "steps": 40,
            "batch": 32,
            "micro_batch": 32,
            "checkpoint_steps": 6,
            "sample_steps": 20,
            "log_steps": 1,
        },
        "gate": {
            "min_rows": 20,
            "min_metric_rows": 10,
            "min_word_f1": 0.8,
            "min_follows_alt_text": None,
            "decide_by": "value",
        },
    },
    "run": {"partitions": 6},
}


def make_scenes(folder: Path, scenes: int, *more: str) -> Path:
    """Write scenes as files that a pipeline reads."""
    program = [sys.executable, str(SCENES / "make.py"), "--out", str(folder), "--scenes", str(scenes)]
    subprocess.run([*program, *more], check=True, capture_output=True, timeout=120)
    return folder


def write_config(file: Path, inputs: list[str], **over: Any) -> Path:
    """`CONFIG` with sections laid over it, as a config file."""
    file.write_text(yaml.safe_dump({"inputs": inputs, **laid_over(CONFIG, over)}))
    return file


def write_warc(site: Path, file: Path) -> None:
    """Every file of a site as a capture."""
    date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with file.open("wb") as stream:
        for path in sorted(p for p in site.rglob("*") if p.is_file()):
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            body = path.read_bytes()
            header = (
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            url = f"http://sample.example/{path.relative_to(site).as_posix()}"
            stream.write(
                writer.Record("response", date, header + body, target_uri=url, payload=body).encode()
            )


def start(pipeline: str, config: Path, out: Path, workers: int = 1) -> Running:
    """The steps of a pipeline in one process."""
    command = [sys.executable, "-m", "tests.pipelines.kale_world", pipeline, str(config), str(out)]
    return Running([*command, str(workers)])


def kalemint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, to its end."""
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False)


def datasets(out: Path) -> dict[str, Manifest]:
    """Every committed dataset as `step.port`."""
    found = sorted(out.glob("*/*/manifest.json"))
    manifests = [load(file.read_bytes(), str(file)) for file in found]
    return {f"{manifest.step}.{manifest.port}": manifest for manifest in manifests}


def digests(out: Path) -> dict[str, str]:
    """Digests of all datasets but the log of the training, which holds times."""
    return {name: m.digest for name, m in datasets(out).items() if name != "train.log"}


def rows(manifest: Manifest) -> list[dict[str, Any]]:
    """All rows of a dataset."""
    store = open_store(manifest.location)
    return [row for shard in manifest.shards for row in shards.read(store, shard).to_pylist()]


def ledger(manifest: Manifest) -> list[dict[str, Any]]:
    """All ledger lines of the step that made a dataset."""
    store = open_store(manifest.location)
    return [line for shard in manifest.ledger for line in shards.read(store, shard).to_pylist()]


def files(manifest: Manifest) -> Mapping[str, Path]:
    """Files of a dataset of model files, by name."""
    store = open_store(manifest.location)
    return {
        row["name"]: Path(store.uri(row["uri"].partition(":")[2]).removeprefix("file://"))
        for row in rows(manifest)
    }


def losses(out: Path) -> list[dict[str, Any]]:
    """The loss log that was published."""
    log = files(datasets(out)["train.log"])["loss.jsonl"]
    return [json.loads(line) for line in log.read_text().splitlines()]


def _run(pipeline: str, config: Path, out: str, workers: int) -> None:
    inputs = read_file(config)[1]
    values = load_config(pipeline, config, ()).model_dump(mode="json")
    begin(pipeline, inputs, out, workers, values)
    run_chain(pipeline, list_sources(pipeline, inputs, out, values), out, values, workers=workers)
    write_report(out)


if __name__ == "__main__":
    with reported():
        _run(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
