"""Progress of a worker: one readable line, or JSON, or events for the command that started it.

`KALEMINT_EVENTS` names a file to which events are appended as JSON lines (`kalemint run` draws them
with rich). Without it, lines go to standard output: plain, or JSON where `KALEMINT_LOG=json`.
`KALEMINT_METRICS_PORT` names a port on which a worker also serves Prometheus metrics (`metrics`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

EVENTS_VARIABLE: Final = "KALEMINT_EVENTS"
LOG_VARIABLE: Final = "KALEMINT_LOG"
METRICS_VARIABLE: Final = "KALEMINT_METRICS_PORT"
LINE_EVERY_S: Final = 5.0


def emit(event: str, **fields: Any) -> None:
    """Report one event to whoever listens."""
    record = {"event": event, "time": round(time.time(), 3), **fields}
    if os.environ.get(METRICS_VARIABLE):
        from components.core import metrics

        metrics.observe(record)
    path = os.environ.get(EVENTS_VARIABLE)
    if path:
        with Path(path).open("a") as file:  # one write of one line: appends of several processes don't mix
            file.write(json.dumps(record) + "\n")
    elif os.environ.get(LOG_VARIABLE) == "json":
        sys.stdout.write(json.dumps(record) + "\n")
        sys.stdout.flush()
    elif "line" in fields:
        sys.stdout.write(f"{fields['line']}\n")
        sys.stdout.flush()


class Progress:
    """Counts a worker's finished units and tells about them, at most every few seconds.

    Args:
        step: the step's name.
        worker: which worker this is, counted from 0.
        total: units this worker has to do.
        resumed: units found done.
    """

    def __init__(self, step: str, worker: int, total: int, resumed: int) -> None:
        self.step, self.worker, self.total, self.done = step, worker, total, resumed
        self.resumed = resumed
        self.rows = self.failed = 0
        self.started = self.last = time.monotonic()
        self._tell("start")

    def unit(self, rows: int, failed: int) -> None:
        """One more unit is done."""
        self.done += 1
        self.rows += rows
        self.failed += failed
        now = time.monotonic()
        if os.environ.get(EVENTS_VARIABLE) or self.done == self.total or now - self.last >= LINE_EVERY_S:
            self.last = now
            self._tell("progress")

    def _tell(self, event: str) -> None:
        elapsed = max(time.monotonic() - self.started, 1e-6)
        fresh = self.done - self.resumed
        rate = self.rows / elapsed
        eta = (self.total - self.done) * elapsed / fresh if fresh else None
        line = f"{self.step} [{self.worker}] {self.done}/{self.total} units"
        if self.resumed:
            line += f" ({self.resumed} done before)"
        if fresh:
            line += f", {self.rows} records, {rate:.0f}/s, {self.failed} failed, {eta:.0f} s left"
        emit(
            event,
            step=self.step,
            worker=self.worker,
            done=self.done,
            total=self.total,
            resumed=self.resumed,
            rows=self.rows,
            failed=self.failed,
            rate=round(rate, 1),
            eta_s=None if eta is None else round(eta, 1),
            line=line,
        )
