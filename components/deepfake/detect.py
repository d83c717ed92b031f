"""Every detector judges every sample."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.core import schemas
from components.core.model_files import local_model
from components.core.stage import Output, Stage, Unit
from components.deepfake.detect_params import DetectParams
from components.deepfake.judges import Judge, crop_kinds, open_judges
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Sample
from components.deepfake.sample_rows import read_samples


class DetectStage(Stage[DetectParams]):
    """Has the samples of a shard judged; where a detector abstains, the row says why.

    A record is a sample, and none is lost: each has a row of every detector, pseudo-fakes of those only that
    look at more than declarations (see `Judge.judges`). Test samples are judged by
    the folds of the model, too: real ones by all, forged ones by the fold that never saw their method. A
    model without files means the weights that come with the package.
    """

    name = "detect"
    consumes = {
        "samples": "samples/1",
        "crops": "crops/1",
        "splits": "splits/1",
        "model": "model_files/1",
    }
    produces = {"detections": "detections/1"}
    reasons = DeepfakeReason
    sides = {"crops": "aligned", "splits": "all", "model": "all"}
    columns = {"splits": ("media_id", "split")}
    imports = ("cv2", "onnxruntime")

    def __init__(self, params: DetectParams) -> None:
        super().__init__(params)
        self._judges: list[Judge] | None = None
        if any(values.get("tower") or values.get("card") for values in params.detectors.values()):
            self.max_processes = 1  # a large model a process

    def run(self, unit: Unit, out: Output) -> None:
        """Judge the samples of one shard.

        Raises:
            ConfigurationError: for a detector that is not registered or can't be opened.
            BadShard: where a crop can't be decoded.
        """
        if self._judges is None:
            self._judges = self._opened(unit)
        judges = self._judges
        split_of = {row["media_id"]: row["split"] for row in unit.tables["splits"].to_pylist()}
        samples = unit.tables["samples"]
        if unit.only is not None:
            wanted = [unit.wants(name) for name in samples.column("id").to_pylist()]
            samples = samples.filter(pa.array(wanted, pa.bool_()))
        pairs = read_samples(samples, unit.tables["crops"], crop_kinds(judges))
        out.rows_in, out.kept = samples.num_rows, 0
        while batch := list(islice(pairs, self.params.batch)):
            rows = list(_judged(judges, batch, split_of))
            for row in rows:
                if row["abstained"] is not None:
                    out.count(f"abstained_{row['abstained']}")
            out.keep("detections", pa.Table.from_pylist(rows, schema=schemas.get("detections/1")))
            out.kept += len(batch)

    def _opened(self, unit: Unit) -> list[Judge]:
        files = unit.tables["model"]
        weights = local_model(files, unit.stores) if files.num_rows else None
        with tempfile.TemporaryDirectory(prefix="kalemint-folds-") as scratch:
            return open_judges(self.params.detectors, weights, Path(scratch) if self.params.folds else None)

    def close(self) -> None:
        """Let go of the detectors."""
        self._judges = None


def _judged(
    judges: list[Judge], batch: list[tuple[dict[str, Any], Sample]], split_of: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Rows of a batch: by detector, then by sample."""
    for judge in judges:
        # pseudo-fakes are in no split of their own but in that of what they were made from
        asked = [
            sample
            for row, sample in batch
            if judge.judges(
                row["label"], row["method"], split_of.get(row["id"], row["split"]), row["dataset"]
            )
        ]
        if asked:
            yield from judge.rows(asked)
