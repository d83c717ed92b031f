from __future__ import annotations

import multiprocessing as mp
import time
from multiprocessing.connection import Connection

from components.core.usage import usage


def _work(connection: Connection) -> None:
    started = time.process_time()
    block = bytearray(64 << 20)
    block[:: 1 << 12] = b"x" * len(block[:: 1 << 12])
    while time.process_time() - started < 0.3:
        pass
    connection.send(b"done")
    connection.recv()


def test_time_and_memory_of_a_live_child_count() -> None:
    before = usage()
    ours, theirs = mp.Pipe()
    child = mp.get_context("fork").Process(target=_work, args=(theirs,))
    child.start()
    ours.recv()
    during = usage()
    ours.send(b"end")
    child.join()
    after = usage()
    assert during.cpu_seconds - before.cpu_seconds >= 0.25
    assert after.cpu_seconds - before.cpu_seconds >= 0.25
    assert during.peak_bytes - before.peak_bytes >= 60 << 20
