"""Measures the tiny teacher on scenes and names that it was not trained on, and writes its model card.

    python examples/scenes/evaluate_teacher.py [--model DIR] [--scenes 500] [--engines transformers vllm]

An answer counts when it is the true one to the letter. `--check` measures and leaves the card as it is.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from render import png
from teacher_tasks import PROMPTS, Example, Task, example

from components.caption.engines.base import Completion, Request
from components.caption.engines.open import open_engine
from components.caption.engines.params import EngineParams
from components.core.prompts import load_prompt

HERE: Final = Path(__file__).resolve().parent
WORLD: Final = "examination"
"""Scenes of this world are in no training set, their names are held out, and no recipe was chosen by them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one engine answered."""

    engine: str
    version: str
    answers: dict[Task, list[str]]
    correct: dict[Task, int]
    seconds: float


def questions(task: Task, count: int, size: int = 64) -> list[tuple[Example, Request]]:
    """Held-out examples of a task, and the requests that ask them."""
    prompt = load_prompt(PROMPTS[task])
    asked = [example(task, number, "held-out", WORLD) for number in range(count)]
    return [
        (
            one,
            Request(
                user=one.user,
                system=prompt.system,
                image=png(one.scene, size) if one.image else None,
                choices=prompt.choices,
                max_tokens=prompt.max_tokens,
            ),
        )
        for one in asked
    ]


def measure(engine_name: str, model: Path, asked: dict[Task, list[tuple[Example, Request]]]) -> Measured:
    """Ask one engine everything."""
    engine = open_engine(EngineParams.model_validate({"engine": engine_name, "model": str(model)}))
    try:
        began = time.perf_counter()
        completions: dict[Task, list[Completion]] = {
            task: engine.generate([request for _, request in pairs]) for task, pairs in asked.items()
        }
        seconds = time.perf_counter() - began
        version = str(engine.identity()["engine_version"])
    finally:
        engine.close()
    answers = {task: [one.text.strip() for one in found] for task, found in completions.items()}
    correct = {
        task: sum(answer == one.target for answer, (one, _) in zip(answers[task], pairs, strict=True))
        for task, pairs in asked.items()
    }
    return Measured(engine_name, version, answers, correct, seconds)


def wrong(measured: Measured, asked: dict[Task, list[tuple[Example, Request]]], most: int = 3) -> list[str]:
    """Some of the wrong answers, to look at."""
    lines = []
    for task, pairs in asked.items():
        missed = [
            f"{task}: {one.user!r} should be {one.target!r}, is {answer!r}"
            for answer, (one, _) in zip(measured.answers[task], pairs, strict=True)
            if answer != one.target
        ]
        lines += missed[:most]
    return lines


_TASK_WORDS: Final[dict[Task, str]] = {
    "dense": "image → what is seen",
    "fuse": "alternative text and dense caption → final caption",
    "one_pass": "image and alternative text → final caption",
    "judge_claim": "image and claim → is it to be seen?",
    "judge_fit": "image and alternative text → does it belong to the image, and say anything?",
}

_CARD: Final = """---
license: apache-2.0
library_name: transformers
pipeline_tag: image-text-to-text
language: en
tags: [captioning, llava, kalemint, synthetic]
---
# The tiny teacher of kalemint's demo

**It knows rendered scenes of two coloured shapes and nothing else.** It can't caption photographs, and is
not meant to: it stands in for a real captioner where none can be downloaded, so that the whole of a
captioning pipeline runs with a real model on a processor. One parameter names a real one instead.

A LLaVA (`LlavaForConditionalGeneration`: SigLIP tower, two-layer projector, Qwen3 decoder) of {weights:,}
weights ({dtype}, {mib:.1f} MiB), trained from random weights:

    python examples/scenes/train_teacher.py
    python examples/scenes/evaluate_teacher.py

The second command wrote this card. The data is made by a program (`examples/scenes/world.py`, `render.py`);
no other data and no pretrained weights went into it. First the vision tower alone learnt the colours and
the shapes from the program's labels, which stands in for pretraining on images; then kalemint's trainer
taught the whole model the five tasks below, on images of 64 x 64 pixels.

## What it answers, and how often it is right
{count} questions a task, about scenes that were not trained on, with names out of the fifth of all names
that is held out. Right means equal to the truth to the letter; the judges' questions are half yes, half no.
Who merges texts believes them, also one that belongs to another image: to find that out is the last task's.

| task | prompt | {engines} |
| --- | --- | {rule} |
{rows}
{parity}

Versions: {versions}.

## Limits
Six colours ({colours}), four shapes ({shapes}), two in a picture,
of different colours, on light backgrounds; one form of sentence; names of three syllables out of {syllables}.
Anything else gets an answer of the same form, which means nothing.
"""


def card(model: Path, count: int, measured: Sequence[Measured]) -> str:
    """The model card, with what was measured."""
    from safetensors import safe_open
    from world import COLOURS, SHAPES, SYLLABLES

    file = model / "model.safetensors"
    with safe_open(file, framework="np") as tensors:
        shapes = [tensors.get_slice(name) for name in tensors.keys()]  # noqa: SIM118 - no mapping
        weights = sum(_product(one.get_shape()) for one in shapes)
        dtype = {"F32": "float32", "BF16": "bfloat16"}[shapes[0].get_dtype()]
    rows = [
        f"| {_TASK_WORDS[task]} | `{PROMPTS[task]}` | "
        + " | ".join(f"{one.correct[task] / count:.3f}" for one in measured)
        + " |"
        for task in PROMPTS
    ]
    parity = ""
    if len(measured) > 1:
        first, *others = measured
        pairs = [
            (task, number)
            for task in PROMPTS
            for number in range(count)
            if all(other.answers[task][number] == first.answers[task][number] for other in others)
        ]
        parity = f"\n{len(pairs):,} of {len(PROMPTS) * count:,} answers are the same in all engines."
    return _CARD.format(
        weights=weights,
        dtype=dtype,
        mib=file.stat().st_size / 2**20,
        count=count,
        engines=" | ".join(one.engine for one in measured),
        rule=" | ".join("---" for _ in measured),
        rows="\n".join(rows),
        parity=parity,
        versions=", ".join(f"{one.engine} {one.version}" for one in measured),
        colours=", ".join(COLOURS),
        shapes=", ".join(SHAPES),
        syllables=len(SYLLABLES),
    )


def _product(numbers: Sequence[int]) -> int:
    product = 1
    for number in numbers:
        product *= number
    return product


def main() -> int:
    """Measure, print, write the card."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=HERE / "teacher", help="folder of the checkpoint")
    parser.add_argument("--scenes", type=int, default=500, help="questions of each task")
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    parser.add_argument("--engines", nargs="+", default=["transformers", "vllm"], help="what runs the model")
    parser.add_argument("--check", action="store_true", help="do not write the card")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # vllm starts so many threads; the matrices are small
    asked = {task: questions(task, arguments.scenes, arguments.size) for task in PROMPTS}
    measured = []
    for name in arguments.engines:
        one = measure(name, arguments.model, asked)
        measured.append(one)
        print(f"{name} {one.version}: {one.seconds:.1f} s")
        for task, correct in one.correct.items():
            print(f"  {task:12} {correct / arguments.scenes:.3f}")
        print(*(f"  {line}" for line in wrong(one, asked)), sep="\n", flush=True)
    if not arguments.check:
        (arguments.model / "README.md").write_text(card(arguments.model, arguments.scenes, measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
