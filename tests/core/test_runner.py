from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from components.core.errors import BudgetExceeded, ConfigurationError
from components.core.execute import SHARD_FAILED, ConservationError
from components.core.plan import StepPlan
from components.core.runner import RunParams, commit, load_manifest, request_retry, run_step, work
from components.core.shards import read
from components.core.store import open_store
from tests.core.toy_stages import ToyParams, ToyStage, dataset

TEXTS = [[f"{'word ' * (n % 6)}number {shard} {n}" for n in range(20)] for shard in range(7)]


@pytest.fixture
def root(tmp_path: Path) -> str:
    return (tmp_path / "run").as_uri()


def test_every_row_is_accounted_for(root: str) -> None:
    given = dataset(root, TEXTS)
    manifest = run_step(ToyStage(ToyParams(min_words=5)), {"documents": given}, root)["documents"]
    counts = manifest.counts
    assert counts.rows_in == 140
    assert counts.kept == manifest.rows
    assert counts.dropped == {"too_short": 140 - counts.kept}
    store = open_store(root)
    lines = [line for shard in manifest.ledger for line in read(store, shard).to_pylist()]
    assert len(lines) == counts.total_dropped
    assert {line["threshold"] for line in lines} == {5.0}
    assert load_manifest(store, "toy", "documents") == manifest


@pytest.mark.parametrize("workers", [1, 2, 5, 9])
def test_worker_count_does_not_change_the_digest(tmp_path: Path, workers: int) -> None:
    stage = ToyStage(ToyParams())
    digests: list[str] = []
    for name, count in (("one", 1), ("many", workers)):
        root = (tmp_path / name).as_uri()
        given = dataset(root, TEXTS)
        for worker in range(count):
            work(stage, {"documents": given}, root, worker=worker, workers=count)
        digests.append(commit(stage, {"documents": given}, root)["documents"].digest)
    assert digests[0] == digests[1]


def test_finished_units_are_not_done_again(root: str) -> None:
    given = dataset(root, TEXTS)
    stage = ToyStage(ToyParams())
    assert work(stage, {"documents": given}, root, worker=0, workers=2) == {"units": 4, "resumed": 0}
    with pytest.raises(ConfigurationError, match="3 of 7 units are not done"):
        commit(stage, {"documents": given}, root)
    assert work(stage, {"documents": given}, root) == {"units": 7, "resumed": 4}
    assert work(stage, {"documents": given}, root, worker=2, workers=3) == {"units": 2, "resumed": 2}


def test_other_parameters_are_other_units(root: str) -> None:
    given = dataset(root, TEXTS)
    work(ToyStage(ToyParams(min_words=1)), {"documents": given}, root)
    assert work(ToyStage(ToyParams(min_words=2)), {"documents": given}, root)["resumed"] == 0


def test_a_process_that_dies_is_replaced(root: str, tmp_path: Path) -> None:
    flag = tmp_path / "lives"
    flag.write_text("2")
    given = dataset(root, TEXTS)
    manifest = run_step(ToyStage(ToyParams(kill_flag=str(flag))), {"documents": given}, root)["documents"]
    assert flag.read_text() == "0"
    assert manifest.counts.failed == {}
    assert manifest.counts.rows_in == 140


def test_a_shard_whose_process_always_dies_fails_alone(root: str, tmp_path: Path) -> None:
    flag = tmp_path / "lives"
    flag.write_text("99")
    given = dataset(root, TEXTS)
    manifest = run_step(ToyStage(ToyParams(kill_flag=str(flag))), {"documents": given}, root)["documents"]
    assert manifest.counts.failed == {SHARD_FAILED: 20}
    assert manifest.counts.rows_in == 140


def test_a_stage_that_loses_rows_is_refused(root: str) -> None:
    given = dataset(root, TEXTS)
    with pytest.raises(ConservationError, match="1 unaccounted for"):
        run_step(ToyStage(ToyParams(lose_rows=True)), {"documents": given}, root)


def test_a_stage_that_always_raises_stops_the_run(root: str) -> None:
    given = dataset(root, TEXTS)
    with pytest.raises(BudgetExceeded, match=SHARD_FAILED):
        run_step(ToyStage(ToyParams(raise_always=True)), {"documents": given}, root)
    few = dataset(root, [["a b c d"]])
    with pytest.raises(BudgetExceeded, match="a defect in the stage"):
        run_step(ToyStage(ToyParams(raise_always=True)), {"documents": few}, root)


