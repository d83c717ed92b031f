"""Run a step: `work` as worker i of n, then `commit` once all workers are done.

Nothing but the store is shared between workers. A unit is done when its marker exists; whoever finds
it done leaves it alone, so that a killed run goes on where it stopped, with any number of workers.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from multiprocessing.util import Finalize
from typing import Any, Final

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from components.core import schemas, shards
from components.core.budget import BudgetGuard
from components.core.errors import BudgetExceeded, ConfigurationError, KalemintError
from components.core.execute import SHARD_FAILED, ConservationError, Marker, Redo, UnitRunner
from components.core.manifest import MANIFEST, Counts, Manifest, Partitioning, Shard, load, manifest_key
from components.core.plan import StepPlan, UnitPlan
from components.core.pool import Draining, Pool, drain_on_sigterm
from components.core.progress import Progress, emit
from components.core.stage import PARTITIONS, Stage, code_version
from components.core.store import Store, open_store

LEDGER_LINES: Final = 100_000
"""Lines in one ledger file of a dataset that is published from this process."""
WRITERS: Final = 16
"""Files of such a dataset that are written at the same time."""
DRAINED_EXIT: Final = 143
"""Exit status after SIGTERM, as a shell reports it."""


class RunParams(BaseModel):
    """How a run is executed. Nothing here changes what is released."""

    model_config = ConfigDict(extra="forbid")

    processes: int = Field(default=0, ge=0, le=1024, description="processes a worker uses; 0: one a core")
    partitions: int = Field(
        default=PARTITIONS,
        ge=1,
        le=100_000,
        description="Buckets that a join's rows are spread over (addresses, image ids, dedup keys), each "
        "worked on by itself: one should fit in a process's memory. A change makes these steps run again",
    )
    max_failed_share: float = Field(
        default=0.2, ge=0, le=1, description="share of failed records above which the run stops itself"
    )
    min_records: int = Field(
        default=100, ge=1, description="records seen before the share of failures can stop the run"
    )
    max_cpu_hours: float | None = Field(
        default=None,
        gt=0,
        description="processor hours of all steps together above which the run stops itself; none: no limit. "
        "`kalemint plan` forecasts them",
    )
    max_storage_gib: float | None = Field(
        default=None,
        gt=0,
        description="GiB written by all steps together above which the run stops itself; none: no limit",
    )


class DrainedError(KalemintError):
    """The worker was asked to stop and has stopped cleanly; the same command goes on from here."""


_runner: UnitRunner | None = None


def _open_runner(plan: StepPlan, root: str) -> None:
    global _runner  # noqa: PLW0603 - one per child process, set once by the pool's initializer
    _runner = UnitRunner(plan, root, open_store(root))
    # a child of multiprocessing runs finalizers, not atexit, and joins its own children after them
    Finalize(None, plan.stage.close, exitpriority=10)


Task = tuple[UnitPlan, list[Redo | None]]
"""A unit and its generations that are to be done, in order: the first run, then retries."""


def _run_unit(task: Task) -> Marker:
    assert _runner is not None
    unit, generations = task
    return [_runner.run(unit, redo) for redo in generations][-1]


def _redo_key(step: str, generation: int) -> str:
    return f"{step}/retry/{generation}.json"


def _requests(store: Store, step: str) -> dict[str, list[Redo]]:
    """Retry requests of a step: fingerprint → generations asked for, in order."""
    found: dict[str, list[Redo]] = {}
    for key, _ in store.list(f"{step}/retry/"):
        generation = int(key.rpartition("/")[2].removesuffix(".json"))
        for fingerprint, ids in json.loads(store.get(key)).items():
            redo = Redo(generation, None if ids is None else frozenset(ids))
            found.setdefault(fingerprint, []).append(redo)
    for redos in found.values():
        redos.sort(key=lambda r: r.generation)
    return found


def request_retry(store: Store, step: str, wanted: dict[str, list[str] | None]) -> None:
    """Ask for records of finished units to be done again by the next run.

    Args:
        wanted: unit fingerprint → record ids, or None for the whole unit.
    """
    generation = 1 + sum(1 for _ in store.list(f"{step}/retry/"))
    store.put(_redo_key(step, generation), json.dumps(wanted, sort_keys=True).encode())


def _chain(unit: UnitPlan, requests: dict[str, list[Redo]]) -> list[Redo | None]:
    """The generations of a unit in order: the first run, then the retries, numbered without gaps."""
    redos = requests.get(unit.fingerprint, [])
    return [None, *(Redo(number, redo.ids) for number, redo in enumerate(redos, start=1))]


def _markers(store: Store, step: str) -> set[str]:
    return {key.rpartition("/")[2] for key, _ in store.list(f"{step}/done/")}


def _over_budget(counts: Counts, params: RunParams, normal: float | None = None) -> str | None:
    """The sentence that stops a run, or None. `normal`: the stage's own limit, where it has one."""
    allowed = params.max_failed_share if normal is None else normal
    if counts.rows_in < params.min_records:
        return None
    share = counts.total_failed / counts.rows_in
    if share <= allowed:
        return None
    reason, number = max(counts.failed.items(), key=lambda pair: pair[1])
    return (
        f"{counts.total_failed} of {counts.rows_in} records failed ({share:.0%}), more than the allowed "
        f"{allowed:.0%}; {number} of them for {reason!r}. The files in this "
        "step's ledger/ folder name them; run.max_failed_share is the limit."
    )


