"""Memory and speed of the first step over lists of growing length: does memory stay flat?

    python benchmarks/sources_memory.py [--lines 10000 100000 1000000] [--paths 90000]

Writes lists of web addresses (50 a host in the mean, one host with a hundredth of all, one line in a hundred
repeated) and a list of paths of that many WARC files as Common Crawl publishes it, has each listed and
published in a process of its own, and prints lines a CPU-second and the peak of its memory. The bar: the
longest list takes no more than 64 MiB above the shortest. No peer: datatrove and img2dataset read such
lists into memory.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOUND = 64 << 20


def addresses(path: Path, lines: int) -> None:
    rng = random.Random(lines)
    hosts = max(1, lines // 50)
    last = "https://example.org/"
    with path.open("w") as out:
        for number in range(lines):
            if number % 100:
                host = 0 if number % 100 == 1 else int(hosts * rng.random() ** 2)
                last = f"https://www.site-{host}.example/articles/{number}/a-title-of-some-length.html"
            out.write(last + "\n")


def paths(path: Path, lines: int) -> None:
    folder = "crawl-data/CC-MAIN-2024-18/segments/1712296815919.75"
    with gzip.open(path, "wt") as out:
        for number in range(lines):
            out.write(f"{folder}/warc/CC-MAIN-20240412101354-20240412131354-{number:05d}.warc.gz\n")


def measure(listing: str) -> None:
    """List and publish one input in this process; prints what it took as JSON."""
    from components.core.runner import publish
    from components.core.store import Stores
    from components.crawl.sources import SourcesParams, list_sources

    with tempfile.TemporaryDirectory() as out:
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        wall, cpu = time.monotonic(), time.process_time()
        plan = list_sources([listing], Stores(), SourcesParams())
        manifest = publish(
            "sources", "sources", "sources/1", plan.shards(), plan.ledger(), plan.counts, out, params={}
        )
        print(
            json.dumps(
                {
                    "wall": time.monotonic() - wall,
                    "cpu": time.process_time() - cpu,
                    "start": start,
                    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
                    "units": len(manifest.shards),
                    "rows": manifest.rows,
                    "rows_in": plan.counts.rows_in,
                    "dropped": plan.counts.total_dropped,
                    "manifest": len(manifest.to_json()),
                }
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--paths", type=int, default=90_000, help="WARC files in the list of paths")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.measure)
        return
    peaks = []
    titles = ("list", "lines", "units", "dropped", "CPU s", "lines/CPU s", "peak MiB")
    print("{:>10} {:>9} {:>7} {:>8} {:>7} {:>12} {:>9}".format(*titles))
    for kind, lines in [*(("addresses", n) for n in arguments.lines), ("paths", arguments.paths)]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "seeds.txt" if kind == "addresses" else "warc.paths.gz")
            (addresses if kind == "addresses" else paths)(path, lines)
            command = [sys.executable, __file__, "--measure", str(path)]
            found = json.loads(
                subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            )
        assert found["rows_in"] == lines
        if kind == "addresses":
            peaks.append(found["peak"])
        print(
            f"{kind:>10} {lines:9,} {found['units']:7,} {found['dropped']:8,} {found['cpu']:7.1f} "
            f"{lines / found['cpu']:12,.0f} {found['peak'] / 2**20:9.0f}"
            f"   (manifest {found['manifest'] / 1e6:.1f} MB, wall {found['wall']:.1f} s)"
        )
    growth = max(peaks) - peaks[0]
    verdict = "held" if growth <= BOUND else "MISSED"
    print(f"peak grows by {growth / 2**20:.0f} MiB to the largest list (bar {BOUND >> 20}: {verdict})")


if __name__ == "__main__":
    main()
