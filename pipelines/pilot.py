"""Run a pipeline on a sample of its input, twice as much the second time, and measure every step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.core import shards
from components.core.errors import ConfigurationError
from components.core.execute import Marker
from components.core.manifest import Manifest
from components.core.store import Store, open_store
from pipelines.chain import Datasets, list_sources, run_chain, stage_of
from pipelines.steps import PIPELINES, Step

URL_BYTES = 100_000
"""What a web address that is not fetched yet counts as, in bytes, when units are weighed."""


@dataclass(slots=True)
class UnitUse:
    """One finished unit: records in and kept, seconds on the clock and of processor, bytes written."""

    rows_in: int
    kept: int
    seconds: float
    cpu_seconds: float
    written: int


@dataclass(slots=True)
class StepUse:
    """A step of the pilot.

    Attributes:
        upstream: steps whose kept records its records come from.
        units: its finished units.
        grouping: what one unit is (see `components.core.stage.Grouping`).
        ports: bytes written by output port.
        shuffled: bytes of the outputs that are spread over partitions.
        objects: files written per unit, the marker included.
        sorted: its output is a file a partition, rather than a row group a partition in every file.
        ports: how its units read each input port (`own`: a file each; `partition`; or a side of
            `components.core.stage.Side`), and the steps whose outputs are read.
        half_share: share of its records that it kept on half of the sample; None where it was not run.
        half_units: finished units of the run on half of the sample.
        spans: of a `span` step, how many units its parameters ask for.
    """

    step: Step
    grouping: str
    conserves: bool
    upstream: list[str]
    units: list[UnitUse]
    peak_bytes: int
    shuffled: int
    written: int
    objects: float
    sorted: bool
    ports: list[tuple[str, list[str]]]
    dropped: dict[str, int] = field(default_factory=dict)
    half_share: float | None = None
    half_units: list[UnitUse] = field(default_factory=list)
    spans: int = 1

    @property
    def rows_in(self) -> int:
        """Records of all units."""
        return sum(unit.rows_in for unit in self.units)

    @property
    def kept(self) -> int:
        """Records kept in all units."""
        return sum(unit.kept for unit in self.units)


@dataclass(slots=True)
class Pilot:
    """What a pilot measured.

    Attributes:
        share: sample over all input, by bytes.
        total_bytes: all input.
        units: source units in the sample, of `all_units`.
        counters: of the release: words, images and so on, of the sample.
        release_bytes: bytes of the sample's release.
        partitions, unit_bytes: the pilot's run.partitions and crawl.sources.shard_bytes.
        tasks: nodes of the DAG with one worker a step.
    """

    share: float
    total_bytes: int
    units: int
    all_units: int
    steps: list[StepUse]
    counters: dict[str, float]
    release_bytes: int
    partitions: int
    unit_bytes: int
    tasks: int


def _weights(store: Store, sources: Manifest) -> list[int]:
    """Bytes of input of every unit."""
    weights = []
    for shard in sources.shards:
        table = shards.read(store, shard, ["start", "stop", "bytes", "kind"])
        rows = table.to_pylist()
        weights.append(
            sum(row["stop"] - row["start"] if row["stop"] > row["start"] else URL_BYTES for row in rows)
        )
    return weights


def _sample(sources: Manifest, units: int) -> list[int]:
    """Numbers of the sampled units: spread evenly over the input, within each stretch chosen by hash."""
    count = len(sources.shards)
    if units >= count:
        return list(range(count))
    chosen = []
    for stretch in range(units):
        first, last = count * stretch // units, count * (stretch + 1) // units
        chosen.append(
            min(
                range(first, last),
                key=lambda number: hashlib.sha256(sources.shards[number].sha256.encode()).digest(),
            )
        )
    return chosen


def _markers(store: Store, step: str) -> list[Marker]:
    keys = [key for key, _ in store.list(f"{step}/done/")]
    return [Marker.model_validate_json(store.get(key)) for key in keys]


def _units(store: Store, step: str) -> list[UnitUse]:
    units = []
    for marker in _markers(store, step):
        files = [*marker.ports.values(), *marker.files, *([marker.ledger] if marker.ledger else [])]
        written = sum(file.bytes for file in files)
        counts = marker.counts
        units.append(UnitUse(counts.rows_in, counts.kept, marker.seconds, marker.cpu_seconds, written))
    return units


def _measure(store: Store, step: Step, made: Datasets) -> StepUse:
    from components.core.task import stage_class

    assert step.stage is not None
    stage = stage_class(step.stage)
    outputs = [made[f"{step.name}.{port}"] for port in stage.produces]
    primary = next(iter(step.inputs.values()))
    own = {"shard": "own", "partition": "partition", "span": "own", "all": "all"}[stage.grouping]
    ports = [
        (stage.sides.get(port, own), [name.partition(".")[0] for name in names])
        for port, names in step.inputs.items()
    ]
    first, units = outputs[0], _units(store, step.name)
    return StepUse(
        step=step,
        grouping=stage.grouping,
        conserves=first.counts.conserves,
        upstream=[name.partition(".")[0] for name in primary],
        units=units,
        peak_bytes=first.peak_bytes,
        shuffled=sum(
            m.total_bytes for m in outputs if m.partitioning and m.partitioning.layout == "row_groups"
        ),
        written=sum(unit.written for unit in units),
        objects=len(outputs) + 1 + bool(first.ledger) + len(first.files) / max(len(first.shards), 1),
        sorted=bool(stage.sorted_by),
        ports=ports,
        dropped=dict(first.counts.dropped),
    )


def run_pilot(
    pipeline: str,
    inputs: Sequence[str],
    out: str,
    config: Mapping[str, Any],
    *,
    units: int = 8,
    on_step: Callable[[str], None] = lambda _: None,
) -> Pilot:
    """Run every step on a sample of the input units, and on half of them.

    Args:
        out: where the pilot's data go; a run's output of its own.
        units: source units in the sample, at least 2.
        on_step: told what is being done, in a few words.

    Raises:
        ConfigurationError: where there is too little input to sample.
    """
    store = open_store(out)
    on_step("listing the input")
    sources = list_sources(pipeline, inputs, out, config)
    if len(sources.shards) < 2:
        raise ConfigurationError(
            f"The input is {len(sources.shards)} unit of work: a pilot needs at least 2. Name more input, or "
            "set crawl.sources.shard_bytes lower."
        )
    weights = _weights(store, sources)
    chosen = _sample(sources, max(2, units))
    half = chosen[::2]

    def pick(numbers: Sequence[int]) -> Manifest:
        picked = [sources.shards[number] for number in numbers]
        return sources.model_copy(update={"shards": picked, "digest": f"{sources.digest}-{len(picked)}"})

    pilots: list[Datasets] = []
    for name, numbers in (("half of the sample", half), ("the sample", chosen)):
        where = out if numbers is chosen else f"{out}/half"
        given = pick(numbers)
        if numbers is not chosen:
            given = given.model_copy(
                update={
                    "shards": [s.model_copy(update={"path": f"{out}/{s.path}"}) for s in given.shards],
                    "location": where,
                }
            )
        pilots.append(
            run_chain(
                pipeline,
                given,
                where,
                config,
                on_step=lambda s, name=name: on_step(f"{s.name} on {name}"),  # type: ignore[misc]
            )
        )
    halves, made = pilots
    steps = []
    for step in PIPELINES[pipeline]:
        if step.stage is None:
            continue
        use = _measure(store, step, made)
        use.spans = stage_of(step, config).spans
        ports = [m for name, m in halves.items() if name.startswith(f"{step.name}.")]
        if ports and ports[0].counts.rows_in:
            use.half_share = ports[0].counts.kept / ports[0].counts.rows_in
            use.half_units = _units(open_store(f"{out}/half"), step.name)
        steps.append(use)
    release = made["export.release"]
    total = sum(weights)
    return Pilot(
        share=sum(weights[number] for number in chosen) / total,
        total_bytes=total,
        units=len(chosen),
        all_units=len(sources.shards),
        steps=steps,
        counters=dict(release.counts.counters),
        release_bytes=release.total_bytes + sum(file.bytes for file in release.files),
        partitions=int(config["run"]["partitions"]),
        unit_bytes=int(config["crawl"]["sources"]["shard_bytes"]),
        tasks=2 * len(steps) + 4,
    )
