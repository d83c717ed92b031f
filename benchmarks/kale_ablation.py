"""KALE's table 2 in small: the same student, pretrained on four kinds of captions of the same images.

    python benchmarks/kale_ablation.py --work DIR [--seeds 5] [--markdown docs/ablation.md]

Needs the extra `torch`; OMP_NUM_THREADS=1. A run that was stopped goes on when the command is given again.
BLIP3-KALE (arXiv 2411.07461, section 3) pretrains a VLM on 2 M pairs of each data set, tunes it on 1 M
samples of the Cauldron and compares ten benchmarks, one seed each. Here, on rendered scenes:

Protocol, fixed before the first measurement
1. Images: `--rows` of the first `--scenes` scenes of a world of their own, with alternative texts as
   `examples/scenes/world.py` mixes them. The pipeline's own steps caption them, with the demo's tiny teacher:
   - alt: the alternative text as it is (after `pairs`, which takes file names and the like for none);
   - dense: the teacher's dense caption (stage 1a);
   - capsfusion: a short caption, as LAION-COCO's are short, merged with the alternative text; no alignment
     gate, no artefact filter, no truth layer. The tiny teacher can't merge what has not two things (it then
     writes nonsense, which was seen before any training), so it merges the dense caption, and the second
     thing is cut out afterwards;
   - kale: dense caption, alignment gate, merge, truth layer (stages 1a, 1b).
   Only images that have a target in all four sets are used, and the same ones in all four.
2. Student: the tiny preset's language model and projector from random weights, the teacher's vision tower
   frozen (it stands in for a pretrained SigLIP). One tokenizer, from the texts of all sets and of the
   questions. Weights at the start depend on the seed alone.
3. Pretraining: image → target, `--pretrain-steps` steps. No student is given the alternative text
   (`give_alt_text: false`). Then tuning on `--questions` questions of each task (benchmarks/
   ablation_questions.py) about other scenes, `--tune-steps` steps at 0.6 times the learning rate (the
   paper's 3e-5 : 5e-5). Order of rows and learning rates are the same for all; the
   trainer puts rows of like length together within four batches.
4. Beside the four: `none`, tuned without pretraining. It has fewer steps and is no competitor; it tells
   what pretraining is worth at all.
5. Evaluation: `--evaluation` questions of each task about scenes that nothing was trained on, their names
   from the fifth of all names that is held out; greedy answers by the transformers engine; right means equal
   to the letter.
6. Seeds 0, 1, … decide initial weights and the order of rows. Every run is in the table: mean and standard
   error over seeds, and the difference to kale seed by seed. Nothing is tuned on the evaluation questions:
   the budget was chosen by the time that it takes and by two runs (`--pilot`: seed 100, the dense
   captions) on questions of another world, after the first of which there was more tuning. Five
   seeds: three were planned, two were added when the first two had shown how far seeds are apart.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ablation_questions import CHANCE, SCENES, TASKS, Question, Task, questions, told
from make import Drawn, write_pairs
from render import png
from world import scene

from components.caption.augment import AugmentStage
from components.caption.engines.base import Request
from components.caption.engines.open import open_engine
from components.caption.engines.params import EngineParams
from components.caption.stage_params import AugmentParams
from components.core import shards
from components.core.manifest import Manifest
from components.core.runner import RunParams, commit, work
from components.core.stage import Stage
from components.core.store import open_store
from components.distill.evaluation_params import TrainingSetParams
from components.distill.rows import COLUMNS, from_folder
from components.distill.train_params import StudentParams, TrainParams, preset
from components.distill.training_set import TrainingSetStage
from pipelines.chain import Datasets, list_sources, run_chain
from pipelines.config import load_config

CONDITIONS: Final = ("alt", "dense", "capsfusion", "kale")
WORDS: Final = {
    "kale": "KALE: dense, gate, merge, truth layer",
    "dense": "dense captions",
    "capsfusion": "CapsFusion-style: short caption, merge",
    "alt": "alternative texts",
    "none": "(no pretraining)",
}
"""Conditions as rows of the table, in the order of the paper's."""

IMAGE_WORLD: Final = "ablation"
TUNING_WORLD: Final = "ablation tuning"
EVALUATION_WORLD: Final = "ablation evaluation"
PILOT_WORLD: Final = "ablation pilot"
PILOT_SEED: Final = 100

LR: Final = 2e-3
TUNING_LR: Final = 0.6 * LR
BATCH: Final = 32
_BEGIN, _END = "<!-- measured by benchmarks/kale_ablation.py -->", "<!-- end of what was measured -->"

_SECOND_THING: Final = re.compile(r" and an? \w+ \w+")

Accuracies = dict[Task, float]
Results = dict[str, list[Accuracies]]
"""Condition → accuracies by task, of seed 0, 1, …"""


