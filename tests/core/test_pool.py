from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from components.core.pool import Draining, Pool, drain_on_sigterm

_folder = Path()


def begin(folder: Path) -> None:
    global _folder  # noqa: PLW0603 - what a pool's initializer is for
    _folder = folder


def square(number: int) -> int:
    (_folder / f"{number}.{os.getpid()}.{time.monotonic_ns()}").touch()
    if (_folder / f"kill-{number}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if number < 0:
        raise ValueError(f"{number} is negative")
    time.sleep(0.02)
    return number * number


def pool(folder: Path, processes: int = 2) -> Pool[int, int]:
    return Pool(square, processes=processes, initializer=begin, arguments=(folder,), on_death=lambda n: -n)


def test_every_task_is_done_once(tmp_path: Path) -> None:
    results = sorted(pool(tmp_path).map(range(20), threading.Event()))
    assert results == [n * n for n in range(20)]
    assert len(list(tmp_path.iterdir())) == 20


def test_a_task_that_kills_its_process_gives_up_alone(tmp_path: Path) -> None:
    (tmp_path / "kill-3").touch()
    results = sorted(pool(tmp_path).map(range(8), threading.Event()))
    assert results == sorted([-3, *(n * n for n in range(8) if n != 3)])
    assert len(list(tmp_path.glob("3.*"))) == 3


def test_an_error_ends_the_map(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="-1 is negative"):
        list(pool(tmp_path).map([-1, *range(50)], threading.Event()))
    assert len(list(tmp_path.iterdir())) < 50


def test_sigterm_drains(tmp_path: Path) -> None:
    results: list[int] = []
    with drain_on_sigterm() as drain, pytest.raises(Draining):
        for result in pool(tmp_path).map(range(200), drain):
            results.append(result)
            if len(results) == 3:
                os.kill(os.getpid(), signal.SIGTERM)
    assert 3 <= len(results) < 20
    assert len(list(tmp_path.iterdir())) == len(results), "what was in flight was finished"
