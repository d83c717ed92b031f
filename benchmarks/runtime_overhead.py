"""What the runtime costs over calling the stage functions in a plain loop.

Both sides extract the same WARC file in one process tree, in turn. The loop plans the sources, calls
`ExtractStage.run` on each unit and throws the result away; the runtime does the same through
`run_step` with one process, and so adds planning, a worker process, Parquet, digests, the ledger,
done markers and the manifest. Prints processor seconds of both and the overhead.

    python benchmarks/runtime_overhead.py --input pages.warc.gz
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from components.core.progress import EVENTS_VARIABLE
from components.core.runner import RunParams, publish, run_step
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.extract import ExtractStage
from components.crawl.params import ExtractParams
from components.crawl.sources import SourcesParams, list_sources
from components.dedup.params import DedupParams, RegistryParams
from components.dedup.registry import snapshot


def processor_seconds() -> float:
    """Of this process and every child that has ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def loop(location: str, shard_bytes: int) -> int:
    """Call the stage on every unit; the number of documents."""
    stores = Stores()
    stage = ExtractStage(ExtractParams())
    documents = 0
    for index, table in enumerate(
        list_sources([location], stores, SourcesParams(shard_bytes=shard_bytes)).shards()
    ):
        out = Output(stage.name, stage.reasons)
        stage.run(Unit(index, {"sources": table}, stores), out)
        documents += sum(t.num_rows for t in out.tables.get("documents", []))
    stage.close()
    return documents


def runtime(location: str, shard_bytes: int) -> int:
    """The same through the runner; the number of documents."""
    with tempfile.TemporaryDirectory() as folder:
        plan = list_sources([location], Stores(), SourcesParams(shard_bytes=shard_bytes))
        sources = publish(
            "sources", "sources", "sources/1", plan.shards(), plan.ledger(), plan.counts, folder, params={}
        )
        seen = snapshot(folder, RegistryParams(), DedupParams(), 16, {})["seen_payloads"]
        inputs = {"sources": sources, "seen": seen}
        found = run_step(ExtractStage(ExtractParams()), inputs, folder, RunParams(processes=1))
        return found["documents"].rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--input", required=True, type=Path, help="a WARC file")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side runs")
    parser.add_argument(
        "--shard-bytes", type=int, default=SourcesParams().shard_bytes, help="bytes of input a unit"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    location = str(arguments.input)
    os.environ.setdefault(EVENTS_VARIABLE, os.devnull)  # progress would mix with the result
    sides = {"plain loop": loop, "runtime": runtime}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    walls: dict[str, list[float]] = {name: [] for name in sides}
    counts = {name: side(location, arguments.shard_bytes) for name, side in sides.items()}  # warm-up
    assert counts["plain loop"] == counts["runtime"], counts
    for _ in range(arguments.rounds):
        for name, side in sides.items():
            before, wall = processor_seconds(), time.perf_counter()
            side(location, arguments.shard_bytes)
            seconds[name].append(processor_seconds() - before)
            walls[name].append(time.perf_counter() - wall)
    ratios = [b / a for a, b in zip(seconds["plain loop"], seconds["runtime"], strict=True)]
    result = {
        "documents": counts["runtime"],
        "cores": len(os.sched_getaffinity(0)),
        "cpu_seconds": {name: statistics.median(s) for name, s in seconds.items()},
        "wall_seconds": {name: statistics.median(s) for name, s in walls.items()},
        "overhead": statistics.median(ratios) - 1,
    }
    if arguments.json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['documents']} documents, median of {arguments.rounds} rounds")
    for name in sides:
        cpu, wall = statistics.median(seconds[name]), statistics.median(walls[name])
        print(f"{name:12} {cpu:7.2f} s of processor {wall:7.2f} s of wall clock")
    print(f"overhead of the runtime: {result['overhead']:+.1%} processor time (pairs: "
          f"{', '.join(f'{r - 1:+.1%}' for r in ratios)})")  # fmt: skip


if __name__ == "__main__":
    main()
