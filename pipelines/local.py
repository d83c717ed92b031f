"""Run a pipeline on this machine: the same KFP DAG, each task a subprocess in this environment."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from components.core.errors import BudgetExceeded, ConfigurationError, GateFailed, KalemintError
from components.core.progress import EVENTS_VARIABLE
from components.core.runner import DrainedError
from components.core.task import spelled
from pipelines.run_record import RunRecord

_ERRORS: Final[dict[str, type[KalemintError]]] = {
    error.__name__: error for error in (BudgetExceeded, ConfigurationError, DrainedError, GateFailed)
}

CONCURRENT_TASKS: Final = 2
"""kfp.local runs at most two iterations of a loop at a time."""


@dataclass(slots=True)
class Events:
    """What the tasks of a run report, read from the file they append to."""

    path: Path
    offset: int = 0
    pids: set[int] = field(default_factory=set)
    error: dict[str, Any] | None = None

    def read(self) -> list[dict[str, Any]]:
        """Events since the last call. A line that is still being written waits for the next."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self.offset += len(whole)
        events = [json.loads(line) for line in whole.splitlines()]
        for event in events:
            if event["event"] == "task":
                self.pids.add(event["pid"])
            elif event["event"] == "task_end":
                self.pids.discard(event["pid"])
            elif event["event"] == "error" and self.error is None:
                self.error = event
        return events


@contextlib.contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """What kfp and the tasks print goes to a log file."""
    with log.open("a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        handler = logging.StreamHandler(file)
        root = logging.getLogger()
        before, level = root.handlers[:], root.level
        root.handlers = [handler]
        try:
            with contextlib.redirect_stdout(file):
                yield
        finally:
            root.handlers, root.level = before, level


def _parameters(record: RunRecord) -> dict[str, Any]:
    """The run's parameters, with the machine's cores shared out among the tasks that run at once."""
    config = json.loads(json.dumps(record.config))
    if not config["run"].get("processes"):
        at_once = min(record.workers, CONCURRENT_TASKS)
        config["run"]["processes"] = max(1, len(os.sched_getaffinity(0)) // at_once)
    return spelled(config)


def run_local(record: RunRecord, on_events: Callable[[list[dict[str, Any]]], None]) -> None:
    """Run a pipeline to its end.

    Args:
        on_events: called with the tasks' events a few times a second.

    Raises:
        KalemintError: the error of the task that failed, as one sentence.
    """
    folder = Path(tempfile.mkdtemp(prefix="kalemint-"))
    events = Events(folder / "events.jsonl")
    events.path.touch()
    log = folder / "tasks.log"
    failure: list[BaseException] = []

    def go() -> None:
        try:
            with _quiet(log):
                _run_kfp(record, folder)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            failure.append(error)

    thread = threading.Thread(target=go, daemon=True)
    with _environment(events.path), _forward_sigterm(events):
        thread.start()
        while thread.is_alive():
            thread.join(timeout=0.2)
            on_events(events.read())
    on_events(events.read())
    if failure:
        if events.error is not None:
            shutil.rmtree(folder, ignore_errors=True)
            kind = _ERRORS.get(events.error["kind"], KalemintError)
            raise kind(events.error["message"])
        raise KalemintError(f"A task failed without saying why; its output is in {log}.") from failure[0]
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _forward_sigterm(events: Events) -> Iterator[None]:
    """SIGTERM to this process goes on to the running tasks, which drain."""

    def forward(*_: object) -> None:
        events.read()
        for pid in events.pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, forward)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def _environment(events: Path) -> Iterator[None]:
    """What the tasks, which are started with this process's environment, need to find in it."""
    path = os.environ.get("PYTHONPATH")
    wanted = {
        EVENTS_VARIABLE: str(events),
        # tasks start as `python3 -m kfp…`: they must find this package
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), path])),
        # each task would read the metadata of every installed package to look for plugins of pydantic
        "PYDANTIC_DISABLE_PLUGINS": os.environ.get("PYDANTIC_DISABLE_PLUGINS", "__all__"),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _run_kfp(record: RunRecord, folder: Path) -> None:
    from kfp import local

    from pipelines.registry import pipeline_function

    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(folder / "tasks"),
        raise_on_error=True,
    )
    config = _parameters(record)
    pipeline_function(record.pipeline)(inputs=record.inputs, out=record.out, workers=record.workers, **config)


class Plain:
    """Progress as lines, for logs and pipes."""

    def __call__(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["event"] in ("committed", "described", "shard_error", "notice"):
                sys.stderr.write(event["line"] + "\n")
                sys.stderr.flush()

    def close(self) -> None:
        """Nothing to put away."""


class Lines:
    """Progress as JSON lines, for machines."""

    def __call__(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["event"] not in ("task", "task_end"):
                sys.stderr.write(json.dumps(event) + "\n")

    def close(self) -> None:
        """Nothing to put away."""


class Bars:
    """Progress as bars on a terminal: one for the run, one for each step under way."""

    def __init__(self, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=Console(stderr=True),
        )
        self._progress.start()
        self._run = self._progress.add_task("[bold]run", total=steps, note="")
        self._tasks: dict[str, Any] = {}
        self._workers: dict[str, dict[int, dict[str, Any]]] = {}

    def __call__(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            if event["event"] in ("start", "progress"):
                self._draw(event)
            elif event["event"] == "committed":
                self._finish(event)
            elif event["event"] == "described":
                self._progress.advance(self._run)
            elif event["event"] in ("shard_error", "notice"):
                self._progress.console.print(f"  [yellow]![/] {event['step']}: ", end="")
                self._progress.console.print(event["line"], markup=False, style="dim")

    def _draw(self, event: dict[str, Any]) -> None:
        step = event["step"]
        if step not in self._tasks:
            self._tasks[step] = self._progress.add_task(step, total=None, note="")
        workers = self._workers.setdefault(step, {})
        workers[event["worker"]] = event
        done, total = (sum(w[name] for w in workers.values()) for name in ("done", "total"))
        rate = sum(w["rate"] for w in workers.values())
        failed = sum(w["failed"] for w in workers.values())
        note = f"{rate:.0f} records/s" + (f", {failed} failed" if failed else "")
        self._progress.update(self._tasks[step], completed=done, total=total, note=note)

    def _finish(self, event: dict[str, Any]) -> None:
        task = self._tasks.pop(event["step"], None)
        if task is not None:
            self._progress.remove_task(task)
        parts = [f"{event['rows_in']} in", f"{event['kept']} {'kept' if event['conserves'] else 'derived'}"]
        for name in ("dropped", "failed"):
            if number := sum(event[name].values()):
                parts.append(f"{number} {name}")
        self._progress.console.print(f"  [green]✓[/] {event['step']:<14} [dim]{', '.join(parts)}")
        self._progress.advance(self._run)

    def close(self) -> None:
        """Leave the terminal tidy."""
        self._progress.remove_task(self._run)
        self._progress.stop()


def watcher(steps: int, *, machine: bool) -> Plain | Lines | Bars:
    """The right display for where standard error goes."""
    if machine:
        return Lines()
    return Bars(steps) if sys.stderr.isatty() else Plain()


def elapsed(since: float) -> str:
    """Seconds since a `time.monotonic()` as a person reads them."""
    seconds = int(time.monotonic() - since)
    return f"{seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"{seconds} s"