def test_failure_budget_stops_the_run(root: str) -> None:
    given = dataset(root, TEXTS)
    stage = ToyStage(ToyParams(fail_word="number"))
    with pytest.raises(BudgetExceeded, match=r"failed \(100%\).*unreadable"):
        run_step(stage, {"documents": given}, root, RunParams(max_failed_share=0.5))


def test_wrong_schema_is_refused_before_the_run(root: str) -> None:
    given = dataset(root, TEXTS)
    wrong = given.model_copy(update={"schema_name": "images/1"})
    with pytest.raises(ConfigurationError, match=r"toy reads documents/1.*step 'given' wrote images/1"):
        work(ToyStage(ToyParams()), {"documents": wrong}, root)


def test_retry_redoes_only_the_asked_records(root: str) -> None:
    given = dataset(root, [["good text here", "bad text here"], ["more good text"]])
    stage = ToyStage(ToyParams(fail_word="bad"))
    first = run_step(stage, {"documents": given}, root)["documents"]
    assert first.counts.failed == {"unreadable": 1}
    store = open_store(root)
    unit = StepPlan(stage, {"documents": given}).units[0]
    request_retry(store, "toy", {unit.fingerprint: ["000-001"]})

    class Mended(ToyStage):
        def run(self, unit, out):  # type: ignore[no-untyped-def]
            assert unit.tables["documents"].num_rows == 1
            out.keep("documents", unit.tables["documents"])

    second = run_step(Mended(ToyParams(fail_word="bad")), {"documents": given}, root)["documents"]
    assert second.counts.failed == {}
    assert second.counts.rows_in == 3
    assert second.counts.kept == 3
    assert second.ledger == []
    assert second.digest != first.digest


def test_retries_that_pile_up_keep_a_record_once(root: str) -> None:
    """Two requests for the same record, made before the pipeline ran again."""
    given = dataset(root, [["good text here", "bad text here"], ["more good text"]])
    stage = ToyStage(ToyParams(fail_word="bad"))
    run_step(stage, {"documents": given}, root)
    store, unit = open_store(root), StepPlan(stage, {"documents": given}).units[0]
    for _ in range(2):
        request_retry(store, "toy", {unit.fingerprint: ["000-001"]})

    class Mended(ToyStage):
        def run(self, unit, out):  # type: ignore[no-untyped-def]
            out.keep("documents", unit.tables["documents"])

    manifest = run_step(Mended(ToyParams(fail_word="bad")), {"documents": given}, root)["documents"]
    assert (manifest.counts.rows_in, manifest.counts.kept, manifest.rows) == (3, 3, 3)
    request_retry(store, "toy", {unit.fingerprint: ["000-001", "000-000"]})
    again = run_step(Mended(ToyParams(fail_word="bad")), {"documents": given}, root)["documents"]
    assert (again.digest, again.counts) == (manifest.digest, manifest.counts)


class Raises(ToyStage):
    def run(self, unit, out):  # type: ignore[no-untyped-def]
        raise ValueError("still broken")


class Dies(ToyStage):
    def run(self, unit, out):  # type: ignore[no-untyped-def]
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("stage", [Raises, Dies])
def test_a_retry_that_fails_again_touches_just_what_was_asked(root: str, stage: type[ToyStage]) -> None:
    given = dataset(root, [["good text here", "bad text here", "also bad here"], ["more good text"]])
    first = ToyStage(ToyParams(fail_word="bad"))
    run_step(first, {"documents": given}, root)
    store, unit = open_store(root), StepPlan(first, {"documents": given}).units[0]
    request_retry(store, "toy", {unit.fingerprint: ["000-001"]})
    counts = run_step(stage(ToyParams(fail_word="bad")), {"documents": given}, root)["documents"].counts
    assert counts.failed == {"unreadable": 1, SHARD_FAILED: 1}
    assert (counts.rows_in, counts.kept) == (4, 2)


class ReleaseStage(ToyStage):
    """A stage whose folder people read by listing it."""

    exclusive = True


def test_an_exclusive_step_leaves_nothing_of_other_parameters(root: str) -> None:
    given = dataset(root, TEXTS)
    for min_words in (1, 5, 3):
        manifest = run_step(ReleaseStage(ToyParams(min_words=min_words)), {"documents": given}, root)[
            "documents"
        ]
        store = open_store(root)
        there = [key for key, _ in store.list("toy/documents/") if key.endswith(".parquet")]
        assert sorted(there) == sorted(shard.path for shard in manifest.shards)
        assert len(list(store.list("toy/done/"))) == len(TEXTS)
    assert sum(read(store, shard).num_rows for shard in manifest.shards) == manifest.rows
