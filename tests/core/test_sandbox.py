from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from collections.abc import Iterator
from enum import StrEnum

import pytest

from components.core.errors import BadRecord, Drop
from components.core.sandbox import Sandbox, SandboxReason


class Reason(StrEnum):
    BROKEN = "broken"


def behave(what: str) -> object:
    """A parser that does whatever a bad input makes parsers do."""
    match what:
        case "pid":
            return os.getpid()
        case "hang":
            time.sleep(60)
        case "crash":
            faulthandler.disable()  # pytest's dump of a crash that is meant would only alarm
            os.kill(os.getpid(), signal.SIGSEGV)
        case "pause":
            time.sleep(0.5)
        case "memory":
            return len(bytearray(1 << 30))
        case "bad":
            raise BadRecord(Reason.BROKEN, "in two")
        case "drop":
            raise Drop(Reason.BROKEN, "unwanted", score=1.5, threshold=2.0)
        case "defect":
            raise KeyError("a defect")
        case "deep":
            nested: list[object] = []
            for _ in range(200_000):
                nested = [nested]
            return repr(nested)
        case "large":
            return b"x" * 5_000_000
    return what


@pytest.fixture
def sandbox() -> Iterator[Sandbox[object]]:
    with Sandbox(behave, timeout_s=60.0, memory_bytes=256 << 20) as box:
        yield box


def test_one_child_serves_many_calls(sandbox: Sandbox[object]) -> None:
    pids = {sandbox.call("pid") for _ in range(5)}
    assert len(pids) == 1
    assert pids != {os.getpid()}
    assert sandbox.call("large") == b"x" * 5_000_000


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("crash", SandboxReason.CRASHED),
        ("memory", SandboxReason.OUT_OF_MEMORY),
        ("defect", SandboxReason.PARSER_ERROR),
        ("deep", SandboxReason.PARSER_ERROR),
        ("bad", Reason.BROKEN),
    ],
)
def test_a_bad_input_costs_one_call(sandbox: Sandbox[object], what: str, reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        sandbox.call(what)
    assert caught.value.reason == reason
    assert sandbox.call("fine") == "fine"


def test_a_call_that_hangs_is_ended() -> None:
    with Sandbox(behave, timeout_s=3.0, memory_bytes=256 << 20) as box:
        with pytest.raises(BadRecord) as caught:
            box.call("hang")
        assert caught.value.reason == SandboxReason.TIMEOUT
        assert box.call("fine") == "fine"


def test_a_drop_keeps_its_score(sandbox: Sandbox[object]) -> None:
    with pytest.raises(Drop) as caught:
        sandbox.call("drop")
    assert (caught.value.reason, caught.value.score, caught.value.threshold) == ("broken", 1.5, 2.0)


def test_closing_leaves_no_process() -> None:
    box = Sandbox(behave, timeout_s=60.0, memory_bytes=256 << 20)
    pid = box.call("pid")
    box.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(str(pid)), 0)


def test_a_child_killed_from_outside_costs_no_call(sandbox: Sandbox[object]) -> None:
    pid = int(str(sandbox.call("pid")))
    killer = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
    killer.start()
    assert sandbox.call("pause") == "pause"
    killer.join()
    assert sandbox.call("pid") != pid
