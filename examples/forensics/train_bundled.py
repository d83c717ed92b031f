"""Train the detectors that come with the package, from openly licensed real faces alone.

    python examples/forensics/train_bundled.py train --grid FOLDER --speakers grid_speakers.csv --out WEIGHTS
    python examples/forensics/train_bundled.py evaluate --media FOLDER --labels LABELS.csv --weights WEIGHTS

`train` takes clips of the GRID corpus (Cooke et al. 2006, CC BY 4.0) and nothing else: it looks at them,
makes pseudo-fakes of them and trains, by the code that the pipeline `deepfake` runs. Speakers are held out
whole. The same clips give the same bytes on the same kind of processor. `evaluate` scores media that nothing
was trained on, and pseudo-fakes of the real ones among them; it prints AUCs with 95 % intervals.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from components.core import schemas
from components.core.errors import BadRecord
from components.core.stage import Output, Stage, Unit
from components.core.store import Stores
from components.deepfake.benchmark_params import CalibrateParams
from components.deepfake.calibrate import CalibrateStage
from components.deepfake.calibration import Calibration, to_json
from components.deepfake.detectors import open_detectors
from components.deepfake.examine import examine
from components.deepfake.faces_params import ExamineParams
from components.deepfake.forgery_params import SynthesizeParams
from components.deepfake.metrics import Ranking, roc_auc
from components.deepfake.sample_rows import read_samples, to_rows
from components.deepfake.synthesize import DATASET, SynthesizeStage
from components.deepfake.train_params import DetectorTrainParams, LinearTrainParams, NetworkTrainParams

VIDEOS: Final = (".mpg", ".mp4", ".mov", ".webm", ".avi")
IMAGES: Final = (".jpg", ".jpeg", ".png", ".webp")
DETECTORS: Final = ("blending", "frequency", "spatial", "temporal")
VALIDATION: Final = 3
"""Speakers that validate: the last ones of the sorted list."""
LICENCE: Final = (
    "Apache-2.0 (weights); made from ImageNet weights of EfficientNet-Lite0 (Apache-2.0) and GRID (CC BY 4.0)"
)
_RESAMPLES: Final = 2_000

PARAMS: Final = DetectorTrainParams(
    blending=NetworkTrainParams(mask_weight=1.0, steps=240, validate_steps=40),
    spatial=NetworkTrainParams(
        forged="rows", families=["face_swap_2d", "warp", "upsample"], steps=240, validate_steps=40
    ),
    frequency=LinearTrainParams(crops=16),
    temporal=LinearTrainParams(),
    folds="none",
    licence=LICENCE,
    checkpoint_steps=40,
)

Tables = list[tuple[pa.Table, pa.Table]]


def media_row(path: Path, kind: str, **labels: Any) -> dict[str, Any]:
    """The columns of media/1 of a local file, without what `examine` finds."""
    empty: dict[str, Any] = {
        "label": None, "method": None, "family": None, "split": None, "source": None, "attributes": [],
        "provenance": None, "has_audio": False,
    }  # fmt: skip
    known = {"uri": path.name, "kind": kind, "format": path.suffix[1:], "size": path.stat().st_size}
    return {**empty, **known, **labels}


def looked_at(files: Sequence[tuple[Path, dict[str, Any]]]) -> Tables:
    """A shard of samples/1 and crops/1 for every file; one that shows nothing is told and left out."""
    tables: Tables = []
    for path, labels in files:
        kind: Literal["image", "video"] = "video" if path.suffix.lower() in VIDEOS else "image"
        try:
            sample = examine(path.read_bytes(), kind, ExamineParams())
        except BadRecord as bad:
            print(f"{path.name}: left out, {bad}")
            continue
        columns, crops = to_rows(sample)
        row = {
            **media_row(path, kind, **labels), **columns,
            "id": sample.id, "width": sample.width, "height": sample.height, "seconds": sample.seconds,
            "fps": sample.fps, "has_audio": sample.audio is not None, "provenance": asdict(sample.provenance),
        }  # fmt: skip
        tables.append(
            (
                pa.Table.from_pylist([row], schema=schemas.get("samples/1")),
                pa.Table.from_pylist(crops, schema=schemas.get("crops/1")),
            )
        )
    return tables


def splits_of(tables: Tables) -> pa.Table:
    """splits/1 out of the samples' own column."""
    rows = [
        {"media_id": row["id"], "split": row["split"], "cluster": row["group"], "moved_from": None}
        for samples, _ in tables
        for row in samples.select(["id", "split", "group"]).to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=schemas.get("splits/1"))


