"""What a report and a card know of a run's captions: numbers, models, training, gate, audits, examples."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from components.core import shards
from components.core.manifest import Manifest
from components.core.stage import empty
from components.core.store import Store, Stores
from components.publish.caption_release import CaptionRelease, caption_release
from components.publish.caption_statistics import CaptionStatistics
from components.publish.export_captions import CAPTIONS_SCHEMA

TRAIN_LOGS: Final = ("loss.jsonl", "throughput.jsonl")
"""Logs of a training: a line a step, and a line every few steps, each with its `step`."""
TRAIN_SAMPLES: Final = "samples.jsonl"
"""Captions that a training wrote on its way: step, target, caption."""
LEXICAL: Final = "lexical"
"""Engine of a judge that compares words and asks no model."""
ROLES: Final = ("captioner", "fuser", "judge")
_SHOWN: Final = 4
_BLIND: Final = 8


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model, as it was asked, and how many captions say so.

    Attributes:
        role: captioner, fuser or judge.
        kind: of the captions: dense, fused, one_pass or student.
        identity: the struct `captioner` of `captions/1`.
        captions: number.
    """

    role: str
    kind: str
    identity: Mapping[str, str | None]
    captions: int


@dataclass(frozen=True, slots=True)
class Training:
    """One training that the run holds.

    Attributes:
        step: that trained.
        log: its log, a row a logged step.
        samples: captions written during training.
        params: of the training.
        files: names of the model's files with their sizes in bytes.
    """

    step: str
    log: Sequence[Mapping[str, Any]]
    samples: Sequence[Mapping[str, Any]]
    params: Mapping[str, Any]
    files: Mapping[str, int]


@dataclass(slots=True)
class CaptionSummary:
    """A run's captions, as its report and its card tell of them.

    Attributes:
        release: what is released.
        statistics: numbers on it.
        kinds: captions by kind before the export.
        models: what wrote and judged them.
        believed: claims that a judge without a model took for supported, having nothing to hold against them.
        trainings: in order of their steps.
        gate: rows of `gate/1`.
        audits: rows of `audits/1`, by shard.
        compared: a few rows of `evaluations/1`, for the blind comparison.
        samples: a few rows of `kale_captions/1`.
        images: bytes of the images that `samples` and `compared` show, by id.
    """

    release: CaptionRelease
    statistics: CaptionStatistics = field(default_factory=CaptionStatistics)
    kinds: Counter[str] = field(default_factory=Counter)
    models: list[ModelUse] = field(default_factory=list)
    believed: int = 0
    trainings: list[Training] = field(default_factory=list)
    gate: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    compared: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, bytes] = field(default_factory=dict)

    def judges(self) -> list[ModelUse]:
        """What judged the claims."""
        return [use for use in self.models if use.role == "judge"]


def summarize_captions(store: Store, manifests: Sequence[Manifest]) -> CaptionSummary | None:
    """Read back what a run made of captions, shard by shard; None where it released none.

    Args:
        manifests: of every dataset of the run.
    """
    exported = [m for m in manifests if m.schema_name == CAPTIONS_SCHEMA]
    if not exported:
        return None
    summary = CaptionSummary(caption_release(exported))
    samples = CaptionSamples(_SHOWN)
    for manifest in exported:
        for shard in manifest.shards:
            table = shards.read(store, shard)
            summary.statistics.add(table)
            samples.add(table)
    summary.samples = samples.choose()
    known = {m.digest: m for m in manifests}
    read = [known[d] for port, d in exported[0].parents.items() if port != "images" and d in known]
    _add_models(summary, store, read)
    summary.believed = int(sum(m.counts.counters.get("claims_believed_unjudged", 0) for m in read))
    _add_trainings(summary, store, _of(manifests, "model_files/1"))
    summary.gate = [row for m in _of(manifests, "gate/1") for row in _rows(store, m)]
    audits = [row for m in _of(manifests, "audits/1") for row in _rows(store, m)]
    summary.audits = sorted(audits, key=lambda row: row["shard"])
    for manifest in _of(manifests, "evaluations/1"):
        for shard in manifest.shards:
            summary.compared = blind_sample(summary.compared, shards.read(store, shard).to_pylist())
    images = known.get(exported[0].parents.get("images", ""))
    wanted = {row["sha256"] for row in summary.samples} | {row["id"] for row in summary.compared}
    if images is not None and wanted:
        columns = ("id", "bytes")
        found = shards.read_ids(store, images.shards, wanted, empty("images/1", columns))
        ids, data = (found.column(name).to_pylist() for name in columns)
        summary.images = dict(zip(ids, data, strict=True))
    return summary


def _of(manifests: Iterable[Manifest], schema: str) -> list[Manifest]:
    return [m for m in manifests if m.schema_name == schema]


def _rows(store: Store, manifest: Manifest) -> list[dict[str, Any]]:
    return [row for shard in manifest.shards for row in shards.read(store, shard).to_pylist()]