def work(
    stage: Stage[Any],
    inputs: dict[str, Manifest],
    root: str,
    *,
    worker: int = 0,
    workers: int = 1,
    params: RunParams | None = None,
) -> dict[str, int]:
    """Do this worker's share of a step: units `worker`, `worker + workers`, …

    Args:
        inputs: port → dataset.
        root: URI of the run's output.

    Returns:
        units of this worker, and how many of them were found done.

    Raises:
        ConfigurationError: where the run can't succeed as it is.
        BudgetExceeded: where too many records failed.
        DrainedError: after SIGTERM.
    """
    if not 0 <= worker < workers:
        raise ConfigurationError(f"worker {worker} of {workers}: the number must be below the count.")
    params = params or RunParams()
    plan = StepPlan(stage, inputs)
    store = open_store(root)
    requests, done = _requests(store, stage.name), _markers(store, stage.name)
    mine = plan.units[worker::workers]
    tasks: list[Task] = []
    for unit in mine:
        missing = [
            redo
            for number, redo in enumerate(_chain(unit, requests))
            if f"{unit.name}.{number}.json" not in done
        ]
        if missing:
            tasks.append((unit, missing))
    progress = Progress(stage.name, worker, len(mine), len(mine) - len(tasks))
    seen = Counts()
    guard = BudgetGuard(plan, store, params, len(tasks))
    _work_pool(plan, root, tasks, params, progress, seen, guard)
    return {"units": len(mine), "resumed": len(mine) - len(tasks)}


def _work_pool(
    plan: StepPlan,
    root: str,
    tasks: Sequence[Task],
    params: RunParams,
    progress: Progress,
    seen: Counts,
    guard: BudgetGuard,
) -> None:
    if not tasks:
        return
    for module in plan.stage.imports:  # here, and not in every child for itself
        importlib.import_module(module)
    wanted = params.processes or len(os.sched_getaffinity(0))
    processes = min(wanted, plan.stage.max_processes or wanted, len(tasks))

    def give_up(task: Task) -> Marker:
        unit, generations = task
        emit("shard_error", step=plan.stage.name, unit=unit.name, line=f"{unit.name}: its process died")
        runner, detail = UnitRunner(plan, root, open_store(root)), "the process died on every attempt"
        return [runner.fail(unit, redo, detail) for redo in generations][-1]

    pool: Pool[Task, Marker] = Pool(
        _run_unit,
        processes=processes,
        initializer=_open_runner,
        arguments=(plan, root),
        on_death=give_up,
    )
    with drain_on_sigterm() as drain:
        try:
            for marker in pool.map(tasks, drain):
                seen.add(marker.counts)
                progress.unit(marker.counts.rows_in, marker.counts.total_failed)
                if sentence := _over_budget(seen, params, plan.stage.max_failed_share):
                    raise BudgetExceeded(f"{plan.stage.name}: {sentence}")
                if sentence := guard.exceeded(marker):
                    raise BudgetExceeded(f"{plan.stage.name}: {sentence}")
        except Draining:
            raise DrainedError(
                f"{plan.stage.name}: stopped on request with {progress.done} of {progress.total} units done; "
                "run the same command again to go on."
            ) from None


