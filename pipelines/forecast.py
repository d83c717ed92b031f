"""From a pilot's figures to those of the whole run on a stated cluster, with intervals.

Every figure is drawn `DRAWS` times: the units of each step are resampled with replacement (a cluster
bootstrap, so that units that differ widen the interval), and the draws run down the DAG together. The
interval is that of the middle 90 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from pipelines.cluster import Cluster
from pipelines.pilot import Pilot, StepUse

DRAWS: Final = 1000
_QUANTILES: Final = (5, 50, 95)
_GIB: Final = 1 << 30
_MEMORY_OF_A_UNIT: Final = 8
"""Memory that a larger unit takes, over the bytes it has more: 4 was measured on WARC files of pages, 6 on
images that are written."""
_MEMORY_OF_A_PARTITION: Final = 6
"""Memory that a partition takes while it is worked on, over its compressed bytes (measured on images)."""
_FIXED_SECONDS: Final = 0.25
_FIXED_BYTES: Final = 50_000
"""Most that is taken for the cost of a unit as such: reading, writing and committing its files."""
_MORE_UNITS: Final = {"bloom": "dedup.bloom.filters", "dedup_cluster": "dedup.text.cluster_spans"}
"""Steps of few units, and the parameter that makes them more."""
_LARGEST_UNIT: Final = 1 << 30
_LARGEST_SCALE: Final = 1e18
"""Above it an input is larger than all that was ever written: a search for a scale ends there."""
_UNITS_A_CORE: Final = 8
"""Units of input for each core at least, so that no core is idle for long at the end of a step."""
_READS_OF_A_GROUP: Final = 3
"""Requests that reading one row group of a Parquet file takes: its size, its footer, the group."""

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
        units: units of work in one run.
        writes, reads: requests to the object store.
        shuffle_gib: bytes that change partition, in one run.
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
        runs: how many runs of equal size the input is cut into; totals are of all of them.
        processes: processes a node can run at once within its memory.
        unit_mib, units: input of a unit, MiB, and units of input in one run.
        partitions: the run.partitions that keeps a partition of the largest shuffle in a process's memory.
        tasks: nodes of the DAG with one worker a step; each further worker adds one for each loop.
        notes: what the reader must know of these figures.
    """

    scale: float
    runs: int
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
    unit_mib: float
    units: int
    partitions: int
    largest_shuffle: tuple[str, Range]
    tasks: int
    currency: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Rates:
    """Draws of what a step's units say: share kept, and cost as so much a unit and so much a record."""

    rows_a_unit: Draws
    share: Draws
    unit_seconds: Draws
    seconds: Draws
    unit_bytes: Draws
    bytes: Draws


def _rates(use: StepUse, rng: np.random.Generator) -> _Rates:
    """Resample a step's units. Those of the half sample, and empty ones, help to tell fixed cost."""
    units = [unit for unit in use.units if unit.rows_in] or use.units
    if not units:
        zero = np.zeros(DRAWS)
        return _Rates(zero, zero, zero, zero, zero, zero)
    rows, kept = (np.array([getattr(u, name) for u in units], np.float64) for name in ("rows_in", "kept"))
    picks = rng.integers(0, len(units), (DRAWS, len(units)))
    total = np.maximum(rows[picks].sum(1), 1.0)
    more = [*use.units, *use.half_units]
    alone = use.grouping in ("all", "span")  # its units do not become more: all they cost grows
    picks_of_all = rng.integers(0, len(more), (DRAWS, len(more)))
    x = np.array([u.rows_in for u in more], np.float64)[picks_of_all]
    # a step that waits (for the network) holds its process for as long as it waits
    busy = np.array([u.seconds if u.seconds > 2 * u.cpu_seconds else u.cpu_seconds for u in more])
    written = np.array([u.written for u in more], np.float64)
    return _Rates(
        total / len(units),
        kept[picks].sum(1) / total,
        *_fixed_and_growing(x, busy[picks_of_all], 0.0 if alone else _FIXED_SECONDS),
        *_fixed_and_growing(x, written[picks_of_all], 0.0 if alone else _FIXED_BYTES),
    )


