"""A pool of worker processes that survives the death of any of them.

Built on `concurrent.futures`: a process that dies breaks that pool, so the units in flight are tried
again one at a time, which tells the culprit from its neighbours.
"""

from __future__ import annotations

import multiprocessing as mp
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from components.core.sandbox import die_with_parent

Task = TypeVar("Task")
Result = TypeVar("Result")

MAX_DEATHS = 3


class Draining(Exception):
    """SIGTERM came: what was in flight is finished and the rest is left for the next run."""


@contextmanager
def drain_on_sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, for as long as the block runs. Main thread only; else a plain event."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: event.set())
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, previous)


def _start_child(initializer: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    die_with_parent()
    # a drain is the parent's decision: the signal may reach the whole process group
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    initializer(*arguments)


@dataclass(slots=True)
class _State(Generic[Task, Result]):
    waiting: list[Task]
    suspects: list[tuple[Task, int]] = field(default_factory=list)
    flying: dict[Future[Result], tuple[Task, int]] = field(default_factory=dict)


class Pool(Generic[Task, Result]):
    """Maps `function` over tasks in `processes` child processes.

    Args:
        function: module-level function of one task.
        initializer: called once in each child with `arguments`.
        on_death: result for a task whose process died `MAX_DEATHS` times.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        *,
        processes: int,
        initializer: Callable[..., None],
        arguments: tuple[Any, ...],
        on_death: Callable[[Task], Result],
    ) -> None:
        self._function, self._processes = function, processes
        self._initializer, self._arguments = initializer, arguments
        self._on_death = on_death

    def _executor(self, processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=processes,
            mp_context=mp.get_context("fork" if sys.platform == "linux" else "spawn"),
            initializer=_start_child,
            initargs=(self._initializer, self._arguments),
        )

    def map(self, tasks: Sequence[Task], drain: threading.Event) -> Iterator[Result]:
        """Results in the order in which they are finished.

        Raises:
            Draining: after everything in flight was yielded, where `drain` was set.
        """
        state: _State[Task, Result] = _State(waiting=list(reversed(tasks)))
        executor = self._executor(self._processes)
        try:
            while state.waiting or state.suspects or state.flying:
                if drain.is_set() and not state.flying:
                    raise Draining
                if not drain.is_set():
                    self._submit(executor, state)
                done, _ = wait(state.flying, timeout=0.5, return_when=FIRST_COMPLETED)
                broken = False
                for future in done:
                    task, deaths = state.flying.pop(future)
                    try:
                        result = future.result()
                    except BrokenProcessPool:
                        broken = True
                        if deaths + 1 >= MAX_DEATHS:
                            yield self._on_death(task)
                        else:
                            state.suspects.append((task, deaths + 1))
                    else:
                        yield result
                if broken:
                    state.suspects += [(task, deaths + 1) for task, deaths in state.flying.values()]
                    state.flying.clear()
                    executor.shutdown(wait=False, cancel_futures=True)
                    executor = self._executor(self._processes)
        finally:
            # an error leaves units half done; they are committed whole or not at all
            for process in list((executor._processes or {}).values()) if state.flying else []:
                process.kill()
            executor.shutdown(wait=True, cancel_futures=True)

    def _submit(self, executor: ProcessPoolExecutor, state: _State[Task, Result]) -> None:
        """Keep every process busy; a task whose process died once runs alone."""
        if state.suspects:
            if not state.flying:
                task, deaths = state.suspects.pop()
                state.flying[executor.submit(self._function, task)] = (task, deaths)
            return
        while state.waiting and len(state.flying) < self._processes:
            task = state.waiting.pop()
            state.flying[executor.submit(self._function, task)] = (task, 0)
