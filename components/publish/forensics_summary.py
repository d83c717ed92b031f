"""What a report and a card know of a run that trained and measured detectors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from components.core import shards
from components.core.manifest import Manifest
from components.core.store import Store, Stores

BENCHMARK_SCHEMA: Final = "benchmark/1"
REAL: Final = "real"
UNLABELLED: Final = "unlabelled"
LOSSES: Final = ".loss.jsonl"
"""Ending of a training's log of losses: a line a step, with `step` and `loss`."""
VALIDATIONS: Final = ".validation.jsonl"
"""Ending of its log of validations: `step`, and the AUC on crops of each method."""
TRAINED: Final = "trained.json"
"""What was trained: a list of `file`, `without`, `step` or `strength`, and `validation_auc` by method."""
_FOLD: Final = "--without-"


Points = list[tuple[float, float]]


@dataclass(slots=True)
class Coverage:
    """How much of the samples of one kind could be looked at, in frames but for `samples` and `faceless`."""

    samples: int = 0
    faceless: int = 0
    planned: int = 0
    decoded: int = 0
    with_face: int = 0
    problems: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class DetectorUse:
    """What one detector did: samples it judged, why it abstained, and milliseconds it took in all."""

    judged: int = 0
    abstained: Counter[str] = field(default_factory=Counter)
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that the run trained.

    Attributes:
        detector: name of the detector.
        without: method that was left out; None of the model of all.
        chosen: step or strength of the regularization that was kept, in words.
        aucs: on the validation split, by method; empty where nothing could be validated.
    """

    detector: str
    without: str | None
    chosen: str
    aucs: Mapping[str, float]


@dataclass(slots=True)
class ForensicsSummary:
    """A run's detectors, as its report tells of them.

    Attributes:
        benchmark: rows of `benchmark/1`.
        calibrations: rows of `calibrations/1`.
        coverage: by data set and family (`real`, `unlabelled`, or that of the forgeries).
        splits: samples by split.
        moved: samples that a leak moved to another split.
        detectors: by name, on clean samples.
        trained: models that were trained, those of all before those with a method left out.
        losses: (step, loss) of each network, by its name.
        validations: of each network by its name, (step, AUC) by method.
        digest: of the published detectors; of the benchmark where they are not published.
        code_version: of kalemint.
    """

    benchmark: list[dict[str, Any]] = field(default_factory=list)
    calibrations: list[dict[str, Any]] = field(default_factory=list)
    coverage: dict[tuple[str, str], Coverage] = field(default_factory=dict)
    splits: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    detectors: dict[str, DetectorUse] = field(default_factory=dict)
    trained: list[Trained] = field(default_factory=list)
    losses: dict[str, Points] = field(default_factory=dict)
    validations: dict[str, dict[str, Points]] = field(default_factory=dict)
    digest: str = ""
    code_version: str = ""


def summarize_forensics(store: Store, manifests: Sequence[Manifest]) -> ForensicsSummary | None:
    """Read back what a run measured, shard by shard; None where it measured nothing.

    Args:
        manifests: of every dataset of the run.
    """
    measured = _of(manifests, BENCHMARK_SCHEMA)
    if not measured:
        return None
    published = [m for m in _of(manifests, "model_files/1") if m.port == "detectors"]
    last = (published or measured)[-1]
    summary = ForensicsSummary(digest=last.digest, code_version=last.code_version)
    summary.benchmark = [row for m in measured for row in _rows(store, m)]
    summary.calibrations = [row for m in _of(manifests, "calibrations/1") for row in _rows(store, m)]
    for manifest in _of(manifests, "samples/1"):
        for shard in manifest.shards:
            _add_coverage(summary, store, shard)
    for manifest in _of(manifests, "splits/1"):
        for row in _rows(store, manifest):
            summary.splits[row["split"]] += 1
            summary.moved += row["moved_from"] is not None
    for manifest in _of(manifests, "detections/1"):
        for shard in manifest.shards:
            _add_detections(summary, store, shard)
    for manifest in _of(manifests, "model_files/1"):
        if manifest.port == "log":
            _add_logs(summary, store, manifest)
    return summary


def _add_coverage(summary: ForensicsSummary, store: Store, shard: Any) -> None:
    names = ["dataset", "family", "label", "planned", "decoded", "with_face", "problem"]
    for row in shards.read(store, shard, names).to_pylist():
        kind = row["family"] or {0: REAL, 1: "forged"}.get(row["label"], UNLABELLED)
        found = summary.coverage.setdefault((row["dataset"], kind), Coverage())
        found.samples += 1
        found.faceless += row["with_face"] == 0
        found.planned += row["planned"]
        found.decoded += row["decoded"]
        found.with_face += row["with_face"]
        if row["problem"]:
            found.problems[row["problem"]] += 1


def _add_detections(summary: ForensicsSummary, store: Store, shard: Any) -> None:
    names = ["detector", "fold", "variant", "score", "abstained", "milliseconds"]
    for row in shards.read(store, shard, names).to_pylist():
        if row["variant"] != "clean" or row["fold"] is not None:
            continue
        use = summary.detectors.setdefault(row["detector"], DetectorUse())
        use.milliseconds += row["milliseconds"]
        if row["score"] is None:
            use.abstained[row["abstained"] or "no_score"] += 1
        else:
            use.judged += 1


def _add_logs(summary: ForensicsSummary, store: Store, manifest: Manifest) -> None:
    stores = Stores(store.root)
    for row in _rows(store, manifest):
        name = row["name"]
        if name.endswith(LOSSES):
            lines = _lines(stores.read(row["uri"]))
            summary.losses[_spoken(name.removesuffix(LOSSES))] = [
                (float(line["step"]), float(line["loss"])) for line in lines
            ]
        elif name.endswith(VALIDATIONS):
            aucs = summary.validations.setdefault(_spoken(name.removesuffix(VALIDATIONS)), {})
            for line in _lines(stores.read(row["uri"])):
                for method in sorted(line.keys() - {"step"}):
                    aucs.setdefault(method, []).append((float(line["step"]), float(line[method])))
        elif name == TRAINED:
            summary.trained += [_trained(entry) for entry in json.loads(stores.read(row["uri"]))]
    summary.trained.sort(key=lambda one: (one.detector, one.without is not None, one.without or ""))


def _trained(entry: Mapping[str, Any]) -> Trained:
    detector = entry["file"].partition(".")[0].partition(_FOLD)[0]
    chosen = f"strength {entry['strength']:g}" if "strength" in entry else f"step {entry['step']}"
    return Trained(detector, entry["without"], chosen, entry["validation_auc"])


def _lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.decode().splitlines() if line]


def _spoken(stem: str) -> str:
    """`spatial--without-Face%2ESwap` as `spatial without Face.Swap`."""
    name, fold, method = stem.partition(_FOLD)
    return f"{name} without {unquote(method)}" if fold else name


def _of(manifests: Iterable[Manifest], schema: str) -> list[Manifest]:
    return [m for m in manifests if m.schema_name == schema]


def _rows(store: Store, manifest: Manifest) -> list[dict[str, Any]]:
    return [row for shard in manifest.shards for row in shards.read(store, shard).to_pylist()]
