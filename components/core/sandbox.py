"""Run a function on untrusted bytes in a child process with memory and time limits.

One child serves many calls and is replaced after it was killed, so that a parser that crashes, hangs
or eats memory costs one record. Linux only for the memory limit (RLIMIT_AS); time limits hold anywhere.
"""

from __future__ import annotations

import contextlib
import multiprocessing as mp
import os
import pickle
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from components.core.errors import BadRecord, Drop

Result = TypeVar("Result")


class SandboxReason(StrEnum):
    """How a sandboxed call can end other than by its own doing."""

    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    PARSER_ERROR = "parser_error"


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux)."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def _limit_memory(extra_bytes: int) -> None:
    if sys.platform == "linux":
        import resource

        limit = _address_space() + extra_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _serve(connection: Connection, function: Callable[..., Any], memory_bytes: int) -> None:
    die_with_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(memory_bytes)
    while True:
        try:
            args, kwargs = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, function(*args, **kwargs)))
        except (BadRecord, Drop) as error:
            kind = "drop" if isinstance(error, Drop) else "bad"
            score = getattr(error, "score", None), getattr(error, "threshold", None)
            answer = pickle.dumps((False, (kind, error.reason, error.detail, *score)))
        except MemoryError:
            answer = pickle.dumps((False, ("bad", SandboxReason.OUT_OF_MEMORY, "", None, None)))
        except RecursionError as error:
            answer = pickle.dumps(
                (False, ("bad", SandboxReason.PARSER_ERROR, f"nested too deeply: {error}", None, None))
            )
        except Exception as error:  # noqa: BLE001 - whatever a parser raises is one bad record
            detail = f"{type(error).__name__}: {error}"
            answer = pickle.dumps((False, ("bad", SandboxReason.PARSER_ERROR, detail, None, None)))
        connection.send_bytes(answer)


class Sandbox(Generic[Result]):
    """Calls `function` in a child process.

    Args:
        function: a module-level function; its arguments and result must pickle.
        timeout_s: wall-clock seconds one call may take.
        memory_bytes: how far the child's address space may grow beyond what it starts with.

    `call` raises `BadRecord` with a `SandboxReason` where the child timed out, ran out of memory,
    crashed or raised, and passes on the `BadRecord` or `Drop` that the function itself raised.
    """

    def __init__(self, function: Callable[..., Result], *, timeout_s: float, memory_bytes: int) -> None:
        self._function = function
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._process: mp.process.BaseProcess | None = None
        self._connection: Connection | None = None

    def _start(self) -> Connection:
        if self._connection is not None and self._process is not None and self._process.is_alive():
            return self._connection
        self.close()
        # fork: the parser's modules are loaded already, and a child costs milliseconds
        ours: Connection
        context: Any = mp.get_context("fork" if sys.platform == "linux" else "spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._function, self._memory_bytes))
        process.start()
        theirs.close()
        self._process, self._connection = process, ours
        return ours

    def call(self, *args: Any, **kwargs: Any) -> Result:
        """The function's result, or `BadRecord` / `Drop`.

        A call whose child dies is made once more: what kills a parser kills it again, but a child that
        was killed from outside must not cost a record.
        """
        for attempt in (1, 2):
            try:
                done, value = self._ask(pickle.dumps((args, kwargs)))
                break
            except (EOFError, BrokenPipeError, ConnectionResetError):
                code = self._exit_code()
                self.close()
                if attempt == 2:
                    detail = f"the parser's process ended with {code}"
                    raise BadRecord(SandboxReason.CRASHED, detail) from None
        if done:
            result: Result = value
            return result
        kind, reason, detail, score, threshold = value
        if reason == SandboxReason.OUT_OF_MEMORY:
            self.close()  # a child that has hit its limit may be left with a full heap
        if kind == "drop":
            raise Drop(reason, detail, score, threshold)
        raise BadRecord(reason, detail)

    def _ask(self, question: bytes) -> tuple[bool, Any]:
        connection = self._start()
        connection.send_bytes(question)
        if not connection.poll(self._timeout_s):
            self.close()
            raise BadRecord(SandboxReason.TIMEOUT, f"took more than {self._timeout_s:g} s")
        answer: tuple[bool, Any] = pickle.loads(connection.recv_bytes())
        return answer

    def _exit_code(self) -> int | None:
        if self._process is None:
            return None
        self._process.join(timeout=5)
        return self._process.exitcode

    def close(self) -> None:
        """End the child; a later call starts a new one."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.close()
        if self._process is not None:
            if self._process.is_alive():
                self._process.kill()
            self._process.join(timeout=5)
        self._process = self._connection = None

    def __enter__(self) -> Sandbox[Result]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
