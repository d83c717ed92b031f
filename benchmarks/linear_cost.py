"""Cost and memory of the whole pipeline at 1, 10 and 100 times the same mix of pages.

    pip install matplotlib psutil
    python benchmarks/linear_cost.py --pages web/pages.warc.gz [--base 200] [--plot docs/linear-cost.svg]

The pages are real ones; for every further copy the sentences of their paragraphs are drawn anew from the
sentences of all pages, so that copies are as alike as pages of one site and no more, and the addresses of
their images are their own. Every size is a run of `kalemint run mint` of its own. Processor time is that
of the whole process tree, memory the largest sum of unshared memory that was seen in it (sampled), and
the largest of one process. A straight line is least squares through the three sizes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from fastwarc.warc import ArchiveIterator, WarcRecordType

SCALES = (1, 10, 100)
PARAGRAPH = re.compile(rb"(<p\b[^>]*>)([^<]{60,})(</p>)")
PICTURE = re.compile(rb'(<img\b[^>]*\bsrc=")([^"]+)(")', re.I)


def pages(warc: Path, limit: int) -> list[tuple[str, bytes]]:
    found = []
    with warc.open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            body = record.reader.read()
            if b"<p" in body:
                found.append((record.headers["WARC-Target-URI"], body))
            if len(found) == limit:
                break
    return found


def sentences(found: list[tuple[str, bytes]]) -> list[bytes]:
    pool = {
        sentence.strip()
        for _, body in found
        for _, text, _ in PARAGRAPH.findall(body)
        for sentence in re.split(rb"(?<=[.!?])\s+", text)
        if 5 <= len(sentence.split()) <= 50
    }
    return sorted(pool)


def variant(body: bytes, pool: list[bytes], rng: random.Random, number: int) -> bytes:
    """The page with other sentences in its paragraphs, as many as before."""

    def other(match: re.Match[bytes]) -> bytes:
        count = max(1, len(re.findall(rb"[.!?](?:\s|$)", match[2])))
        return match[1] + b" ".join(rng.choices(pool, k=count)) + match[3]

    mark = b"&v=%d" % number
    body = PARAGRAPH.sub(other, body)
    return PICTURE.sub(lambda m: m[1] + m[2] + (mark if b"?" in m[2] else b"?" + mark[1:]) + m[3], body)


def record(url: str, number: int, body: bytes) -> bytes:
    http = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body
    head = (
        f"WARC/1.1\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"WARC-Record-ID: <urn:uuid:{number:08x}-0000-4000-8000-000000000000>\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(http)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + http + b"\r\n\r\n", 4)


def write(folder: Path, found: list[tuple[str, bytes]], scale: int) -> int:
    """WARC files of `scale` variants of every page; returns bytes."""
    pool, rng, number, size = sentences(found), random.Random(scale), 0, 0
    for copy in range(scale):
        with (folder / f"{copy:03d}.warc.gz").open("wb") as file:
            for url, body in found:
                number += 1
                mark = ("&" if "?" in url else "?") + f"v={copy}"
                size += file.write(record(url + mark, number, variant(body, pool, rng, copy)))
    return size


def tree(process: psutil.Process) -> Iterator[psutil.Process]:
    yield process
    yield from process.children(recursive=True)


class Sampler(threading.Thread):
    """Largest unshared memory, in bytes, of a process tree and of one process in it."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.total, self.largest = psutil.Process(pid), 0, 0

    def run(self) -> None:
        while self.process.is_running():
            sizes = []
            try:
                for one in tree(self.process):
                    try:
                        sizes.append(one.memory_full_info().uss)
                    except psutil.Error:
                        continue
            except psutil.Error:
                return
            self.total = max(self.total, sum(sizes))
            self.largest = max([self.largest, *sizes])
            time.sleep(0.25)


def run(inputs: Path, out: Path) -> dict[str, float]:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = [sys.executable, "-m", "pipelines.cli", "run", "mint", "-i", str(inputs), "-o", str(out)]
    # every page passes: what is measured is the work, not what the rules think of made-up text
    command += ["--set", "filter.decide.language=[]", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    sampler = Sampler(process.pid)
    sampler.start()
    answer, _ = process.communicate()
    if process.returncode:
        sys.exit(f"the run failed with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = json.loads(answer)["counts"]
    return {
        "seconds": time.monotonic() - started,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "total": sampler.total,
        "largest": sampler.largest,
        "read": counts["extract"]["rows_in"],
        "released": counts["export"]["kept"],
    }


def plot(rows: list[dict[str, float]], file: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    x = [row["read"] for row in rows]
    slope, start = np.polyfit(x, [row["cpu"] for row in rows], 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    left.loglog(x, [row["cpu"] for row in rows], "o-", color="#1d6b4f")
    left.loglog(x, [start + slope * n for n in x], "--", color="#999999", label="straight line")
    left.set_xlabel("pages")
    left.set_ylabel("processor seconds")
    left.legend(frameon=False)
    for name, label, colour in (
        ("total", "all processes", "#1d6b4f"),
        ("largest", "largest process", "#b3541e"),
    ):
        right.semilogx(x, [row[name] / 1e6 for row in rows], "o-", color=colour, label=label)
    right.set_ylim(bottom=0)
    right.set_xlabel("pages")
    right.set_ylabel("peak memory, MB")
    right.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=Path, required=True)
    parser.add_argument("--base", type=int, default=200, help="pages at 1 x")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    found = pages(options.pages, options.base)
    rows = []
    for scale in SCALES:
        with tempfile.TemporaryDirectory() as folder:
            inputs, out = Path(folder, "in"), Path(folder, "out")
            inputs.mkdir()
            size = write(inputs, found, scale)
            row = run(inputs, out)
        rows.append(row)
        print(
            f"{scale:4} x: {row['read']:7.0f} pages, {size / 1e6:7.1f} MB: {row['cpu']:7.1f} CPU-s, "
            f"{row['seconds']:6.1f} s, {1000 * row['cpu'] / row['read']:6.2f} CPU-ms a page; "
            f"peak {row['total'] / 1e6:5.0f} MB in all, {row['largest'] / 1e6:5.0f} MB in one process; "
            f"{row['released']:.0f} released",
            flush=True,
        )
    slope, start = np.polyfit([row["read"] for row in rows], [row["cpu"] for row in rows], 1)
    worst = max(abs(start + slope * row["read"] - row["cpu"]) / row["cpu"] for row in rows[1:])
    first, last = rows[1], rows[2]
    marginal = (last["cpu"] - first["cpu"]) / (last["read"] - first["read"])
    early = (first["cpu"] - rows[0]["cpu"]) / (first["read"] - rows[0]["read"])
    print(
        f"start {start:.1f} CPU-s and {1000 * slope:.2f} CPU-ms a page; marginal cost of 10 x to 100 x over "
        f"that of 1 x to 10 x: {marginal / early:.2f}; farthest from the line {worst:.1%}; "
        f"memory at 100 x over that at 10 x: {last['total'] / first['total']:.2f} in all, "
        f"{last['largest'] / first['largest']:.2f} in one process"
    )
    if options.plot:
        plot(rows, options.plot)
        print(f"wrote {options.plot}")


if __name__ == "__main__":
    main()