def run(stage: Stage[Any], tables: Mapping[str, pa.Table]) -> Output:
    """Run a stage on one unit."""
    out = Output(stage.name, stage.reasons)
    stage.run(Unit(0, dict(tables), Stores()), out)
    return out


def forged(tables: Tables, methods: list[str], copies: int) -> Tables:
    """Pseudo-fakes of all real samples, as shards of at most one method's output each."""
    samples = pa.concat_tables([one for one, _ in tables])
    crops = pa.concat_tables([other for _, other in tables])
    stage = SynthesizeStage(SynthesizeParams(methods=methods, copies=copies))
    out = run(stage, {"samples": samples, "crops": crops, "splits": splits_of(tables)})
    for line in out.ledger:
        print(f"not forged: {line['record_id'][:12]} {line['reason']}: {line['detail']}")
    return list(zip(out.tables.get("samples", []), out.tables.get("crops", []), strict=True))


def scored(tables: Tables, weights: Path) -> list[dict[str, Any]]:
    """Scores of every detector on every sample: (sample's labels, detector, score or None, why not)."""
    detectors = open_detectors({name: {} for name in DETECTORS}, weights)
    found = []
    for samples, crops in tables:
        for row, sample in read_samples(samples, crops):
            for detector in detectors:
                finding = detector.score(sample)
                found.append(
                    {**row, "detector": detector.name, "score": finding.score, "why": finding.abstained}
                )
    return found