def commit(
    stage: Stage[Any], inputs: dict[str, Manifest], root: str, params: RunParams | None = None
) -> dict[str, Manifest]:
    """Publish a step whose units are all done: check that it adds up, then write its manifests.

    Raises:
        ConfigurationError: where units are missing, naming how many.
        BudgetExceeded: where too many records failed over all workers.
    """
    plan, store = StepPlan(stage, inputs), open_store(root)
    requests = _requests(store, stage.name)
    runner = UnitRunner(plan, root, store)
    markers: list[Marker] = []
    for unit in plan.units:
        marker = runner.marker(unit, len(_chain(unit, requests)) - 1)
        if marker is not None:
            markers.append(marker)
    if len(markers) < len(plan.units):
        raise ConfigurationError(
            f"{stage.name}: {len(plan.units) - len(markers)} of {len(plan.units)} units are not done; "
            "run its workers again before committing."
        )
    counts = Counts(conserves=stage.conserves)
    for marker in markers:
        counts.add(marker.counts)
    params = params or RunParams()
    sentence = _over_budget(counts, params, stage.max_failed_share)
    if counts.failed.get(SHARD_FAILED) and not counts.kept:
        sentence = f"every shard failed; the first: {_first_failure(store, markers)}"
    if sentence:
        raise BudgetExceeded(f"{stage.name}: {sentence}")
    manifests = _manifests(plan, root, markers, counts)
    for port, manifest in manifests.items():
        store.put(manifest_key(stage.name, port), manifest.to_json())
    if stage.exclusive:
        _remove_superseded(store, plan, manifests)
    if stage.enabled:
        _tell_committed(stage.name, counts)
    else:
        emit(
            "committed",
            step=stage.name,
            line=f"{stage.name}: skipped: {stage.skipped}",
            skipped=stage.skipped,
            **counts.model_dump(exclude={"counters", "changed"}),
        )
    return manifests


def _remove_superseded(store: Store, plan: StepPlan, manifests: dict[str, Manifest]) -> None:
    """Remove what runs with other inputs or parameters left in a step's folder.

    Markers go first: without one a unit is simply done again, with one but no files it would be lost.
    """
    step = plan.stage.name
    planned = {unit.name for unit in plan.units}
    for key, _ in list(store.list(f"{step}/done/")):
        if key.rpartition("/")[2].partition(".")[0] not in planned:
            store.delete(key)
    current = {shard.path for m in manifests.values() for shard in (*m.shards, *m.ledger, *m.files)}
    for folder in (*plan.stage.produces, "ledger", "files"):
        for key, _ in list(store.list(f"{step}/{folder}/")):
            if key not in current and not key.endswith(f"/{MANIFEST}"):
                store.delete(key)


def _tell_committed(step: str, counts: Counts) -> None:
    if counts.conserves:
        said = [f"{counts.kept} kept", f"{counts.total_dropped} dropped", f"{counts.total_failed} failed"]
    else:
        said = [f"{counts.kept} derived"]
    summary = ", ".join([f"{counts.rows_in} in", *said])
    emit(
        "committed",
        step=step,
        line=f"{step}: {summary}",
        **counts.model_dump(exclude={"counters", "changed"}),
    )


def _first_failure(store: Store, markers: Sequence[Marker]) -> str:
    for marker in markers:
        if marker.ledger is not None:
            for line in shards.read(store, marker.ledger).to_pylist():
                if line["reason"] == SHARD_FAILED:
                    return str(line["detail"])
    return "unknown"