def _fixed_and_growing(x: Draws, y: Draws, most_fixed: float) -> tuple[Draws, Draws]:
    """What each unit costs and what each record adds, in every row of draws, with the same sum.

    The cheapest unit bounds what a unit costs whatever is in it (least squares would not do: units of
    few but large records, PDF files say, would pass for a fixed cost). So does `most_fixed`: where all
    units are alike they can't tell.
    """
    fixed, records = np.minimum(y.min(1), most_fixed), x.sum(1)
    growing = (y.sum(1) - y.shape[1] * fixed) / np.maximum(records, 1e-12)
    return np.where(records > 0, fixed, y.mean(1)), np.where(records > 0, growing, 0.0)


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
    pilot: Pilot,
    cluster: Cluster,
    *,
    tokens: float | None = None,
    tokens_per_word: float = 1.33,
    runs: int = 1,
) -> Forecast:
    """What the whole run takes.

    Args:
        tokens: scale to an input that releases so many tokens, instead of the input that was named.
        tokens_per_word: how many tokens a word is; 1.33 is usual for English and byte-pair encodings.
        runs: cut the input into so many runs of equal size, one after the other, each deduplicated by
            itself (MINT-1T: one a Common Crawl dump).

    Raises:
        ConfigurationError: where a release of so many tokens is asked for and the pilot released nothing.
    """
    scale = 1 / pilot.share
    if tokens is not None:
        if not pilot.counters.get("words"):
            raise ConfigurationError(
                "The pilot released no words, so that nothing says what a number of tokens takes: give it "
                "more of the input (--units), or filters that let something pass."
            )
        scale = _scale_for(
            lambda tried: (
                _Forecaster(pilot, cluster, tried / runs, runs).forecast(tokens_per_word).tokens.middle
            ),
            tokens,
            scale,
        )
    return _Forecaster(pilot, cluster, scale / runs, runs).forecast(tokens_per_word)


def _scale_for(tokens_at: Callable[[float], float], tokens: float, start: float) -> float:
    """The scale whose middle forecast is `tokens`, within 0.1 %.

    Deduplication makes the release grow more slowly than the input, by how much the pilot says: a step
    in proportion to what is missing comes nearer by too little, so that the scale is bracketed and bisected.

    Raises:
        ConfigurationError: where no input, however large, is forecast to release so much.
    """
    middle = start * tokens / max(tokens_at(start), 1.0)  # the answer, where nothing is deduplicated
    found, most, low, high = tokens_at(middle), 0.0, 0.0, 0.0
    while abs(found / tokens - 1) > 0.001 and not (low and high and high / low < 1.0001):
        most = max(most, found)
        if found < tokens:
            low, middle = middle, math.sqrt(middle * high) if high else middle * 4
        else:
            high, middle = middle, math.sqrt(low * middle) if low else middle / 4
        if middle > start * _LARGEST_SCALE:
            raise ConfigurationError(
                f"By this pilot no input releases {tokens:.3g} tokens: deduplication leaves at most about "
                f"{most:.3g}. Ask for fewer --tokens, or give the pilot more of the input (--units)."
            )
        found = tokens_at(middle)
    return middle