# captions


def short(caption: str) -> str:
    """A caption of a scene without the second of its things; a name stays."""
    return _SECOND_THING.sub("", caption, count=1)


def caption_images(work_dir: Path, scenes: int, teacher: Path) -> Path:
    """The four training sets, a Parquet file in a folder each, the rows in the same order."""
    sets = work_dir / "sets"
    if sets.exists():
        return sets
    images = work_dir / "pairs.parquet"
    work_dir.mkdir(parents=True, exist_ok=True)
    drawn = (scene(number, world=IMAGE_WORLD) for number in range(scenes))
    write_pairs([Drawn(number, one, png(one)) for number, one in enumerate(drawn)], images)
    settings = [
        f"teacher={teacher}",
        "caption.teacher.engine=transformers",
        "caption.pairs.teacher_share=1.0",
        "caption.pairs.audit_share=0.0",
        "run.partitions=1",
    ]
    config = load_config("kale", SCENES.parent / "kale-tiny.yaml", settings).model_dump(mode="json")
    out = str(work_dir / "captions")
    made = run_chain("kale", list_sources("kale", [str(images)], out, config), out, config, until="verify")
    made["capsfusion.captions"] = _capsfusion(made, out, config)
    found = {name: _training_set(name, made, out) for name in CONDITIONS}
    _write_common(found, sets)
    return sets


def _capsfusion(made: Datasets, out: str, config: Mapping[str, Any]) -> Manifest:
    """Captions merged with whatever the alternative texts say; they are yet to be shortened."""
    caption = config["caption"]
    params = AugmentParams.model_validate(
        {
            **caption["augment"],
            "fuser": caption["fuser"] or caption["teacher"],
            "min_alignment": {"judge": 0.0},
            "artefact_keywords": [],
        }
    )
    given = {
        "captions": made["dense.captions"],
        "pairs": made["pairs.pairs"],
        "alignments": made["align.alignments"],
    }
    return _ran(AugmentStage(params), "capsfusion", given, out)["captions"]


def _ran(stage: Stage[Any], name: str, given: dict[str, Manifest], out: str) -> dict[str, Manifest]:
    """Run a stage beside the pipeline's own, under another name."""
    stage.name = name  # type: ignore[misc]
    run = RunParams(partitions=1)
    work(stage, given, out, params=run)
    return commit(stage, given, out, run)


def _training_set(condition: str, made: Datasets, out: str) -> pa.Table:
    """The rows of a condition: the trainer's columns and the image's id."""
    params = TrainingSetParams.model_validate(
        {
            "targets": condition if condition in ("alt", "dense") else "final",
            "give_alt_text": False,
            "min_words": 1,
            "heldout_share": 1e-9,  # what is held out is another world
        }
    )
    given = {
        "captions": made["capsfusion.captions" if condition == "capsfusion" else "verify.captions"],
        "pairs": made["pairs.pairs"],
        "images": made["unique_images.images"],
    }
    train = _ran(TrainingSetStage(params), f"training_set_{condition}", given, out)["train"]
    table = pa.concat_tables([table.select(["id", *COLUMNS]) for table in _tables(train)])
    if condition != "capsfusion":
        return table
    targets = pa.array([short(target) for target in table.column("target").to_pylist()], pa.string())
    return table.set_column(table.column_names.index("target"), "target", targets)


def _tables(manifest: Manifest) -> Iterable[pa.Table]:
    store = open_store(manifest.location)
    return (shards.read(store, shard) for shard in manifest.shards)


def _write_common(found: Mapping[str, pa.Table], folder: Path) -> None:
    """Write the rows of the images that are in all sets, sorted by the images' ids."""
    ids = set.intersection(*(set(table.column("id").to_pylist()) for table in found.values()))
    partial = folder.with_name("sets.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, table in found.items():
        places = {one: place for place, one in enumerate(table.column("id").to_pylist())}
        (partial / name).mkdir(parents=True)
        pq.write_table(table.take([places[one] for one in sorted(ids)]), partial / name / "00000.parquet")
    partial.rename(folder)


# training and evaluation


def write_questions(folder: Path, asked: Sequence[Question]) -> None:
    """Write questions as training rows."""
    rows = [
        {"image": png(one.scene), "system": None, "user": one.user, "target": one.answer} for one in asked
    ]
    types = {"image": pa.binary(), "system": pa.string(), "user": pa.string(), "target": pa.string()}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(types.items())), folder / "00000.parquet")


