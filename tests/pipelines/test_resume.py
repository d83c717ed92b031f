"""Kill anything at any moment, go on with another number of workers: the same bytes, nothing done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from components.core.store import open_store
from tests.pipelines import chain
from tests.pipelines.conftest import PAPERS
from tests.pipelines.processes import Running

SETTINGS = ["crawl.sources.shard_bytes=800000"]
PAPER = PAPERS / "spatio-temporal-kriging.pdf"
KILLS = 6


def start(out: Path, inputs: list[Path], workers: int) -> Running:
    command = [sys.executable, "-m", "tests.pipelines.chain", str(out), str(workers), json.dumps(SETTINGS)]
    return Running([*command, *map(str, inputs)])


def finished_units(out: Path) -> dict[str, tuple[int, bytes]]:
    """Done markers and the files they name: when each was written, and what is in the marker."""
    found: dict[str, tuple[int, bytes]] = {}
    for marker in out.glob("*/done/*.json"):
        content = marker.read_bytes()
        found[str(marker)] = (marker.stat().st_mtime_ns, content)
        for shard in json.loads(content)["ports"].values():
            path = out / shard["path"]
            found[str(path)] = (path.stat().st_mtime_ns, shard["sha256"].encode())
    return found


def all_digests(out: Path) -> dict[str, str]:
    return {
        str(m.relative_to(out).parent): json.loads(m.read_bytes())["digest"]
        for m in sorted(out.glob("*/*/manifest.json"))
    }


def kill_something(process: Running, dice: random.Random) -> bool:
    """Kill -9 the whole worker or one of the processes it started; False where it had ended already."""
    try:
        family = [psutil.Process(process.pid)]
        family += family[0].children(recursive=True)
        dice.choice(family).kill()
    except psutil.NoSuchProcess:
        return False
    return True


@pytest.fixture(scope="module")
def undisturbed(site_warc: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], float]:
    """Digests of a run that nobody disturbs, and how long it took."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    began = time.monotonic()
    process = start(out, [site_warc, PAPER], 1)
    assert process.ended() == 0, process.stderr_text()
    return all_digests(out), time.monotonic() - began


def test_killed_at_random_moments(
    undisturbed: tuple[dict[str, str], float], site_warc: Path, tmp_path: Path
) -> None:
    expected, seconds = undisturbed
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    dice = random.Random(seed)
    kills = runs = 0
    while kills < KILLS:  # a run that ends before it was killed often enough is followed by another
        out = tmp_path / f"out{runs}"
        kills += _run_and_kill(out, [site_warc, PAPER], dice, seconds, KILLS - kills)
        assert all_digests(out) == expected
        runs += 1


def _run_and_kill(out: Path, inputs: list[Path], dice: random.Random, seconds: float, most: int) -> int:
    """A run to its end, killed and started again up to `most` times; how often it was killed."""
    before: dict[str, tuple[int, bytes]] = {}
    kills = 0
    while True:
        process = start(out, inputs, dice.choice([1, 2, 3, 5]))
        if kills < most:
            time.sleep(dice.uniform(0.3, max(1.0, seconds / 3)))
            if process.poll() is None:
                kills += kill_something(process, dice)
        status = process.ended()
        now = finished_units(out)
        redone = [path for path, what in before.items() if now.get(path) != what]
        assert redone == [], f"finished units were done again after kill {kills}"
        before = now
        if status == 0:
            return kills
        assert status in (0, -signal.SIGKILL), process.stderr_text()


def test_workers_that_race_agree(
    undisturbed: tuple[dict[str, str], float], site_warc: Path, tmp_path: Path
) -> None:
    """Two whole runs into the same place at the same time."""
    out = tmp_path / "out"
    racers = [start(out, [site_warc, PAPER], workers) for workers in (1, 2)]
    for racer in racers:
        assert racer.ended() == 0, racer.stderr_text()
    assert all_digests(out) == undisturbed[0]


def test_sigterm_drains_and_the_next_run_goes_on(
    undisturbed: tuple[dict[str, str], float], site_warc: Path, tmp_path: Path
) -> None:
    expected, _ = undisturbed
    out = tmp_path / "out"
    process = start(out, [site_warc, PAPER], 1)
    process.until(lambda: list(out.glob("extract/done/*.json")))
    os.kill(process.pid, signal.SIGTERM)
    assert process.ended() != 0
    assert "run the same command again to go on" in process.stderr_text()
    before = finished_units(out)
    assert start(out, [site_warc, PAPER], 2).ended() == 0
    now = finished_units(out)
    assert {path: now[path] for path in before} == before
    assert all_digests(out) == expected


@pytest.mark.s3
def test_s3_gives_the_same_digests(
    undisturbed: tuple[dict[str, str], float], site_warc: Path, s3_bucket: str
) -> None:
    out = f"s3://{s3_bucket}/runs/one"
    made = chain.mint([str(site_warc), str(PAPER)], out, settings=SETTINGS, workers=2)
    expected = {name.replace("/", "."): digest for name, digest in undisturbed[0].items()}
    assert chain.digests(made) == expected
    assert open_store(out).folders()