class _Forecaster:
    """One of `runs` equal runs, `scale` times the pilot's sample."""

    def __init__(self, pilot: Pilot, cluster: Cluster, scale: float, runs: int) -> None:
        self.pilot, self.cluster, self.scale, self.runs = pilot, cluster, scale, runs
        self.rng = np.random.default_rng(20240611)  # the same pilot gives the same forecast
        self.notes: list[str] = []
        self.input_bytes = pilot.total_bytes * pilot.share * scale
        self.unit_bytes, self.processes = self._unit_size()
        self.source_units = max(self.input_bytes / self.unit_bytes, float(min(pilot.units, 2)))
        self.partitions = self._partition_count()
        self.kept: dict[str, Draws] = {"sources": np.full(DRAWS, self.source_units)}
        self.pilot_kept = {"sources": float(pilot.units)}

    def _unit_size(self) -> tuple[float, int]:
        """Bytes of input in a unit, as large as memory and balance allow, and processes on a node."""
        pilot, cluster = self.pilot, self.cluster
        peak = max((use.peak_bytes for use in pilot.steps), default=0)
        room = cluster.memory_gib * _GIB / cluster.cores
        fits = pilot.unit_bytes + (0.8 * room - peak) / _MEMORY_OF_A_UNIT
        balanced = self.input_bytes / (cluster.all_cores * _UNITS_A_CORE)
        unit = min(max(pilot.unit_bytes, min(fits, balanced, _LARGEST_UNIT)), self.input_bytes)
        self.peak = peak + _MEMORY_OF_A_UNIT * max(unit - pilot.unit_bytes, 0)
        processes = max(1, min(cluster.cores, int(cluster.memory_gib * _GIB / max(self.peak, 1))))
        if processes < cluster.cores:
            self.notes.append(
                f"A process takes about {self.peak / _GIB:.2g} GiB, so that {processes} of the "
                f"{cluster.cores} cores of a node can work at once in {cluster.memory_gib:g} GiB."
            )
        return unit, processes

    def _partition_count(self) -> int:
        """Partitions that keep one of the largest shuffle within a process's memory."""
        room = self.cluster.memory_gib * _GIB / max(self.processes, 1)
        most = max((use.shuffled * self.scale for use in self.pilot.steps), default=0)
        return max(self.pilot.partitions, math.ceil(most * _MEMORY_OF_A_PARTITION / (0.6 * room)))

    def forecast(self, tokens_per_word: float) -> Forecast:
        """All steps, then the totals of all runs."""
        totals = {name: np.zeros(DRAWS) for name in ("cpu", "hours", "bytes")}
        steps = [self._step(use, totals) for use in self.pilot.steps]
        return self._total(steps, totals, tokens_per_word)

    def _step(self, use: StepUse, totals: dict[str, Draws]) -> StepForecast:
        rates = _rates(use, self.rng)
        units = self._units(use)
        above = sum((self.kept[name] for name in use.upstream if name in self.kept), np.zeros(DRAWS))
        before = sum(self.pilot_kept.get(name, 0.0) for name in use.upstream)
        if "sources" in use.upstream or "fetch" in use.upstream:
            # records of a unit of input: resampling its units is what makes all the rest uncertain
            sampled = max(self.pilot.units, 1)
            rows = rates.rows_a_unit * len(use.units) / sampled * (self.scale * sampled)
        else:
            rows = above * (use.rows_in / before if before else 0.0)
        share = rates.share
        if use.step.family == "dedup" and use.conserves:
            share = 1 - _removed(use, share, self.scale, self.rng)
        self.kept[use.step.name] = rows * share
        self.pilot_kept[use.step.name] = float(use.kept)
        works = (rows > 0).astype(np.float64) * units
        busy = (rates.unit_seconds * works + rates.seconds * rows) / 3600
        cluster = self.cluster
        at_once = min(cluster.nodes * self.processes, max(units, 1))
        rate = at_once * cluster.core_speed * cluster.efficiency
        hours = busy / rate + 2 * cluster.pod_start_s / 3600
        gib = (rates.unit_bytes * works + rates.bytes * rows) / _GIB
        for name, draws in (("cpu", busy), ("hours", hours), ("bytes", gib)):
            totals[name] += draws * self.runs
        writes, reads = self._requests(use, units)
        runs = self.runs
        return StepForecast(
            name=use.step.name,
            rows_in=Range.of(rows * runs),
            kept=Range.of(self.kept[use.step.name] * runs),
            cpu_hours=Range.of(busy * runs),
            hours=Range.of(hours * runs),
            written_gib=Range.of(gib * runs),
            memory_gib=self._memory(use) / _GIB,
            units=units,
            writes=writes * runs,
            reads=reads * runs,
            shuffle_gib=Range.of(gib * (use.shuffled / use.written if use.written else 0.0)),
        )

    def _memory(self, use: StepUse) -> float:
        """Bytes of one process: as the pilot saw, and for a larger unit by what it writes."""
        if use.grouping != "shard" or not use.units:
            return float(use.peak_bytes)
        larger = max(self.unit_bytes / self.pilot.unit_bytes - 1, 0)
        share = min(use.written / len(use.units) / self.pilot.unit_bytes, 1.0)
        return use.peak_bytes + _MEMORY_OF_A_UNIT * larger * self.pilot.unit_bytes * share

    def _units(self, use: StepUse) -> int:
        """Units of a step in one run."""
        if not use.units:
            return 0
        if use.grouping == "partition":
            return self.partitions
        if use.grouping == "span":
            return max(1, min(use.spans, round(self.source_units)))
        if use.grouping == "all":
            return 1
        return max(1, round(self.source_units * len(use.units) / max(self.pilot.units, 1)))

    def _requests(self, use: StepUse, units: int) -> tuple[float, float]:
        """Writes and reads of a step's units in one run: its own files, and what each of its ports takes."""
        named = {step.step.name: step for step in self.pilot.steps}
        reads = 0.0
        for side, producers in use.ports if units else []:
            files = sum(self._units(named[name]) for name in producers if name in named)
            in_files = all(named[name].sorted for name in producers if name in named)
            if side == "own":
                reads += max(units, files if use.grouping == "span" else 0)
            elif side == "aligned":
                reads += units
            elif side in ("all", "stream"):
                reads += units * files
            elif side == "by_id":
                reads += units * min(files, self.partitions) * _READS_OF_A_GROUP
            else:  # a partition of every file, or where partitions are files, one of them
                reads += units * (1 if in_files else files * _READS_OF_A_GROUP)
        return units * use.objects, reads

    def _total(self, steps: list[StepForecast], totals: dict[str, Draws], tokens_per_word: float) -> Forecast:
        pilot, cluster, runs = self.pilot, self.cluster, self.runs
        released = self.kept["export"] * runs
        per = released / max(self.pilot_kept["export"], 1.0)
        words = per * pilot.counters.get("words", 0.0)
        release = per * pilot.release_bytes / _GIB
        egress = release * cluster.release_copies_out
        writes, reads = sum(s.writes for s in steps), sum(s.reads for s in steps)
        requests = writes / 1000 * cluster.price_per_1000_writes + reads / 1000 * cluster.price_per_1000_reads
        parts = {
            "nodes": totals["hours"] * cluster.nodes * cluster.price_per_node_hour,
            "storage": totals["bytes"] * cluster.price_per_gib_month * cluster.months_stored,
            "requests": np.full(DRAWS, requests),
            "egress": egress * cluster.price_per_gib_egress,
        }
        largest = max(steps, key=lambda step: step.shuffle_gib.middle)
        self._say(largest.name, steps)
        return Forecast(
            scale=self.scale * runs,
            runs=runs,
            input_gib=self.input_bytes * runs / _GIB,
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
            processes=self.processes,
            unit_mib=self.unit_bytes / (1 << 20),
            units=round(self.source_units),
            partitions=self.partitions,
            largest_shuffle=(largest.name, largest.shuffle_gib),
            tasks=pilot.tasks,
            currency=cluster.currency,
            notes=self.notes,
        )

    def _say(self, largest: str, steps: list[StepForecast]) -> None:
        hours = sum(step.hours.middle for step in steps)
        for step in steps:
            if step.units and step.units < self.cluster.all_cores and step.hours.middle > 0.15 * hours:
                how = f" ({_MORE_UNITS[step.name]} sets how many)" if step.name in _MORE_UNITS else ""
                self.notes.append(
                    f"{step.name} is {step.units} unit{'s' if step.units > 1 else ''} of work{how} and takes "
                    f"{step.hours.middle:.3g} of the {hours:.3g} hours, however many nodes there are."
                )
        if self.unit_bytes > self.pilot.unit_bytes:
            self.notes.append(
                f"Set crawl.sources.shard_bytes={round(self.unit_bytes)}: fewer and larger units than in the "
                "pilot, as large as memory and an even load allow."
            )
        if self.partitions > self.pilot.partitions:
            self.notes.append(
                f"Set run.partitions={self.partitions}: a partition of {largest}, the largest shuffle, then "
                "fits in a process's memory."
            )
        if any(use.step.family == "dedup" and use.conserves for use in self.pilot.steps):
            self.notes.append(
                "How much deduplication removes grows with the input. Its range follows from what it removed "
                "on half of the sample and on all of it, and is the least certain figure here: a larger "
                "--units narrows it."
            )
        if self.cluster.price_per_node_hour == 0:
            self.notes.append("The cluster file states no price of a node: the cost leaves it out.")