class Experiment:
    """The trainings of one work folder; what is done there already is not done again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.work: Path = options.work
        self.seconds = 0.0  # of processor time, of the trainings and answers that were asked for
        self.sets = caption_images(self.work, options.scenes, options.teacher)
        self.rows = self.work / f"rows-{options.rows}"
        for name in CONDITIONS if not self.rows.exists() else ():
            table = pq.read_table(self.sets / name)
            if table.num_rows < options.rows:
                raise SystemExit(f"only {table.num_rows} images have all four texts: raise --scenes")
            (self.rows / name).mkdir(parents=True)
            pq.write_table(table.slice(0, options.rows), self.rows / name / "00000.parquet")
        self.tuning = self.work / f"questions-{options.questions}"
        if not self.tuning.exists():
            write_questions(self.tuning, questions(options.questions, "training", TUNING_WORLD))

    def start(self, seed: int) -> Path:
        """The untrained student of a seed, the same for all conditions."""
        import torch

        from components.distill.export import export
        from components.distill.model import assemble

        folder = self.work / f"start-{seed}"
        if not folder.exists():
            params = StudentParams.model_validate(
                {**preset("tiny")["student"], "vision": str(self.options.teacher)}
            )
            student = assemble(params, self._texts(), seed)
            export(student, student.model.state_dict(), torch.float32, folder, "")
        return folder

    def _texts(self) -> Iterable[str]:
        for folder in [*(self.rows / name for name in CONDITIONS), self.tuning]:
            table = pq.read_table(folder, columns=["user", "target"])
            for column in table.columns:
                yield from column.to_pylist()

    def train(self, rows: Path, start: Path, steps: int, lr: float, seed: int, folder: Path) -> Path:
        """One training, or the rest of it; the folder of the model."""
        from components.distill.train import train

        model = folder / "model"
        if model.exists():
            return model
        params = TrainParams.model_validate(
            {
                **preset("tiny"),
                "student": {"start": str(start)},
                "seed": seed,
                "steps": steps,
                "batch": BATCH,
                "micro_batch": BATCH,
                "vision": {"train": False},
                "projector": {"lr": lr},
                "language": {"lr": lr},
                "max_tokens": 128,
                "bucket_batches": 4,
                "samples": 0,
                "checkpoint_steps": 1000,
            }
        )
        result = train(from_folder(rows), params, folder)
        if result.skipped:
            raise SystemExit(f"{folder}: rows that could not be trained on: {result.skipped}")
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return model

    def accuracies(self, condition: str, seed: int, world: str = EVALUATION_WORLD) -> Accuracies:
        """Train a condition with a seed, and evaluate it."""
        folder = self.work / f"{condition}-{seed}"
        began = processor_seconds()
        answered = folder / f"{world.replace(' ', '-')}.json"
        if not answered.exists():
            model = self.start(seed)
            if condition != "none":
                steps = self.options.pretrain_steps
                model = self.train(self.rows / condition, model, steps, LR, seed, folder / "pretrained")
            steps = self.options.tune_steps
            model = self.train(self.tuning, model, steps, TUNING_LR, seed, folder / "tuned")
            asked = questions(self.options.evaluation, "held-out", world)
            said = {"answers": answer(model, asked), "seconds": round(processor_seconds() - began, 1)}
            answered.write_text(json.dumps(said, indent=0))
        found = json.loads(answered.read_text())
        self.seconds += found["seconds"]
        return accuracies(questions(self.options.evaluation, "held-out", world), found["answers"])


def answer(model: Path, asked: Sequence[Question]) -> list[str]:
    """A model's greedy answers."""
    engine = open_engine(
        EngineParams(engine="transformers", model=str(model), device="cpu", batch_size=64, max_side=None)
    )
    try:
        requests = [Request(user=one.user, image=png(one.scene), max_tokens=16) for one in asked]
        return [one.text.strip() for one in engine.generate(requests)]
    finally:
        engine.close()


def accuracies(asked: Sequence[Question], answers: Sequence[str]) -> Accuracies:
    """Share of answers that are right to the letter, by task."""
    right: dict[Task, list[bool]] = {task: [] for task in TASKS}
    for one, said in zip(asked, answers, strict=True):
        right[one.task].append(said == one.answer)
    return {task: sum(marks) / len(marks) for task, marks in right.items()}


# tables


def average(found: Accuracies) -> float:
    """Mean over tasks, as the paper's last column."""
    return statistics.fmean(found[task] for task in TASKS)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error of the mean; the error of one value is not known (nan)."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.fmean(values), error


def cell(values: Sequence[float]) -> str:
    """Mean ± standard error of shares, in per cent."""
    mean, error = mean_and_error(values)
    return f"{100 * mean:.1f}" if math.isnan(error) else f"{100 * mean:.1f} ± {100 * error:.1f}"


