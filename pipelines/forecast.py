"""From a pilot's figures to those of the whole run on a stated cluster, with intervals.

Every figure is drawn `DRAWS` times: the units of each step are resampled with replacement (a cluster
bootstrap, so that units that differ widen the interval), and the draws run down the DAG together. The
interval is that of the middle 90 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.cluster import Cluster
from pipelines.pilot import Pilot, StepUse

DRAWS: Final = 1000
_QUANTILES: Final = (5, 50, 95)
_GIB: Final = 1 << 30
_PARTITION_BYTES: Final = 256 << 20
"""Bytes of a shuffle that one partition should hold, compressed: some times as much in memory."""
_READS_OF_A_GROUP: Final = 3
"""Requests that reading one row group of a Parquet file takes: its size, its footer, the group."""
_READS_OF_A_FILE: Final = 1

Draws = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Range:
    """A figure: 5th, 50th and 95th percentile of its draws."""

    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, draws: Draws) -> Range:
        """The range of some draws."""
        low, middle, high = np.percentile(draws, _QUANTILES)
        return cls(float(low), float(middle), float(high))


@dataclass(frozen=True, slots=True)
class StepForecast:
    """One step of the whole run.

    Attributes:
        rows_in, kept: records.
        cpu_hours: processor hours on the pilot's machine.
        hours: on the cluster, start of pods included.
        written_gib: everything the step writes.
        memory_gib: of one process, as the pilot saw it.
        units: units of work.
        writes, reads: requests to the object store.
        shuffle_gib: bytes that change partition.
    """

    name: str
    rows_in: Range
    kept: Range
    cpu_hours: Range
    hours: Range
    written_gib: Range
    memory_gib: float
    units: int
    writes: float
    reads: float
    shuffle_gib: Range


@dataclass(frozen=True, slots=True)
class Forecast:
    """The whole run.

    Attributes:
        scale: whole input over the pilot's sample.
        input_gib: bytes of input.
        processes: processes a node can run at once within its memory.
        partitions: the run.partitions that keeps a partition of the largest shuffle near 256 MiB.
        tasks: nodes of the DAG with one worker a step; each further worker adds one for each loop.
        notes: what the reader must know of these figures.
    """

    scale: float
    input_gib: float
    steps: list[StepForecast]
    documents: Range
    words: Range
    tokens: Range
    images: Range
    cpu_hours: Range
    hours: Range
    storage_gib: Range
    release_gib: Range
    egress_gib: Range
    writes: float
    reads: float
    cost: Range
    cost_parts: dict[str, Range]
    processes: int
    partitions: int
    largest_shuffle: tuple[str, Range]
    tasks: int
    currency: str
    notes: list[str] = field(default_factory=list)


def _resampled(use: StepUse, rng: np.random.Generator) -> tuple[Draws, Draws, Draws, Draws]:
    """Draws of: records a unit, share kept, busy seconds a record, bytes written a record."""
    units = [unit for unit in use.units if unit.rows_in] or use.units
    if not units:
        zero = np.zeros(DRAWS)
        return zero, zero, zero, zero
    rows, kept, busy, written = (
        np.array(column, np.float64)
        for column in zip(
            *(
                # a step that waits (for the network) holds its process for as long as it waits
                (u.rows_in, u.kept, u.seconds if u.seconds > 2 * u.cpu_seconds else u.cpu_seconds, u.written)
                for u in units
            ),
            strict=True,
        )
    )
    picks = rng.integers(0, len(units), (DRAWS, len(units)))
    total = np.maximum(rows[picks].sum(1), 1.0)
    return (
        total / len(units),
        kept[picks].sum(1) / total,
        busy[picks].sum(1) / total,
        written[picks].sum(1) / total,
    )


def _removed(use: StepUse, share: Draws, scale: float, rng: np.random.Generator) -> Draws:
    """The share of its records that a dedup step removes from all input, from what it removed in the pilot.

    Copies are found in proportion to how much is seen. Between half of the sample and all of it the odds
    of being removed grew by 2^b: b is 0 where copies lie close together, 1 where they are spread evenly.
    The draws take any b from 0 to twice the measured one, at most 1, and carry the odds on to all input.

    Args:
        share: draws of the share kept in the pilot.
        scale: all input over the sample.
    """
    removed = 1 - share
    if use.half_share is None or use.kept >= use.rows_in:
        return removed
    before = 1 - use.half_share
    now = 1 - use.kept / use.rows_in
    slope = 1.0
    if 0 < before < 1 and now < 1:
        slope = min(max(math.log2((now / (1 - now)) / (before / (1 - before))), 0.0), 1.0)
    grown = max(scale, 1.0) ** rng.uniform(0, min(1.0, 2 * slope), DRAWS)
    odds: Draws = removed / np.maximum(1 - removed, 1e-9) * grown
    return np.where(removed < 1, odds / (1 + odds), removed)


def forecast(
    pilot: Pilot, cluster: Cluster, *, tokens: float | None = None, tokens_per_word: float = 1.33
) -> Forecast:
    """What the whole run takes.

    Args:
        tokens: scale to an input that releases so many tokens, instead of the input that was named.
        tokens_per_word: how many tokens a word is; 1.33 is usual for English and byte-pair encodings.
    """
    scale = 1 / pilot.share
    if tokens is not None:
        for _ in range(6):
            found = _forecast(pilot, cluster, scale, tokens_per_word)
            scale *= tokens / max(found.tokens.middle, 1.0)
    return _forecast(pilot, cluster, scale, tokens_per_word)


def _forecast(pilot: Pilot, cluster: Cluster, scale: float, tokens_per_word: float) -> Forecast:
    rng = np.random.default_rng(20240611)  # the same pilot gives the same forecast
    by_name = {use.step.name: use for use in pilot.steps}
    kept: dict[str, Draws] = {"sources": np.full(DRAWS, float(pilot.units) * scale)}
    pilot_kept = {"sources": float(pilot.units)}
    source_units = max(pilot.units * scale, 1.0)
    notes: list[str] = []
    shuffle = {use.step.name: use.shuffled * scale for use in pilot.steps}
    largest = max(shuffle, key=lambda name: shuffle[name]) if shuffle else ""
    partitions = max(pilot.partitions, math.ceil(shuffle.get(largest, 0) / _PARTITION_BYTES))
    peak = max((use.peak_bytes for use in pilot.steps), default=0)
    processes = cluster.cores
    if peak:
        processes = max(1, min(cluster.cores, int(cluster.memory_gib * _GIB / peak)))
    if processes < cluster.cores:
        notes.append(
            f"A process took up to {peak / _GIB:.2g} GiB, so that {processes} of the {cluster.cores} cores "
            f"of a node can work at once in {cluster.memory_gib:g} GiB."
        )
    at_once = cluster.nodes * processes
    rate = cluster.core_speed * cluster.efficiency
    steps: list[StepForecast] = []
    totals = {name: np.zeros(DRAWS) for name in ("cpu", "hours", "bytes")}
    writes = reads = 0.0
    for use in pilot.steps:
        rows_a_unit, share, seconds, written = _resampled(use, rng)
        above = sum((kept[name] for name in use.upstream if name in kept), np.zeros(DRAWS))
        before = sum(pilot_kept.get(name, 0.0) for name in use.upstream)
        sourced = use.upstream == ["fetch"] or "sources" in use.upstream or "fetch_pdfs" in use.upstream
        if sourced:  # records of a unit of input: resampling its units is what makes the rest uncertain
            rows = rows_a_unit * source_units * (len(use.units) / max(pilot.units, 1))
        else:
            rows = above * (use.rows_in / before if before else 0.0)
        if use.step.family == "dedup" and use.conserves:
            share = 1 - _removed(use, share, scale, rng)
        kept[use.step.name] = rows * share
        pilot_kept[use.step.name] = float(use.kept)
        busy = rows * seconds / 3600
        units = _units(use, source_units, pilot.units, partitions)
        hours = busy / (min(at_once, max(units, 1)) * rate) + 2 * cluster.pod_start_s / 3600
        gib = rows * written / _GIB
        step_writes, step_reads = _requests(use, by_name, units, source_units, pilot.units, partitions)
        writes += step_writes
        reads += step_reads
        for name, draws in (("cpu", busy), ("hours", hours), ("bytes", gib)):
            totals[name] = totals[name] + draws
        steps.append(
            StepForecast(
                name=use.step.name,
                rows_in=Range.of(rows),
                kept=Range.of(kept[use.step.name]),
                cpu_hours=Range.of(busy),
                hours=Range.of(hours),
                written_gib=Range.of(gib),
                memory_gib=use.peak_bytes / _GIB,
                units=units,
                writes=step_writes,
                reads=step_reads,
                shuffle_gib=Range.of(gib * (use.shuffled / use.written if use.written else 0.0)),
            )
        )
    released = kept["export"]
    per = released / max(pilot_kept["export"], 1.0)
    words = per * pilot.counters.get("words", 0.0)
    release = per * pilot.release_bytes / _GIB
    egress = release * cluster.release_copies_out
    parts = {
        "nodes": totals["hours"] * cluster.nodes * cluster.price_per_node_hour,
        "storage": totals["bytes"] * cluster.price_per_gib_month * cluster.months_stored,
        "requests": np.full(
            DRAWS,
            writes / 1000 * cluster.price_per_1000_writes + reads / 1000 * cluster.price_per_1000_reads,
        ),
        "egress": egress * cluster.price_per_gib_egress,
    }
    if partitions > pilot.partitions:
        notes.append(
            f"Set run.partitions={partitions}: a partition of {largest}, the largest shuffle, then holds "
            "about 256 MiB of compressed rows."
        )
    if any(use.step.family == "dedup" and use.conserves for use in pilot.steps):
        notes.append(
            "How much deduplication removes grows with the input. Its range follows from what it removed on "
            "half of the sample and on all of it, and is the least certain figure here: a larger --units "
            "narrows it."
        )
    if cluster.price_per_node_hour == 0:
        notes.append("The cluster file states no price of a node: the cost leaves it out.")
    shuffled = next((s.shuffle_gib for s in steps if s.name == largest), Range(0, 0, 0))
    return Forecast(
        scale=scale,
        input_gib=pilot.total_bytes * pilot.share * scale / _GIB,
        steps=steps,
        documents=Range.of(released),
        words=Range.of(words),
        tokens=Range.of(words * tokens_per_word),
        images=Range.of(per * pilot.counters.get("images", 0.0)),
        cpu_hours=Range.of(totals["cpu"]),
        hours=Range.of(totals["hours"]),
        storage_gib=Range.of(totals["bytes"]),
        release_gib=Range.of(release),
        egress_gib=Range.of(egress),
        writes=writes,
        reads=reads,
        cost=Range.of(sum(parts.values(), np.zeros(DRAWS))),
        cost_parts={name: Range.of(draws) for name, draws in parts.items()},
        processes=processes,
        partitions=partitions,
        largest_shuffle=(largest, shuffled),
        tasks=pilot.tasks,
        currency=cluster.currency,
        notes=notes,
    )


def _units(use: StepUse, source_units: float, sampled: int, partitions: int) -> int:
    """Units of a step in the whole run."""
    if use.grouping == "partition":
        return partitions
    if use.grouping in ("all", "span"):
        return len(use.units)
    return round(len(use.units) * source_units / max(sampled, 1))


def _requests(
    use: StepUse, steps: dict[str, StepUse], units: int, source_units: float, sampled: int, partitions: int
) -> tuple[float, float]:
    """Writes and reads of a step: its own files, and every file of which it reads a partition."""
    upstream = [
        _units(steps[name], source_units, sampled, partitions) for name in use.upstream if name in steps
    ]
    files = max(upstream, default=units)
    whole = files if use.grouping in ("all", "span") else units * use.whole_ports
    groups = units * files * use.partition_ports
    return units * use.objects, whole * _READS_OF_A_FILE + groups * _READS_OF_A_GROUP