def detections(found: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Scores as detections/1."""
    rows = [
        {
            "media_id": row["id"], "detector": row["detector"], "fold": None, "variant": "clean",
            "score": row["score"], "abstained": row["why"], "frames": [], "milliseconds": 0.0,
        }
        for row in found
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schemas.get("detections/1"))


def auc(real: Sequence[Mapping[str, Any]], fake: Sequence[Mapping[str, Any]]) -> str:
    """AUC with an interval by bootstrap over groups of each class, and how many lie behind it."""
    by_class = []
    for rows in (real, fake):
        groups: dict[str, list[float]] = {}
        for row in rows:
            if row["score"] is not None:
                groups.setdefault(row["group"], []).append(row["score"])
        by_class.append(list(groups.values()))
    numbers = [sum(map(len, groups)) for groups in by_class]
    behind = f"{numbers[1]} forged, {numbers[0]} real of {len(by_class[0])} groups"
    if not all(numbers):
        return f"- ({behind})"

    def value(drawn: Sequence[Sequence[Sequence[float]]]) -> float:
        scores = [[score for group in groups for score in group] for groups in drawn]
        labels = [0] * len(scores[0]) + [1] * len(scores[1])
        return float(roc_auc(Ranking(labels, scores[0] + scores[1]).curve()))

    rng = np.random.Generator(np.random.PCG64(0))
    draws = [
        value(
            [[groups[place] for place in rng.integers(len(groups), size=len(groups))] for groups in by_class]
        )
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    chance = " chance level" if low <= 0.5 <= high else ""
    return f"{value(by_class):.2f} [{low:.2f}-{high:.2f}]{chance} ({behind})"


def figures(title: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Print the AUC of every detector and family."""
    print(f"\n{title}")
    families = sorted({row["family"] for row in found if row["label"] == 1})
    for detector in DETECTORS:
        mine = [row for row in found if row["detector"] == detector]
        real = [row for row in mine if row["label"] == 0]
        lost = sum(row["score"] is None for row in mine)
        for family in families:
            fake = [row for row in mine if row["label"] == 1 and row["family"] == family]
            print(f"  {detector:10} {family:13} {auc(real, fake)}")
        print(f"  {detector:10} abstained on {lost} of {len(mine)}")


def train(grid: Path, speakers: Path | None, out: Path, params: DetectorTrainParams) -> None:
    """Train on a folder of GRID clips and write the weights."""
    from components.deepfake.training.every_detector import train_all

    paths = sorted(path for path in grid.rglob("*") if path.suffix.lower() in VIDEOS)
    by_file = {}
    if speakers is not None:
        with speakers.open() as file:
            by_file = {row["file"]: row["speaker"] for row in csv.DictReader(file)}
        paths = [path for path in paths if path.name in by_file]
    who = {path: by_file.get(path.name, path.parent.name) for path in paths}
    known = sorted(set(who.values()))
    if len(known) <= VALIDATION:
        raise SystemExit(f"{len(known)} speakers in {grid}: more than {VALIDATION} are needed.")
    files = [
        (
            path,
            {
                "label": 0,
                "dataset": "GRID",
                "group": f"grid-{name}",
                "split": "validation" if name in known[-VALIDATION:] else "train",
            },
        )
        for path, name in who.items()
    ]
    real = looked_at(files)
    tables = real + forged(real, ["self_blend", "face_swap_2d", "warp", "upsample"], 2)
    print(f"{len(real)} clips of {len(known)} speakers, {len(tables) - len(real)} pseudo-fakes")

    def again() -> Iterator[tuple[pa.Table, pa.Table]]:
        yield from tables

    def tell(name: str, step: int, steps: int, loss: float) -> None:
        print(f"{name} {step}/{steps}: loss {loss:.4f}", flush=True)

    splits = {row["media_id"]: row["split"] for row in splits_of(real).to_pylist()}
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for entry in train_all(again, splits, params, folder, tell=tell):
            print(json.dumps(entry))
        for path in sorted((folder / "model").iterdir()):
            shutil.copyfile(path, out / path.name)
    found = scored([pair for pair in tables if _split(pair) == "validation"], out)
    figures("GRID, speakers of the validation split", found)
    calibrated = run(
        CalibrateStage(CalibrateParams()),
        {
            "detections": detections(found),
            "samples": pa.concat_tables([samples for samples, _ in tables]),
            "splits": splits_of(real),
        },
    )
    rows = [row for table in calibrated.tables["calibrations"] for row in table.to_pylist()]
    (out / "calibration.json").write_text(to_json([Calibration.from_row(row) for row in rows]))
    for row in rows:
        print(f"calibration of {row['detector']}: {row['method']}, {row['rows']} validation samples")


def evaluate(media: Path, labels: Path, weights: Path, leave_out: Sequence[str]) -> None:
    """Print AUCs on labelled media, and on pseudo-fakes of the real ones.

    Args:
        labels: CSV with `file`, `label` (1 forged, 0 real), `family`, and `group`, where it is known.
        leave_out: beginnings of names of files that something was trained on.
    """
    files = []
    with labels.open() as file:
        for row in csv.DictReader(file):
            label = row.get("label") or row.get("label(1=fake)") or ""
            path = media / row["file"]
            kinds = (*VIDEOS, *IMAGES)
            if (
                label not in ("0", "1")
                or path.suffix.lower() not in kinds
                or row["file"].startswith(tuple(leave_out))
            ):
                continue
            known = {"label": int(label), "dataset": media.name, "split": "test"}
            known["group"] = row.get("group") or path.stem
            if label == "1":
                known |= {"family": row["family"], "method": row.get("method") or row["family"]}
            files.append((path, known))
    tables = looked_at(files)
    real = [pair for pair in tables if pair[0]["label"][0].as_py() == 0]
    found = scored(tables, weights)
    videos = [row for row in found if row["kind"] == "video"]
    figures("Real and forged videos", videos)
    made = forged(real, ["self_blend", "face_swap_2d", "warp", "upsample"], 1)
    figures(
        f"Pseudo-fakes ({DATASET}) of people that nothing was trained on, videos and pictures",
        [row for row in found if row["label"] == 0] + scored(made, weights),
    )


def _split(pair: tuple[pa.Table, pa.Table]) -> str:
    split: str = pair[0]["split"][0].as_py()
    return split


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    trains = commands.add_parser("train", help="train on clips of GRID")
    trains.add_argument("--grid", type=Path, required=True, help="folder of clips, a folder a speaker")
    trains.add_argument(
        "--speakers", type=Path, help="CSV with file and speaker, where all lie in one folder"
    )
    trains.add_argument("--out", type=Path, required=True, help="folder for the weights")
    trains.add_argument("--steps", type=int, help="steps of the networks, for a trial")
    evaluates = commands.add_parser("evaluate", help="figures on other media")
    evaluates.add_argument("--media", type=Path, required=True, help="folder of media")
    evaluates.add_argument("--labels", type=Path, required=True, help="CSV with file, label and family")
    evaluates.add_argument("--weights", type=Path, required=True, help="folder of weights")
    evaluates.add_argument("--leave-out", nargs="*", default=["grid__"], help="beginnings of names")
    given = parser.parse_args()
    if given.command == "train":
        params = PARAMS
        if given.steps:
            changed = {"steps": given.steps, "validate_steps": given.steps}
            params = PARAMS.model_copy(
                update={
                    name: getattr(PARAMS, name).model_copy(update=changed) for name in ("blending", "spatial")
                }
            )
        train(given.grid, given.speakers, given.out, params)
    else:
        evaluate(given.media, given.labels, given.weights, given.leave_out)


if __name__ == "__main__":
    main()
