"""Splits, calibration and the benchmark through the runner, one after the other."""

from pathlib import Path

import numpy as np

from components.core import shards
from components.core.manifest import Counts
from components.core.runner import publish, run_step
from components.core.store import open_store
from components.deepfake.benchmark import BenchmarkStage
from components.deepfake.benchmark_params import BenchmarkParams, CalibrateParams, SplitsParams
from components.deepfake.calibrate import CalibrateStage
from components.deepfake.splits import SplitsStage
from tests.deepfake.measured import detection, face, forged, sample, table


def test_through_the_runner_with_the_same_bytes_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    samples = [(forged if n % 2 else sample)(str(n)) for n in range(300)]
    rows = {
        "samples/1": samples,
        "crops/1": [face(one["id"], int(rng.integers(-(2**62), 2**62))) for one in samples],
        "detections/1": [
            detection(one["id"], float(rng.normal() + 2 * one["label"]), frames=[0.5]) for one in samples
        ],
    }

    def measure(root: str) -> dict[str, str]:
        given = {}
        for schema, found in rows.items():
            full = table(found, schema)
            counts = Counts(rows_in=full.num_rows, kept=full.num_rows)
            port = schema.partition("/")[0]
            halves = [full.slice(0, 150), full.slice(150)]
            given[port] = publish(port, port, schema, halves, [], counts, root, params={})
        splits = run_step(
            SplitsStage(SplitsParams()), {name: given[name] for name in ("samples", "crops")}, root
        )
        calibrated = run_step(
            CalibrateStage(CalibrateParams()),
            {"detections": given["detections"], "samples": given["samples"], **splits},
            root,
        )
        made = run_step(
            BenchmarkStage(BenchmarkParams(resamples=100)), {**given, **splits, **calibrated}, root
        )["benchmark"]
        assert splits["splits"].rows == 300
        (row,) = shards.read(open_store(root), calibrated["calibrations"].shards[0]).to_pylist()
        assert row["method"] == "platt"
        assert made.rows > 20
        files = sorted(str(path) for path in tmp_path.rglob("leaderboard.md"))
        assert files
        return {name: one.digest for name, one in {**splits, **calibrated, "b": made}.items()}

    assert measure((tmp_path / "one").as_uri()) == measure((tmp_path / "two").as_uri())
