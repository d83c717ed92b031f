"""What is left of detectors when pictures are compressed, shrunk, blurred or noisy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

import pyarrow as pa

from components.core import schemas
from components.core.errors import BadRecord
from components.core.hash_share import hash_share
from components.core.model_files import local_model
from components.core.stage import Output, Stage, Unit
from components.core.store import Stores
from components.deepfake.benchmark_params import RobustnessParams
from components.deepfake.detectors.base import Need
from components.deepfake.faces_params import ExamineParams
from components.deepfake.judges import Judge, crop_kinds, open_judges
from components.deepfake.pseudo_fakes import PSEUDO_FAKES
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Pixels, Sample, Track
from components.deepfake.sample_rows import read_samples

ON_CROPS: Final = "crops."
"""Begins the name of a variant in which crops were corrupted, not the frames they are cut from."""
_LOOKS: Final[frozenset[Need]] = frozenset({"faces", "dense", "patches"})
Row = Mapping[str, Any]


class RobustnessStage(Stage[RobustnessParams]):
    """Has corrupted copies of test samples judged, by the models that were trained on everything.

    The file is read again and every frame corrupted before faces are looked for, so that a face that is no
    longer found counts. A pseudo-fake has no file: its crops are corrupted, and those of the real samples
    it is compared with, under variants of other names (`ON_CROPS`): faces are given there, and what the
    figures say is a little too good. Provenance and sound stay as they are, and detectors that look at
    nothing else are not asked.

    It derives a table: nothing to conserve. A sample that can't be examined any more has a row of every
    detector that says why, so that the benchmark counts it as lost.
    """

    name = "robustness"
    consumes = {
        "samples": "samples/1",
        "crops": "crops/1",
        "splits": "splits/1",
        "model": "model_files/1",
    }
    produces = {"detections": "detections/1"}
    reasons = DeepfakeReason
    conserves = False
    skipped = "deepfake.robustness.variants is empty"
    sides = {"crops": "aligned", "splits": "all", "model": "all"}
    columns = {"splits": ("media_id", "split")}
    imports = ("cv2", "onnxruntime")

    def __init__(self, params: RobustnessParams) -> None:
        super().__init__(params)
        self._judges: list[Judge] | None = None
        self._examine_params = ExamineParams(
            **params.faces.model_dump(include=set(ExamineParams.model_fields))
        )

    @property
    def enabled(self) -> bool:
        """Whether there is a corruption to apply."""
        return bool(self.params.variants)

    def run(self, unit: Unit, out: Output) -> None:
        """Corrupt and judge the test samples of one shard.

        Raises:
            ConfigurationError: for a corruption or a detector that is none.
            BadShard: where a crop can't be decoded.
        """
        from components.deepfake.corruptions import corruption  # OpenCV takes long to load

        made = {name: corruption(name) for name in self.params.variants}
        if self._judges is None:
            files = unit.tables["model"]
            weights = local_model(files, unit.stores) if files.num_rows else None
            opened = open_judges(self.params.detectors, weights, None)
            self._judges = [judge for judge in opened if _LOOKS & set(judge.detector.needs)]
        splits = dict(
            zip(*(unit.tables["splits"].column(n).to_pylist() for n in ("media_id", "split")), strict=True)
        )
        table = unit.tables["samples"]
        slim = ["id", "uri", "kind", "size", "label", "dataset", "split"]
        asked = [
            row
            for row in table.select(slim).to_pylist()
            if row["label"] is not None
            and splits.get(row["id"], row["split"]) == "test"
            and unit.wants(row["id"])
        ]
        files, pseudo = (
            [r for r in asked if (r["dataset"] == PSEUDO_FAKES) == kind] for kind in (False, True)
        )
        chosen = self._chosen(files)
        for name, corrupt in made.items():
            self._put(out, self._of_files(chosen, name, corrupt, unit.stores, out))
        if self.params.pseudo_fakes:
            reals = [row for row in chosen if row["label"] == 0]
            wanted = {row["id"] for row in (*reals, *self._chosen(pseudo))}
            mask = pa.array([name in wanted for name in table.column("id").to_pylist()], pa.bool_())
            for name, corrupt in made.items():
                self._put(out, self._of_crops(table.filter(mask), unit.tables["crops"], name, corrupt))

    def _chosen(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Some of the samples, by their hash: more data or another number of shards moves few."""
        shares = sorted((hash_share(row["id"], "robustness"), row["id"], row) for row in rows)
        return [row for share, _, row in shares[: self.params.per_shard] if share < self.params.share]

    def _put(self, out: Output, rows: Iterator[dict[str, Any]]) -> None:
        found = list(rows)
        out.keep("detections", pa.Table.from_pylist(found, schema=schemas.get("detections/1")))

    def _of_files(
        self,
        rows: Iterable[Row],
        variant: str,
        corrupt: Callable[[Pixels], Pixels],
        stores: Stores,
        out: Output,
    ) -> Iterator[dict[str, Any]]:
        assert self._judges is not None
        for row in rows:
            try:
                sample = self._examined(row, corrupt, stores)
            except BadRecord as bad:
                out.count(f"lost_{bad.reason}")
                yield from (_lost(row["id"], judge, variant, str(bad.reason)) for judge in self._judges)
                continue
            out.count("corrupted")
            for judge in self._judges:
                yield from judge.rows([sample], variant)

    def _examined(self, row: Row, corrupt: Callable[[Pixels], Pixels], stores: Stores) -> Sample:
        from components.deepfake.examine import examine

        assert self._judges is not None
        if row["size"] > self.params.max_bytes:
            raise BadRecord(DeepfakeReason.MEDIA_TOO_LARGE, f"{row['size']} bytes")
        try:
            data = stores.read(row["uri"])
        except FileNotFoundError:
            raise BadRecord(DeepfakeReason.UNREADABLE, "it is no longer there") from None
        needs = frozenset(need for judge in self._judges for need in judge.detector.needs) - {"provenance"}
        kind: Literal["image", "video"] = row["kind"]
        sample = examine(data, kind, self._examine_params, needs=needs, corrupt=corrupt)
        if sample.id != row["id"]:
            raise BadRecord(DeepfakeReason.UNREADABLE, "the file is not the one that was listed")
        return sample

    def _of_crops(
        self, samples: pa.Table, crops: pa.Table, variant: str, corrupt: Callable[[Pixels], Pixels]
    ) -> Iterator[dict[str, Any]]:
        assert self._judges is not None
        for _, sample in read_samples(samples, crops, crop_kinds(self._judges)):
            changed = corrupted_crops(sample, corrupt)
            for judge in self._judges:
                yield from judge.rows([changed], ON_CROPS + variant)

    def close(self) -> None:
        """Let go of the detectors."""
        self._judges = None


def corrupted_crops(sample: Sample, corrupt: Callable[[Pixels], Pixels]) -> Sample:
    """The sample with every crop corrupted by itself."""

    def tracks(given: tuple[Track, ...]) -> tuple[Track, ...]:
        return tuple(
            replace(track, crops=tuple(replace(crop, image=corrupt(crop.image)) for crop in track.crops))
            for track in given
        )

    patches = tuple(replace(crop, image=corrupt(crop.image)) for crop in sample.patches)
    return replace(sample, faces=tracks(sample.faces), dense=tracks(sample.dense), patches=patches)


def _lost(media_id: str, judge: Judge, variant: str, why: str) -> dict[str, Any]:
    return {
        "media_id": media_id,
        "detector": judge.detector.name,
        "fold": None,
        "variant": variant,
        "score": None,
        "abstained": why,
        "frames": [],
        "milliseconds": 0.0,
    }
