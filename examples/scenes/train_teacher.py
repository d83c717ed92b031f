"""Trains the tiny teacher of the demo, from random weights, on rendered scenes with their true answers.

    python examples/scenes/train_teacher.py [--work DIR] [--out examples/scenes/teacher]

1. The vision tower learns to tell the colour and the shape on the left and on the right, from the labels of
   the program that draws the scenes. It stands in for a tower that was pretrained on images.
2. `components.distill.train`, the trainer of the pipeline, trains the whole model on all five tasks.
3. It goes on with other scenes, more of them of the kinds that are hard to tell.

On a processor the same versions of the libraries give the same weights. A training that was stopped goes on
when the command is given again. `evaluate_teacher.py` then measures the checkpoint and writes its card.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from render import pixels, png
from teacher_tasks import Example, Task, example
from torch import nn
from world import COLOURS, SHAPES, Scene, scene

from components.distill.export import export
from components.distill.model import assemble
from components.distill.rows import from_folder
from components.distill.schedule import lr_factor
from components.distill.train import train
from components.distill.train_params import StudentParams, TrainParams, preset

HERE: Final = Path(__file__).resolve().parent

ROWS: Final[dict[Task, int]] = {
    "dense": 2000,
    "fuse": 5000,
    "one_pass": 5000,
    "judge_claim": 5000,
    "judge_fit": 4000,
}
"""Rows of each task."""

PARAMS: Final[dict[str, Any]] = {
    **preset("tiny"),
    "vision": {"lr": 5e-4},
    "steps": 1600,
    "batch": 32,
    "micro_batch": 32,
    "bucket_batches": 1,  # tasks are mixed in every batch; their rows are of about the same length
    "max_tokens": 128,
    "log_steps": 50,
    "sample_steps": 10_000,
}

_GENTLER: Final[dict[str, Any]] = {
    **PARAMS,
    "steps": 2000,
    "projector": {"lr": 1e-3},
    "language": {"lr": 1.5e-3},
}


@dataclass(frozen=True, slots=True)
class Lesson:
    """One training of the whole model.

    Attributes:
        rows: of each task.
        first: the first of the numbers that its examples are made from.
        hard: whether three of four examples that are not hard are left out.
        params: of the trainer.
    """

    rows: dict[Task, int]
    first: int
    hard: bool
    params: dict[str, Any]


LESSONS: Final = {
    "teach": Lesson(ROWS, 0, False, PARAMS),
    "hard": Lesson(
        {"dense": 2000, "fuse": 4000, "one_pass": 3000, "judge_claim": 3000, "judge_fit": 2500},
        first=100_000,
        hard=True,
        params=_GENTLER,
    ),
}
"""The trainings, each of which goes on where the one before it ended."""

WARM_UP_STEPS: Final = 800
WARM_UP_BATCH: Final = 32
WARM_UP_LR: Final = 4e-3
WARM_UP_SCENES: Final = 10_000

_SHARD: Final = 2000


def is_hard(asked: Example) -> bool:
    """A picture with two things of one shape, or with a text that has to be compared with it."""
    left, right = asked.scene.things
    compared = asked.scene.alt_kind in {"described", "other_scene", "other_scene_named"}
    return asked.image and (compared or left.shape == right.shape)


def examples(task: Task, lesson: Lesson) -> Iterator[Example]:
    """The examples of a task in a lesson."""
    every = (example(task, number) for number in itertools.count(lesson.first))
    chosen = (one for number, one in enumerate(every) if not lesson.hard or number % 4 == 0 or is_hard(one))
    return itertools.islice(chosen, lesson.rows[task])


def write_rows(folder: Path, lesson: Lesson) -> None:
    """Write training rows as Parquet shards, the tasks mixed in every shard in the same shares."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    columns = {"image": pa.large_binary(), "system": pa.string(), "user": pa.string(), "target": pa.string()}
    every = {task: examples(task, lesson) for task in lesson.rows}
    shards = -(-sum(lesson.rows.values()) // _SHARD)
    for shard in range(shards):
        rows = []
        for task, count in lesson.rows.items():
            share = (shard + 1) * count // shards - shard * count // shards
            for asked in itertools.islice(every[task], share):
                image = png(asked.scene) if asked.image else None
                rows.append({"image": image, "system": None, "user": asked.user, "target": asked.target})
        pq.write_table(
            pa.Table.from_pylist(rows, pa.schema(columns.items())), partial / f"{shard:05d}.parquet"
        )
    partial.rename(folder)


def texts() -> Iterator[str]:
    """What the tokenizer is trained on: some of the rows, and the words of the chat template."""
    for task in ROWS:
        for number in range(1000):
            asked = example(task, number)
            yield from ("user\n", asked.user, "assistant\n", asked.target)


def see(tower: Any, steps: int) -> None:
    """Train the tower to tell colour and shape of the left and of the right thing.

    Args:
        tower: a SigLIP vision model; its weights are changed.
        steps: updates of the weights.
    """
    scenes = [scene(number, world="teacher") for number in range(WARM_UP_SCENES)]
    images = torch.stack([_pixels(one) for one in scenes])
    colours = torch.tensor([[list(COLOURS).index(thing.colour) for thing in one.things] for one in scenes])
    shapes = torch.tensor([[SHAPES.index(thing.shape) for thing in one.things] for one in scenes])
    width = tower.config.hidden_size
    heads = nn.ModuleList([nn.Linear(width, len(COLOURS)), nn.Linear(width, len(SHAPES))])
    weights = [*tower.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=WARM_UP_LR, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_factor(step, steps, 0.05, 0.02))
    rng = torch.Generator().manual_seed(0)
    for step in range(steps):
        chosen = torch.randint(len(scenes), (WARM_UP_BATCH,), generator=rng)
        features = _halves(tower(pixel_values=images[chosen] / 127.5 - 1).last_hidden_state)
        loss = sum(
            nn.functional.cross_entropy(head(features).flatten(0, 1), labels[chosen].flatten())
            for head, labels in zip(heads, (colours, shapes), strict=True)
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 50 == 0:
            print(f"see: step {step + 1} of {steps}, loss {loss.item():.4f}", flush=True)


def _pixels(one: Scene) -> torch.Tensor:
    return torch.from_numpy(np.asarray(pixels(one)).transpose(2, 0, 1).copy())


def _halves(features: torch.Tensor) -> torch.Tensor:
    """Mean features of the left and of the right half: (images, patches, width) to (images, 2, width)."""
    side = round(features.shape[1] ** 0.5)
    grid = features.unflatten(1, (side, side))
    return torch.stack([half.mean((1, 2)) for half in grid.tensor_split(2, dim=2)], 1)


def teach(work: Path, start: Path, lesson: Lesson) -> Path:
    """One training of the whole model, or the rest of it; the folder of the model."""
    rows = work / "rows"
    if not rows.exists():
        write_rows(rows, lesson)

    def said(line: dict[str, Any]) -> None:
        print(f"{work.name}: step {line['step']} of {line['steps']}, loss {line['loss']:.4f}", flush=True)

    checked = TrainParams.model_validate({**lesson.params, "student": {"start": str(start)}})
    return train(from_folder(rows), checked, work, on_progress=said).model


def train_teacher(work: Path) -> Path:
    """All trainings; the folder of the model."""
    model = work / "see"
    if not model.exists():
        student = assemble(StudentParams.model_validate(PARAMS["student"]), texts(), seed=0)
        see(student.model.model.vision_tower, WARM_UP_STEPS)
        export(student, student.model.state_dict(), torch.float32, model, "")
    for name, lesson in LESSONS.items():
        model = teach(work / name, model, lesson)
    return model


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
