"""Metrics of real worker processes, read over HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families

from components import __version__
from components.core.progress import EVENTS_VARIABLE, LOG_VARIABLE, METRICS_VARIABLE
from tests.conftest import REPOSITORY

WORKER = """
import sys
from components.core.progress import Progress
first, second = Progress("extract", 2, 4, 1), Progress("decide", 0, 3, 3)
first.last -= 60
first.unit(100, 3)
print("counted", flush=True)
sys.stdin.readline()
"""
POOL = """
import multiprocessing, sys, threading
from components.core.pool import Pool
from components.core.progress import Progress, emit

def begin():
    pass

def told(number):
    Progress("child", number, 1, 0)  # as a stage may do: it must not count, nor serve
    return number

progress = None
pool = Pool(told, processes=2, initializer=begin, arguments=(), on_death=lambda number: number)
for _ in pool.map([7, 8], threading.Event()):
    progress = progress or Progress("pooled", 0, 2, 0)  # the children have told first, and live
    progress.unit(10, 0)
print("counted", flush=True)
sys.stdin.readline()
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def worker(code: str, port: int | str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A process that has counted and waits, and what it printed until then."""
    clean = {k: v for k, v in os.environ.items() if k not in (EVENTS_VARIABLE, LOG_VARIABLE)}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**clean, METRICS_VARIABLE: str(port)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line == "counted\n":
            break
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            process.communicate("\n", timeout=60)


def samples(port: int) -> dict[tuple[str, str, str], float]:
    """(name, step, worker) → value of what a process serves."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, sample.labels.get("step", ""), sample.labels.get("worker", "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_what_a_worker_counts() -> None:
    port = free_port()
    with worker(WORKER, port):
        found = samples(port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert f'kalemint_build_info{{version="{__version__}"}} 1.0' in answer.read().decode()
    extract = {
        name: value for (name, step, number), value in found.items() if (step, number) == ("extract", "2")
    }
    assert extract.pop("kalemint_records_per_second") > 0
    assert extract.pop("kalemint_remaining_seconds") >= 0
    assert extract.pop("kalemint_last_progress_timestamp_seconds") > 1.6e9
    assert extract == {
        "kalemint_units": 4,
        "kalemint_units_done": 2,
        "kalemint_units_resumed": 1,
        "kalemint_records_total": 100,
        "kalemint_records_failed_total": 3,
    }
    assert found["kalemint_units_done", "decide", "0"] == 3
    assert ("kalemint_remaining_seconds", "decide", "0") not in found, "unknown before the first unit"


def test_only_the_parent_of_a_pool_serves_and_counts() -> None:
    port = free_port()
    with worker(POOL, port) as (process, _):
        found = samples(port)
        _, errors = process.communicate("\n", timeout=60)
    assert {step for _, step, _ in found if step} == {"pooled"}
    assert found["kalemint_records_total", "pooled", "0"] == 20
    assert errors == "", "a child tried the port"


@pytest.mark.parametrize(
    ("port", "said"), [("taken", "Address already in use"), ("70000", "0-65535"), ("no", "invalid literal")]
)
def test_a_port_that_cannot_be_had_costs_a_notice_and_nothing_else(port: str, said: str) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        asked = str(other.getsockname()[1]) if port == "taken" else port
        with worker(WORKER, asked) as (process, lines):
            _, errors = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert lines[-2].startswith("extract [2] 2/4 units")
    assert errors.count("Notice: no metrics are served") == 1
    assert f"{METRICS_VARIABLE}={asked}" in errors
    assert said in errors


def test_without_a_port_the_client_is_not_imported() -> None:
    code = (
        "import sys; from components.core.progress import Progress; Progress('x', 0, 1, 0).unit(1, 0); "
        "assert 'prometheus_client' not in sys.modules; assert 'components.core.metrics' not in sys.modules"
    )
    clean = {name: value for name, value in os.environ.items() if name != METRICS_VARIABLE}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY, env=clean)
