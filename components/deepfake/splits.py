"""Who is trained on, who is calibrated on and who is tested on: clusters stay whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.hash_share import hash_share
from components.core.stage import Output, Stage, Unit
from components.deepfake.benchmark_params import SplitsParams
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.split_leaks import COLUMNS, clusters, near_duplicates, spanning

ORDER: Final = ("train", "validation", "test")
"""A cluster found in several splits goes to the first of them: what was trained on is never tested on."""


class SplitsStage(Stage[SplitsParams]):
    """Gives every sample a split: the official one of its data set where there is one, else by hash.

    Samples that share a person, a source or near-duplicate faces make a cluster, which is never cut. One
    that official splits do cut is moved to the earliest of them (a ledger line for each sample moved), or
    stops the run. A sample without an official split follows those of its cluster that have one.
    """

    name = "splits"
    consumes = {"samples": "samples/1", "crops": "crops/1"}
    produces = {"splits": "splits/1"}
    reasons = DeepfakeReason
    grouping = "all"
    columns = {"samples": COLUMNS, "crops": ("media_id", "kind", "dhash")}

    def run(self, unit: Unit, out: Output) -> None:
        """Split all samples.

        Raises:
            ConfigurationError: for a split that is none, or a leak where `on_leak` is stop.
        """
        samples = unit.tables["samples"].sort_by("id").to_pylist()
        for row in samples:
            if row["split"] is not None and row["split"] not in ORDER:
                raise ConfigurationError(
                    f"{row['uri']} of {row['dataset']} has the split {row['split']!r}: name one of "
                    f"{', '.join(ORDER)}, or none, where its labels are read."
                )
        near = self._near(samples, unit.tables["crops"])
        out.count("near_duplicate_pairs", len(near))
        names = clusters(samples, near)
        leaks = spanning(names, [row["split"] for row in samples])
        if leaks and self.params.on_leak == "stop":
            shown = "; ".join(f"{name}: {' and '.join(found)}" for name, found in list(leaks.items())[:5])
            raise ConfigurationError(
                f"{len(leaks)} clusters of persons, sources or near-duplicate faces lie in several official "
                f"splits ({shown}). Set deepfake.splits.on_leak to move, or mend the labels."
            )
        splits = self._assign(samples, names)
        rows = []
        for row, name in zip(samples, names, strict=True):
            split, given = splits[row["dataset"], name], row["split"]
            moved = given if given not in (None, split) else None
            rows.append({"media_id": row["id"], "split": split, "cluster": name, "moved_from": moved})
            out.count(f"split_{split}")
            if moved and name in leaks:
                out.change(
                    row["id"],
                    DeepfakeReason.SPLIT_LEAK,
                    kind="media",
                    detail=f"from {moved} to {split}: cluster {name} is in {' and '.join(leaks[name])}",
                    locator=row["uri"],
                )
        out.count("clusters", len(set(names)))
        out.count("clusters_cut_by_official_splits", len(leaks))
        if names:
            out.count("samples_of_largest_cluster", max(map(names.count, set(names))))
        out.keep("splits", pa.Table.from_pylist(rows, schema=schemas.get("splits/1")))

    def _near(self, samples: Sequence[Mapping[str, Any]], crops: pa.Table) -> list[tuple[int, int]]:
        numbers = {row["id"]: number for number, row in enumerate(samples)}
        ids, kinds = crops.column("media_id").to_pylist(), crops.column("kind").to_pylist()
        hashes = crops.column("dhash").to_numpy()
        faces = [
            row for row, kind in enumerate(kinds) if kind == "face" and ids[row] in numbers
        ]  # the run of consecutive frames would only repeat them
        media = np.array([numbers[ids[row]] for row in faces], np.int64)
        return near_duplicates(
            media, hashes[faces].astype(np.int64), radius=self.params.radius, crops=self.params.crops
        )

    def _assign(
        self, samples: Sequence[Mapping[str, Any]], names: Sequence[str]
    ) -> dict[tuple[str, str], str]:
        """(data set, cluster) to split: the same for all data sets of a cluster."""
        official: dict[str, set[str]] = {}
        datasets: dict[str, set[str]] = {}
        offered: dict[str, set[str]] = {}
        for row, name in zip(samples, names, strict=True):
            datasets.setdefault(name, set()).add(row["dataset"])
            if row["split"] is not None:
                official.setdefault(name, set()).add(row["split"])
                offered.setdefault(row["dataset"], set()).add(row["split"])
        chosen = {}
        for name, of in datasets.items():
            given = official.get(name)
            split = min(given, key=ORDER.index) if given else self._by_hash(name)
            whole = not any("validation" in offered.get(dataset, ()) for dataset in of)
            if given and split == "train" and whole and self._carved(name):
                split = "validation"
            chosen.update({(dataset, name): split for dataset in of})
        return chosen

    def _by_hash(self, name: str) -> str:
        share, params = hash_share(name, "split"), self.params
        if share < params.train:
            return "train"
        return "validation" if share < params.train + params.validation else "test"

    def _carved(self, name: str) -> bool:
        params = self.params
        both = params.train + params.validation
        return (
            params.carve_validation and both > 0 and hash_share(name, "validation") < params.validation / both
        )
