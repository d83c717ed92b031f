"""Progress of this process as Prometheus metrics, where `KALEMINT_METRICS_PORT` names a port.

`progress.emit` imports this module only then. A registry of its own keeps out what libraries register;
only the process that counts serves, never the children that it forks for its units.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from components import __version__
from components.core.progress import METRICS_VARIABLE

_COUNTED: Final = frozenset({"start", "progress"})
"""Events that `Progress` emits."""

_GAUGES: Final = (
    ("kalemint_units", "total", "Units that this worker has to do in this step."),
    ("kalemint_units_done", "done", "Units that are done, those found done included."),
    ("kalemint_units_resumed", "resumed", "Units that an earlier run had done."),
    ("kalemint_records_per_second", "rate", "Records a second since the worker began."),
    ("kalemint_remaining_seconds", "eta_s", "Seconds left at the rate so far; absent before the first unit."),
    (
        "kalemint_last_progress_timestamp_seconds",
        "time",
        "Unix time of the last finished unit, or the start.",
    ),
)
"""Name, field of the event, help."""
_COUNTERS: Final = (
    ("kalemint_records", "rows", "Records that this worker has read in this step since it began."),
    ("kalemint_records_failed", "failed", "Records of those that failed."),
)
"""Name, field of the event, help. The exposition adds `_total` to the name."""


class _Counts(Collector):
    """The newest event of every step and worker, as metrics with the labels `step` and `worker`."""

    def __init__(self) -> None:
        self.newest: dict[tuple[str, str], Mapping[str, Any]] = {}

    def collect(self) -> Iterator[Metric]:
        # the server's thread reads a copy while the worker writes
        newest = sorted(self.newest.copy().items())
        yield InfoMetricFamily("kalemint_build", "What runs.", value={"version": __version__})
        families: list[tuple[GaugeMetricFamily | CounterMetricFamily, str]] = [
            *((GaugeMetricFamily(name, text, labels=_LABELS), field) for name, field, text in _GAUGES),
            *((CounterMetricFamily(name, text, labels=_LABELS), field) for name, field, text in _COUNTERS),
        ]
        for family, field in families:
            for labels, event in newest:
                if event[field] is not None:
                    family.add_metric(labels, event[field])
            yield family


_LABELS: Final = ("step", "worker")
_served: list[_Counts] = []
"""What this process serves: nothing before the first event, or where the port can't be had."""
_asked = threading.Event()
"""Set once the port was asked for."""


def observe(event: Mapping[str, Any]) -> None:
    """Take an event into the metrics; the first one starts the server, in a thread.

    A port that is taken, or none at all, costs a line on stderr and the metrics, never the work.

    Args:
        event: as `progress.emit` writes it.
    """
    if event["event"] not in _COUNTED or multiprocessing.parent_process() is not None:
        return
    if not _asked.is_set():
        _asked.set()
        _served.extend(_serve(os.environ[METRICS_VARIABLE]))
    for counts in _served:
        counts.newest[event["step"], str(event["worker"])] = event


def _serve(port: str) -> list[_Counts]:
    counts, registry = _Counts(), CollectorRegistry()
    registry.register(counts)
    try:
        start_http_server(int(port), registry=registry)
    except (OSError, ValueError, OverflowError) as error:
        sys.stderr.write(f"Notice: no metrics are served: {METRICS_VARIABLE}={port}: {error}\n")
        return []
    return [counts]