def _manifests(plan: StepPlan, root: str, markers: Sequence[Marker], counts: Counts) -> dict[str, Manifest]:
    stage = plan.stage
    ledger = [m.ledger for m in markers if m.ledger is not None]
    files: list[Shard] = [f for m in markers for f in m.files]
    manifests: dict[str, Manifest] = {}
    for port, schema in stage.produces.items():
        partitioning = None
        if port in stage.partitioned:
            partitioning = Partitioning(
                column=stage.partitioned[port], partitions=plan.partitions, layout="row_groups"
            )
        elif port in stage.sorted_by:
            partitioning = Partitioning(
                column=stage.sorted_by[port], partitions=plan.partitions, layout="shards"
            )
        manifests[port] = Manifest(
            step=stage.name,
            port=port,
            family=type(stage).__module__.split(".")[1],
            location=root,
            schema=schema,
            shards=[m.ports[port] for m in markers],
            partitioning=partitioning,
            parents={
                name if not manifest.parts else f"{name}[{number}]": digest
                for name, manifest in plan.inputs.items()
                for number, digest in enumerate(manifest.lineage)
            },
            stage_version=stage.version,
            code_version=code_version(),
            params=stage.params.model_dump(mode="json"),
            counts=counts,
            ledger=ledger,
            files=files,
            seconds=round(sum(m.seconds for m in markers), 3),
            cpu_seconds=round(sum(m.cpu_seconds for m in markers), 3),
            peak_bytes=max((m.peak_bytes for m in markers), default=0),
            skipped="" if stage.enabled else stage.skipped,
        )
    return manifests


def publish(
    step: str,
    port: str,
    schema: str,
    tables: Iterable[pa.Table],
    ledger: Iterable[dict[str, Any]],
    counts: Counts,
    root: str,
    *,
    params: dict[str, Any],
    family: str = "",
    run: RunParams | None = None,
    parents: dict[str, str] | None = None,
    files: Sequence[Shard] = (),
    tell: bool = True,
) -> Manifest:
    """Commit a dataset that was made in this process: a first step's, or that of a step without units.

    Args:
        tables: one shard each; written as they come, so that they need not all be in memory.
        ledger: lines, likewise.
        parents: input port → digest of the dataset read.
        files: what lies in the run's output beside the shards and belongs to the dataset.
        tell: whether to report the step as committed; a step with several such datasets does it itself.

    Raises:
        ConservationError: where the counts don't add up.
        BudgetExceeded: where too many records failed.
    """
    if lost := counts.imbalance():
        raise ConservationError(f"{step} does not add up: {lost} rows unaccounted for.")
    if sentence := _over_budget(counts, run or RunParams()):
        raise BudgetExceeded(f"{step}: {sentence}")
    store = open_store(root)

    def write(folder: str, number: int, table: pa.Table, name: str) -> Shard:
        data, _ = shards.encode(table, name)
        path = f"{step}/{folder}/{number:06d}-{hashlib.sha256(data).hexdigest()[:16]}.parquet"
        store.put(path, data)
        return shards.describe(path, data, table.num_rows)

    def written() -> Iterator[Shard]:
        # an object store takes its time for each file, and there may be 100,000 of them
        pending: deque[Future[Shard]] = deque()
        with ThreadPoolExecutor(WRITERS) as pool:
            for number, table in enumerate(tables):
                checked = shards.conform([table], schema, f"step {step!r}")
                pending.append(pool.submit(write, port, number, checked, schema))
                if len(pending) > 2 * WRITERS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    made = list(written())
    lines = iter(ledger)
    told: list[Shard] = []
    while batch := list(islice(lines, LEDGER_LINES)):
        table = pa.Table.from_pylist(batch, schema=schemas.get("ledger/1"))
        told.append(write("ledger", len(told), table, "ledger/1"))
    manifest = Manifest(
        step=step,
        port=port,
        family=family,
        location=root,
        schema=schema,
        shards=made,
        parents=parents or {},
        stage_version="1",
        code_version=code_version(),
        params=params,
        counts=counts,
        ledger=told,
        files=list(files),
    )
    store.put(manifest_key(step, port), manifest.to_json())
    if tell:
        _tell_committed(step, counts)
    return manifest


def run_step(
    stage: Stage[Any], inputs: dict[str, Manifest], root: str, params: RunParams | None = None
) -> dict[str, Manifest]:
    """Work and commit in one process: for tests, benchmarks and small steps."""
    work(stage, inputs, root, params=params)
    return commit(stage, inputs, root, params)


def load_manifest(store: Store, step: str, port: str) -> Manifest:
    """The manifest of a step's output port.

    Raises:
        ConfigurationError: where the step has not been committed.
    """
    key = manifest_key(step, port)
    try:
        return load(store.get(key), store.uri(key))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{store.root} has no dataset {step}/{port}: that step has not run there, or not to its end."
        ) from None