def markdown_table(results: Results) -> str:
    """The table of the paper: a row a condition, a column a task; and the differences to kale."""
    head = [task.replace("_", " ") for task in TASKS]
    lines = [
        f"| pretrained on | {' | '.join(head)} | average | average − KALE's |",
        "| --- |" + " --- |" * (len(head) + 2),
    ]
    for name in [name for name in WORDS if name in results]:
        cells = [cell([one[task] for one in results[name]]) for task in TASKS]
        means = [average(one) for one in results[name]]
        difference = "–"
        if name != "kale" and "kale" in results:
            kale = [average(one) for one in results["kale"]]
            difference = cell([mine - its for mine, its in zip(means, kale, strict=True)])
        lines.append(f"| {WORDS[name]} | {' | '.join(cells)} | {cell(means)} | {difference} |")
    chance = " | ".join(f"{100 * CHANCE[task]:.1f}" for task in TASKS)
    lines.append(f"| *the best answer without a look* | {chance} | {100 * average(CHANCE):.1f} | |")
    return "\n".join(lines)


def caption_table(folder: Path, scenes: int) -> str:
    """What the rows of the four sets tell, held against the truth."""
    drawn = (scene(number, world=IMAGE_WORLD) for number in range(scenes))
    truth = {hashlib.sha256(png(one)).hexdigest(): one for one in drawn}
    lines = [
        "| captions | words | tell both things | tell the name | tell something false | the first of them |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in [name for name in WORDS if name in CONDITIONS]:
        rows = pq.read_table(folder / name, columns=["id", "target"]).to_pylist()
        marks = [told(row["target"], truth[row["id"]]) for row in rows]
        shares = [
            statistics.fmean(wanted <= found for found in marks)
            for wanted in ({"left", "right"}, {"name"}, {"false"})
        ]
        cells = " | ".join(f"{100 * share:.1f} %" for share in shares)
        words = statistics.fmean(len(row["target"].split()) for row in rows)
        lines.append(f"| {WORDS[name]} | {words:.1f} | {cells} | {rows[0]['target']} |")
    return "\n".join(lines)


def report(options: argparse.Namespace, experiment: Experiment, results: Results) -> str:
    """What was measured and with what, as Markdown."""
    command = " ".join(
        f"--{name} {getattr(options, name.replace('-', '_'))}"
        for name in ("scenes", "rows", "questions", "evaluation", "pretrain-steps", "tune-steps", "seeds")
    )
    return (
        f"{options.rows:,} images, {options.pretrain_steps} + {options.tune_steps} steps of {BATCH} rows, "
        f"{options.questions:,} tuning and {options.evaluation} held-out questions of each task, "
        f"{options.seeds} seeds; accuracy in per cent, mean ± standard error over seeds. "
        f"{experiment.seconds:.0f} s of processor time for trainings and answers.\n\n"
        f"{markdown_table(results)}\n\n"
        f"{caption_table(experiment.rows, options.scenes)}\n\n"
        f"    python benchmarks/kale_ablation.py --work DIR {command}"
    )


def processor_seconds() -> float:
    """Of this process and of those it started."""
    return sum(os.times()[:4])


def replaced(document: str, measured: str) -> str:
    """A document with what was measured put between its two marks.

    Raises:
        ValueError: where it lacks them.
    """
    before, begin, rest = document.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {_BEGIN} and {_END}")
    return f"{before}{begin}\n{measured}\n{end}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of captions, trainings and answers")
    parser.add_argument("--teacher", type=Path, default=SCENES / "teacher", help="folder of the teacher")
    parser.add_argument("--scenes", type=int, default=3200, help="scenes that are captioned")
    parser.add_argument("--rows", type=int, default=2500, help="rows of every training set")
    parser.add_argument("--questions", type=int, default=1000, help="tuning questions of each task")
    parser.add_argument("--evaluation", type=int, default=150, help="held-out questions of each task")
    parser.add_argument("--pretrain-steps", type=int, default=200)
    parser.add_argument("--tune-steps", type=int, default=350)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--pilot", action="store_true", help="one run, on other questions, to set the budget")
    parser.add_argument("--markdown", type=Path, help="document that the tables are written into")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)  # sums must not depend on the number of cores
    began = processor_seconds()
    experiment = Experiment(options)
    print(f"captions: {processor_seconds() - began:.0f} s of processor time", flush=True)
    if options.pilot:
        print(experiment.accuracies("dense", PILOT_SEED, PILOT_WORLD))
        print(f"{processor_seconds() - began:.0f} s of processor time")
        return 0
    results: Results = {}
    for seed in range(options.seeds):
        for name in (*CONDITIONS, "none"):
            results.setdefault(name, []).append(experiment.accuracies(name, seed))
            mean, spent = average(results[name][-1]), experiment.seconds
            print(f"seed {seed}, {name}: {mean:.3f} ({spent:.0f} s)", flush=True)
    measured = report(options, experiment, results)
    print(measured)
    if options.markdown is not None:
        options.markdown.write_text(replaced(options.markdown.read_text(), measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
