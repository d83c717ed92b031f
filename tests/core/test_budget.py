from __future__ import annotations

from pathlib import Path

import pytest

from components.core.errors import BudgetExceeded
from components.core.runner import RunParams, commit, run_step, work
from tests.core.toy_stages import ToyParams, ToyStage, dataset

TEXTS = [[f"{'word ' * 200} number {shard} {n}" for n in range(50)] for shard in range(8)]


class Second(ToyStage):
    name = "second"


def test_a_step_stops_when_its_units_say_that_it_would_write_too_much(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    stage = ToyStage(ToyParams())
    tight = RunParams(processes=1, max_storage_gib=1e-6)
    with pytest.raises(BudgetExceeded, match=r"above run\.max_storage_gib=1e-06.*raise the limit"):
        work(stage, {"documents": given}, root, params=tight)
    done = list((tmp_path / "run" / "toy" / "done").iterdir())
    assert 3 <= len(done) < 8


def test_what_was_done_before_the_stop_is_not_done_again(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    stage = ToyStage(ToyParams())
    with pytest.raises(BudgetExceeded):
        work(stage, {"documents": given}, root, params=RunParams(processes=1, max_storage_gib=1e-6))
    resumed = work(stage, {"documents": given}, root, params=RunParams(processes=1))["resumed"]
    assert resumed >= 3
    assert commit(stage, {"documents": given}, root)["documents"].counts.kept == 400


def test_steps_before_count(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    first = run_step(ToyStage(ToyParams()), {"documents": given}, root)["documents"]
    used = first.total_bytes / 2**30
    with pytest.raises(BudgetExceeded, match="the steps before it took"):
        run_step(Second(ToyParams()), {"documents": first}, root, RunParams(max_storage_gib=used * 1.5))
    made = run_step(Second(ToyParams()), {"documents": first}, root, RunParams(max_storage_gib=used * 4))
    assert made["documents"].counts.kept == 400


def test_processor_time_is_limited(tmp_path: Path) -> None:
    root = (tmp_path / "run").as_uri()
    given = dataset(root, TEXTS)
    with pytest.raises(BudgetExceeded, match="processor hours"):
        run_step(ToyStage(ToyParams()), {"documents": given}, root, RunParams(max_cpu_hours=1e-9))
