"""The drift board of published detectors; what is published with torch is in test_train_task.py."""

import json

import pyarrow as pa
import pytest

from components.core import runner, schemas
from components.core.errors import ConfigurationError
from components.core.manifest import Counts, Manifest
from components.core.model_files import publish_model
from components.deepfake.publish_task import add_to_board, publish_task
from tests.deepfake.test_leaderboard import rows


class Made:
    def __init__(self, path) -> None:
        self.path = str(path)
        self.metadata: dict[str, object] = {}


def published(root: str, schema: str, given: list[dict]) -> Manifest:
    table = pa.Table.from_pylist(given, schema=schemas.get(schema))
    counts = Counts(rows_in=len(given), kept=len(given))
    step = schema.partition("/")[0]
    return runner.publish(step, step, schema, [table], [], counts, root, params={}, tell=False)


def run(folder, figures: list[dict], params: dict) -> Manifest:
    """Publish detectors that were measured so; the manifest."""
    root = (folder / "out").as_uri()
    weights = folder / "weights"
    weights.mkdir(parents=True)
    (weights / "frequency.json").write_text(json.dumps({"licence": "MIT", "trained_on": "drawn"}))
    given = {
        "model": publish_model(weights, "train", root, params={}, family="deepfake", parents={}),
        "calibrations": published(root, "calibrations/1", []),
        "benchmark": published(root, "benchmark/1", figures),
    }
    paths = {}
    for port, manifest in given.items():
        paths[port] = str(folder / f"{port}.json")
        (folder / f"{port}.json").write_bytes(manifest.to_json())
    made = Made(folder / "detectors")
    publish_task(paths, root, params, {}, made)
    return Manifest.model_validate_json((folder / "detectors").read_bytes())


def test_a_fall_below_the_earlier_interval_is_told_and_stands_on_the_board(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = tmp_path / "events.jsonl"
    monkeypatch.setenv("KALEMINT_EVENTS", str(events))
    board = {"board": (tmp_path / "board").as_uri()}

    def notices() -> list[str]:
        told = [json.loads(line) for line in events.read_text().splitlines()]
        return [one["line"] for one in told if one["event"] == "notice"]

    run(tmp_path / "one", rows({}), {**board, "board_date": "2026-11-16"})
    assert notices() == []
    assert "No figure fell below" in (tmp_path / "one/out/publish_detectors/drift.md").read_text()
    fallen = rows({"value": 0.55, "low": 0.45, "high": 0.63})
    made = run(tmp_path / "two", fallen, {**board, "board_date": "2026-11-23"})
    said = (
        "spatial on swap: AUC 0.550 on A (2026-11-23) is below the interval that began at 0.580 on A "
        "(2026-11-16)."
    )
    assert notices() == [f"publish_detectors: drift: {said}"]
    text = (tmp_path / "two/out/publish_detectors/drift.md").read_text()
    assert text.startswith(f"- {said}\n")
    assert "| spatial | swap | 0.710 [0.58, 0.82], 40/60 | 0.550 [0.45, 0.63], 40/60 ▼ |" in text
    # the board is no part of what is published: without it the digest is the same
    assert run(tmp_path / "three", fallen, {}).digest == made.digest
    assert not (tmp_path / "three/out/publish_detectors/drift.md").exists()
    # a later run that does well tells nothing of the fall before it
    run(tmp_path / "four", rows({"value": 0.75}), {**board, "board_date": "2026-11-30"})
    assert len(notices()) == 1
    assert len(list((tmp_path / "board/runs").iterdir())) == 3


def test_without_a_date_it_is_today_and_the_same_benchmark_is_kept_once(tmp_path) -> None:
    benchmark = published(tmp_path.as_uri(), "benchmark/1", rows({}))
    params = {"board": str(tmp_path / "board")}
    assert add_to_board(benchmark, tmp_path.as_uri(), params) == []
    (kept,) = (tmp_path / "board/runs").iterdir()
    before = kept.read_bytes()
    assert add_to_board(benchmark, tmp_path.as_uri(), {**params, "board_date": "2000-01-01"}) == []
    assert [(file.name, file.read_bytes()) for file in (tmp_path / "board/runs").iterdir()] == [
        (kept.name, before)
    ]


def test_a_date_that_is_none_is_refused(tmp_path) -> None:
    benchmark = published(tmp_path.as_uri(), "benchmark/1", rows({}))
    with pytest.raises(ConfigurationError, match="board_date"):
        add_to_board(benchmark, tmp_path.as_uri(), {"board": "x", "board_date": "23.11.2026"})