def _add_models(summary: CaptionSummary, store: Store, read: Sequence[Manifest]) -> None:
    """Count the captions of each kind by what wrote, merged and judged them."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for manifest in read:
        for shard in manifest.shards:
            table = shards.read(store, shard, ["kind", *ROLES])
            kinds = table.column("kind")
            summary.kinds.update(kinds.to_pylist())
            for role in ROLES:
                counts.update(_identities(role, kinds, table.column(role)))
    summary.models = [
        ModelUse(role, kind, json.loads(identity), number)
        for (role, kind, identity), number in sorted(
            counts.items(), key=lambda pair: (ROLES.index(pair[0][0]), pair[0][1], -pair[1], pair[0][2])
        )
    ]


def _identities(role: str, kinds: pa.ChunkedArray, structs: pa.ChunkedArray) -> Counter[tuple[str, str, str]]:
    """Captions by (role, kind, identity as JSON); rows without that role are left out."""
    names = [field.name for field in structs.type]
    columns = {name: pc.struct_field(structs, name) for name in names}
    table = pa.table({"kind": kinds, "there": pc.is_valid(structs), **columns}).filter(pc.field("there"))
    grouped = table.group_by(["kind", *names]).aggregate([([], "count_all")])
    return Counter(
        {
            (role, row["kind"], json.dumps({name: row[name] for name in names})): row["count_all"]
            for row in grouped.to_pylist()
        }
    )


def _add_trainings(summary: CaptionSummary, store: Store, models: Sequence[Manifest]) -> None:
    """The trainings whose logs the run holds; a step's model and its logs are datasets of their own."""
    stores = Stores(store.root)
    files: dict[str, dict[str, dict[str, Any]]] = {}
    for manifest in models:
        files.setdefault(manifest.step, {}).update({row["name"]: row for row in _rows(store, manifest)})
    params = {manifest.step: manifest.params for manifest in models}
    for step, rows in files.items():
        lines = {
            name: _json_lines(stores.read(rows[name]["uri"])) if name in rows else []
            for name in (*TRAIN_LOGS, TRAIN_SAMPLES)
        }
        if log := [line for name in TRAIN_LOGS for line in lines[name]]:
            sizes = {name: row["size"] for name, row in sorted(rows.items())}
            summary.trainings.append(Training(step, log, lines[TRAIN_SAMPLES], params[step], sizes))


def _json_lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in io.BytesIO(data) if line.strip()]


class CaptionSamples:
    """Picks a few released captions, always the same, of each sort: with parts removed, with knowledge,
    by the student, and others. Ids are hashes, so the least of them are a fair draw.

    Args:
        limit: captions of each sort.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._best: dict[str, list[dict[str, Any]]] = {}

    def add(self, table: pa.Table) -> None:
        """Consider the rows of a table of `kale_captions/1`."""
        if not table.num_rows:
            return
        removed = _has_removed(table.column("claims"))
        student = pc.equal(table.column("stage"), 2)
        knows = pc.fill_null(table.column("knowledge"), False)
        sorts = {
            "removed": removed,
            "student": pc.and_not(student, removed),
            "knowledge": pc.and_not(pc.and_not(knows, removed), student),
            "other": pc.invert(pc.or_(pc.or_(removed, student), knows)),
        }
        for name, mask in sorts.items():
            found = table.filter(mask).sort_by("sha256").slice(0, self.limit).to_pylist()
            best = sorted([*self._best.get(name, []), *found], key=lambda row: row["sha256"])
            self._best[name] = best[: self.limit]

    def choose(self) -> list[dict[str, Any]]:
        """The chosen rows, sort after sort."""
        return [
            row for name in ("removed", "knowledge", "student", "other") for row in self._best.get(name, [])
        ]


def _has_removed(claims: pa.ChunkedArray) -> pa.Array:
    lists = pa.concat_arrays(claims.chunks)
    rows = pc.list_parent_indices(lists)
    hit = pc.unique(rows.filter(pc.struct_field(lists.flatten(), "removed")))
    return pc.is_in(pa.array(range(len(lists)), rows.type), value_set=hit)


def _place(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def blind_sample(
    chosen: Sequence[dict[str, Any]], rows: Iterable[dict[str, Any]], limit: int = _BLIND
) -> list[dict[str, Any]]:
    """The rows of `evaluations/1` to compare blindly, out of those chosen before and more of them.

    A hash of the id decides, and only rows with a prediction take part: the choice depends on neither
    the order nor the quality of the captions.
    """
    usable = [row for row in (*chosen, *rows) if row["prediction"]]
    return sorted(usable, key=lambda row: _place("shown " + row["id"]))[:limit]


def student_is_first(identifier: str) -> bool:
    """Which side of a blind comparison the student's caption is on: as good as a coin, always the same."""
    return bool(_place("side " + identifier)[0] & 1)
