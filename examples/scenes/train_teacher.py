"""Trains the tiny teacher of the demo, from random weights, on rendered scenes with their true answers.

    python examples/scenes/train_teacher.py [--work DIR] [--out examples/scenes/teacher]

Two trainings of `components.distill.train`, one after the other. The first learns to see (image to dense
caption) and to merge texts, the second goes on with all five tasks. On a processor the same versions of the
libraries give the same weights. A training that was stopped goes on when the command is given again.
`evaluate_teacher.py` then measures the checkpoint and writes its model card.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from render import png
from teacher_tasks import Task, example

from components.distill.rows import from_folder
from components.distill.train import train
from components.distill.train_params import TrainParams, preset

HERE: Final = Path(__file__).resolve().parent

Mix = dict[Task, int]

SEE: Final[Mix] = {"dense": 9000, "fuse": 3000}
"""Rows of the first training."""

ALL: Final[Mix] = {"dense": 2000, "fuse": 4000, "one_pass": 4000, "judge_claim": 6000, "judge_fit": 4000}
"""Rows of the second training."""

SEE_PARAMS: Final[dict[str, Any]] = {
    "steps": 600,
    "batch": 64,
    "vision": {"lr": 4e-3},
    "max_tokens": 128,
    "sample_steps": 1000,
}
ALL_PARAMS: Final[dict[str, Any]] = {
    "steps": 900,
    "max_tokens": 128,
    "sample_steps": 1000,
}

_SHARD: Final = 2000


def write_rows(mix: Mix, folder: Path, world: str) -> None:
    """Write training rows as Parquet shards, the tasks mixed in every shard in the same shares."""
    folder.mkdir(parents=True)
    total = sum(mix.values())
    shards = -(-total // _SHARD)
    for shard in range(shards):
        rows = []
        for task, count in mix.items():
            for number in range(shard * count // shards, (shard + 1) * count // shards):
                asked = example(task, number, "training", world)
                image = png(asked.scene) if asked.image else None
                rows.append({"image": image, "system": None, "user": asked.user, "target": asked.target})
        schema = pa.schema(
            [
                ("image", pa.large_binary()),
                ("system", pa.string()),
                ("user", pa.string()),
                ("target", pa.string()),
            ]
        )
        pq.write_table(pa.Table.from_pylist(rows, schema), folder / f"{shard:05d}.parquet")


def phase(name: str, mix: Mix, params: dict[str, Any], work: Path) -> Path:
    """Do one training, or go on with it; the folder of its model."""
    data = work / name / "rows"
    if not data.exists():
        partial = data.with_name("rows.partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_rows(mix, partial, "teacher")
        partial.rename(data)

    def said(line: dict[str, Any]) -> None:
        print(f"{name}: step {line['step']} of {line['steps']}, loss {line['loss']:.4f}", flush=True)

    merged = {**preset("tiny"), "log_steps": 50, **params}
    result = train(from_folder(data), TrainParams.model_validate(merged), work / name, on_progress=said)
    return result.model


def train_teacher(work: Path) -> Path:
    """Both trainings; the folder of the model."""
    seeing = phase("see", SEE, SEE_PARAMS, work)
    return phase("all", ALL, {**ALL_PARAMS, "student": {"start": str(seeing)}}, work)


def main() -> int:
    """Parse the command line, train, copy the checkpoint."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("teacher-run"), help="folder of the trainings")
    parser.add_argument("--out", type=Path, default=HERE / "teacher", help="folder of the checkpoint")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the matrices are small; and sums must not depend on the number of cores
    began = time.process_time()
    model = train_teacher(arguments.work)
    shutil.rmtree(arguments.out, ignore_errors=True)
    shutil.copytree(model, arguments.out)
    print(f"{arguments.out}: trained in {time.process_time() - began:.0f} seconds of processor time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
