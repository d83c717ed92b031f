"""`kalemint plan`: pilot, forecast, and both as a table, as Markdown and as JSON."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from components.core.progress import EVENTS_VARIABLE
from pipelines.cluster import Cluster
from pipelines.forecast import Forecast, Range, forecast
from pipelines.pilot import Pilot, run_pilot


def plan_run(
    pipeline: str,
    inputs: Sequence[str],
    config: Mapping[str, Any],
    cluster: Cluster,
    *,
    units: int = 8,
    tokens: float | None = None,
    tokens_per_word: float = 1.33,
    runs: int = 1,
    keep: str | None = None,
    on_step: Callable[[str], None] = lambda _: None,
) -> tuple[Pilot, Forecast]:
    """Pilot a pipeline on a sample of its input and forecast the whole.

    Args:
        keep: where the pilot's data stay; None for a temporary folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="kalemint-pilot-"))
    before = os.environ.get(EVENTS_VARIABLE)
    os.environ[EVENTS_VARIABLE] = str(folder / "events.jsonl")  # standard output is the plan's
    try:
        out = keep or (folder / "run").as_uri()
        pilot = run_pilot(pipeline, inputs, out, config, units=units, on_step=on_step)
    finally:
        os.environ.pop(EVENTS_VARIABLE)
        if before is not None:
            os.environ[EVENTS_VARIABLE] = before
        shutil.rmtree(folder, ignore_errors=True)
    return pilot, forecast(pilot, cluster, tokens=tokens, tokens_per_word=tokens_per_word, runs=runs)


def number(value: float) -> str:
    """Three digits and a unit: 12, 3.4 k, 5.67 M, 1.2 G, 1 T."""
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def span(figure: Range, unit: str = "") -> str:
    """A figure with its interval: 3.2 k (2.9 k to 3.6 k)."""
    tail = f" {unit}" if unit else ""
    if number(figure.low) == number(figure.high):
        return f"{number(figure.middle)}{tail}"
    return f"{number(figure.middle)}{tail} ({number(figure.low)} to {number(figure.high)})"


STEP_COLUMNS = ("step", "records in", "kept", "CPU hours", "hours", "memory", "written", "requests")


def step_rows(found: Forecast) -> list[list[str]]:
    """One row a step, as `STEP_COLUMNS`."""
    return [
        [
            step.name,
            span(step.rows_in),
            span(step.kept),
            span(step.cpu_hours),
            number(step.hours.middle),
            f"{step.memory_gib:.2g} GiB",
            f"{number(step.written_gib.middle)} GiB",
            f"{number(step.writes)} put, {number(step.reads)} get",
        ]
        for step in found.steps
    ]


def totals(pilot: Pilot, found: Forecast, cluster: Cluster) -> list[tuple[str, str]]:
    """What the whole run takes and gives, as (name, figure)."""
    name, shuffled = found.largest_shuffle
    rows = [
        (
            "pilot",
            f"{pilot.units} of {pilot.all_units} units, {pilot.share:.2%} of the bytes named; forecast for "
            f"{number(found.scale)} times the sample",
        ),
        (
            "cluster",
            f"{cluster.nodes} nodes of {cluster.cores} cores and {cluster.memory_gib:g} GiB; "
            f"{found.processes} processes a node",
        ),
        (
            "runs",
            f"{found.runs}, each of {number(found.units)} units of {number(found.unit_mib)} MiB, "
            f"and {number(found.partitions)} partitions",
        ),
        ("input", f"{number(found.input_gib)} GiB"),
        ("documents released", span(found.documents)),
        ("images in them", span(found.images)),
        ("words", span(found.words)),
        ("tokens", span(found.tokens)),
        ("release", span(found.release_gib, "GiB")),
        ("processor time", span(found.cpu_hours, "hours")),
        ("time on the cluster", span(found.hours, "hours")),
        ("storage, all steps", span(found.storage_gib, "GiB")),
        ("egress", span(found.egress_gib, "GiB")),
        ("requests to the store", f"{number(found.writes)} writes, {number(found.reads)} reads"),
        ("largest shuffle of a run", f"{name}, {span(shuffled, 'GiB')}"),
        (
            "nodes of the DAG",
            f"{found.tasks} with one worker a step; with one for each of {cluster.nodes} nodes "
            f"{found.tasks + (cluster.nodes - 1) * (found.tasks - 4) // 2}; never one a shard",
        ),
        ("cost", span(found.cost, cluster.currency)),
    ]
    rows += [(f"  of it {part}", span(figure, cluster.currency)) for part, figure in found.cost_parts.items()]
    return rows


def markdown(pilot: Pilot, found: Forecast, cluster: Cluster, title: str) -> str:
    """The forecast as a Markdown document."""
    lines = [f"# {title}", ""]
    lines += ["Middle of the forecast (5th to 95th percentile).", ""]
    lines += ["| what | forecast |", "| --- | --- |"]
    lines += [f"| {name.strip()} | {figure} |" for name, figure in totals(pilot, found, cluster)]
    lines += ["", f"| {' | '.join(STEP_COLUMNS)} |", f"|{' --- |' * len(STEP_COLUMNS)}"]
    lines += [f"| {' | '.join(row)} |" for row in step_rows(found)]
    if found.notes:
        lines += ["", *(f"- {note}" for note in found.notes)]
    return "\n".join(lines) + "\n"
