"""Weights, calibrations and card as one folder: what `screen` and other runs take."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from components.core import shards
from components.core.manifest import Manifest, load
from components.core.model_files import local_model, publish_model
from components.core.progress import emit
from components.core.store import Stores, open_store
from components.core.task import Artifact, hand_over, read_params, reported
from components.deepfake import drift_board
from components.deepfake.calibration import Calibration, to_json
from components.deepfake.detector_card import detector_card
from components.deepfake.publish_params import PublishDetectorsParams
from components.deepfake.weight_files import parse_weight_file

STEP: Final = "publish_detectors"
PORT: Final = "detectors"
CALIBRATION: Final = "calibration.json"
CARD: Final = "README.md"
BOARD: Final = f"{STEP}/drift.md"
"""Where the drift board lies in the run's output: beside the detectors, whose digest it does not change."""


def publish_detectors(inputs: Mapping[str, Manifest], out: str, params: Mapping[str, Any]) -> Manifest:
    """Publish a folder of detectors.

    Args:
        inputs: `model` (model_files/1), `calibrations` and `benchmark`.
        out: URI of the run's output.
        params: of `PublishDetectorsParams`.
    """
    checked = read_params(PublishDetectorsParams, params, "deepfake.publish")
    assert isinstance(checked, PublishDetectorsParams)
    calibrations = [row for table in _read(inputs["calibrations"]) for row in table.to_pylist()]
    benchmark = [row for table in _read(inputs["benchmark"]) for row in table.to_pylist()]
    files = pa.concat_tables(_read(inputs["model"]))
    weights = local_model(files, Stores(inputs["model"].location))
    with tempfile.TemporaryDirectory(prefix="kalemint-detectors-") as scratch:
        folder = Path(scratch)
        for path in sorted(weights.iterdir()):
            if checked.folds or parse_weight_file(path.name)[1] is None:
                shutil.copyfile(path, folder / path.name)
        card = detector_card(checked.name, folder, calibrations, benchmark)
        (folder / CALIBRATION).write_text(to_json([Calibration.from_row(row) for row in calibrations]))
        (folder / CARD).write_text(card)
        return publish_model(
            folder,
            STEP,
            out,
            port=PORT,
            params=checked.model_dump(mode="json"),
            family="deepfake",
            parents={port: manifest.digest for port, manifest in inputs.items()},
        )


def add_to_board(benchmark: Manifest, out: str, params: Mapping[str, Any]) -> list[drift_board.Alarm]:
    """Keep the figures of this run on the drift board, and write the board beside the detectors.

    A benchmark that the board has, from a run before, is not added again, whatever its date.

    Args:
        benchmark: what was measured.
        out: URI of the run's output.
        params: of `PublishDetectorsParams`.

    Returns:
        Alarms that this run raises; none where `board` names no place.

    Raises:
        ConfigurationError: for a place that can't be read or holds what is no kept benchmark.
    """
    checked = read_params(PublishDetectorsParams, params, "deepfake.publish")
    assert isinstance(checked, PublishDetectorsParams)
    if checked.board is None:
        return []
    rows = [row for table in _read(benchmark) for row in table.to_pylist()]
    date = checked.board_date or datetime.datetime.now(datetime.UTC).date().isoformat()
    drift_board.keep(checked.board, rows, digest=benchmark.digest, date=date)
    kept = drift_board.runs(checked.board)
    open_store(out).put(BOARD, drift_board.board(kept).encode())
    return [alarm for alarm in drift_board.alarms(kept) if alarm.digest == benchmark.digest]


def publish_task(
    inputs: Mapping[str, str],
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    detectors: Artifact,
    metrics: Any = None,
) -> None:
    """Body of the component `publish_detectors`.

    Args:
        inputs: port → path of a manifest.
        detectors: output artifact.
        metrics: a KFP `Metrics` artifact that gets the number of files.
    """
    with reported():
        manifests = {port: load(Path(path).read_bytes(), path) for port, path in inputs.items()}
        emit("start", step=STEP, worker=0, done=0, total=1, resumed=0, rows=0, failed=0, rate=0.0, eta_s=None)
        made = publish_detectors(manifests, out, params)
        for alarm in add_to_board(manifests["benchmark"], out, params):
            emit("notice", step=STEP, line=f"{STEP}: drift: {alarm}")
        emit(
            "committed",
            step=STEP,
            line=f"publish_detectors: {made.rows} files of detectors",
            rows_in=manifests["model"].rows,
            kept=made.rows,
            dropped={},
            failed={},
            conserves=False,
        )
    hand_over({PORT: made}, {PORT: detectors})
    if metrics is not None:
        metrics.log_metric("files", made.rows)


def _read(manifest: Manifest) -> list[pa.Table]:
    store = open_store(manifest.location)
    return [shards.read(store, shard) for shard in manifest.shards]
