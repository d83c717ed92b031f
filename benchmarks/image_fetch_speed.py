"""Speed of fetching images by address, beside img2dataset on the same addresses of the same server.

    apt-get install nginx-light
    python3 -m venv VENV && VENV/bin/pip install img2dataset
    python benchmarks/image_fetch_speed.py --img2dataset VENV/bin/python [--rounds 5] [--corpora FOLDER]

A real web server (nginx, one worker) on this machine serves photographs of the corpora, each file
different (its number is written into it), under 32 host names (127.0.0.x).
Every job is a program of its own that ends with files on disk: ours with Parquet shards, ledger and
evidence, img2dataset with a webdataset. Both use one process with its helpers, 32 connections, and
neither asks for robots.txt, except in the last mode. Jobs alternate; CPU-seconds are those of the
program and all its children, without the server's.

| mode | ours | img2dataset |
| --- | --- | --- |
| resize | border 256, JPEG quality 95 | resize_mode border, image_size 256, encode_quality 95 |
| keep | every image decoded, bytes kept | disable_all_reencoding: bytes kept, nothing decoded |
| checked | as keep | resize_mode no: every image decoded and written anew |
| polite | as keep, robots.txt and site files of every host asked for and obeyed | |

The marginal rate is that of the images by which the larger job exceeds the smaller. Bars, from
medians: resize >= 1.1 x, checked >= 2 x img2dataset's marginal rate, and the job of 1,000 images, with
start-up, in at most a fifth of its CPU-seconds. The mode `keep` has no bar: there img2dataset does
not look at what it stores.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOSTS = 32
PORT = 18947
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  types {{ image/jpeg jpg; text/plain txt; }}
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {port} backlog=4096; root {folder}/www; }}
}}
"""
PEER = """
import sys
from img2dataset import download

if __name__ == "__main__":
    addresses, folder, mode = sys.argv[1:4]
    resize = {
        "resize": {"resize_mode": "border", "image_size": 256, "encode_quality": 95},
        "keep": {"resize_mode": "no", "disable_all_reencoding": True},
        "checked": {"resize_mode": "no"},
    }[mode]
    download(
        url_list=addresses, input_format="txt", output_folder=folder, output_format="webdataset",
        processes_count=1, thread_count=32, number_sample_per_shard=1000, retries=1, timeout=20, **resize,
    )
"""


def make_files(corpora: Path, www: Path, count: int) -> list[str]:
    """Put `count` different files under `www`; returns their addresses."""
    import cv2  # not at the top: the jobs are this program, too, and pay for what it imports

    pictures = sorted((corpora / "images").glob("*.jpg"))
    www.mkdir()
    (www / "robots.txt").write_text("User-agent: *\nDisallow: /private/\n")
    addresses = []
    for number, picture in zip(range(count), itertools.cycle(pictures), strict=False):
        pixels: Any = cv2.imread(str(picture))
        pixels[:64, :240] = 0
        cv2.putText(pixels, str(number), (5, 60), cv2.FONT_HERSHEY_PLAIN, 4, (255, 255, 255), 5)
        cv2.imwrite(str(www / f"{number:06d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 98])
        addresses.append(f"http://127.0.0.{1 + number % HOSTS}:{PORT}/{number:06d}.jpg")
    return addresses


@contextmanager
def web_server(folder: Path) -> Iterator[None]:
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=PORT))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    folder.chmod(0o755)
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-g", "user root;"])
    time.sleep(1)
    if process.poll() is not None:
        raise SystemExit((folder / "error.log").read_text())
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@dataclass
class Job:
    """What one program took: CPU-seconds with its children, wall seconds, and the images it stored."""

    cpu_s: float
    wall_s: float
    images: int
    rss_mb: float


def run(command: list[str], log: Path) -> tuple[float, float, float]:
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:3]} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024


def ours(addresses: list[str], mode: str, folder: Path) -> Job:
    given, out = folder / "addresses.txt", folder / "ours"
    given.write_text("\n".join(addresses))
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, __file__, "--job", str(given), str(out), mode]
    cpu, wall, rss = run(command, folder / "ours.log")
    return Job(cpu, wall, int((out / "stored").read_text()), rss)


def theirs(python: str, addresses: list[str], mode: str, folder: Path) -> Job:
    given, out, script = folder / "addresses.txt", folder / "theirs", folder / "peer.py"
    given.write_text("\n".join(addresses))
    script.write_text(PEER)
    shutil.rmtree(out, ignore_errors=True)
    cpu, wall, rss = run([python, str(script), str(given), str(out), mode], folder / "theirs.log")
    stored = sum(json.loads(file.read_text())["successes"] for file in out.glob("*_stats.json"))
    return Job(cpu, wall, stored, rss)


def job(given: Path, out: Path, mode: str) -> None:
    """Our side: the step `fetch_images` over a dataset of addresses, through the runner."""
    import pyarrow as pa

    from components.core import schemas, shards
    from components.core.manifest import Counts, Manifest, Partitioning
    from components.core.runner import RunParams, publish, run_step
    from components.core.store import open_store
    from components.crawl.addresses import host_of
    from components.crawl.fetch_images import FetchImagesStage
    from components.crawl.web.file_params import FetchImagesParams

    rows = [
        {"url": url, "host": host_of(url), "kind": "image", "referrer": None, "shards": [0]}
        for url in given.read_text().split()
    ]
    table = pa.Table.from_pylist(rows, schema=schemas.get("fetch_targets/1"))
    root = out.as_uri()
    counts = Counts(rows_in=len(rows), kept=len(rows))
    listed: Manifest = publish("given", "targets", "fetch_targets/1", [table], [], counts, root, params={})
    data, groups = shards.encode(table, "fetch_targets/1", partition_by="host", partitions=1)
    open_store(root).put("given/targets/all.parquet", data)
    targets = listed.model_copy(
        update={
            "shards": [shards.describe("given/targets/all.parquet", data, len(rows), groups)],
            "partitioning": Partitioning(column="host", partitions=1, layout="row_groups"),
        }
    )
    params = FetchImagesParams(
        fetch=True,
        allow_private=True,
        own_servers=mode != "polite",
        concurrency=32,
        resize="border" if mode == "resize" else "none",
        max_side=256,
        max_unit_bytes=3 << 29,
    )
    found = run_step(FetchImagesStage(params), {"targets": targets}, root, RunParams(processes=1))
    (out / "stored").write_text(str(found["images"].rows))


def bare(addresses: list[str]) -> float:
    """Images a CPU-second of aiohttp alone, which bodies only pass through: the ceiling of this client."""
    import aiohttp

    async def fetch() -> None:
        waiting = iter(addresses)

        async def work(session: aiohttp.ClientSession) -> None:
            for url in waiting:
                async with session.get(url) as response:
                    await response.read()

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(work(session) for _ in range(32)))

    began = time.process_time()
    asyncio.run(fetch())
    return len(addresses) / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--img2dataset", help="Python of an environment that has img2dataset")
    parser.add_argument("--corpora", type=Path, default=Path(__file__).parents[2] / "shared" / "corpora")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", type=int, default=1000, help="images of the smaller job")
    parser.add_argument("--large", type=int, default=3000, help="images of the larger job")
    parser.add_argument("--modes", nargs="*", default=["resize", "keep", "checked", "polite"])
    parser.add_argument("--job", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        given, out, mode = options.job
        job(Path(given), Path(out), mode)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        addresses = make_files(options.corpora, folder / "www", options.large)
        size = sum(file.stat().st_size for file in (folder / "www").glob("*.jpg")) / options.large
        print(f"{options.large} images of {size / 1024:.0f} KiB")
        with web_server(folder):
            print(f"aiohttp alone: {bare(addresses):.0f} images a CPU-second")
            for mode in options.modes:
                compare(options, addresses, mode, folder)


def compare(options: argparse.Namespace, addresses: list[str], mode: str, folder: Path) -> None:
    """Alternate both sides in one mode and print medians."""
    sizes = (options.small, options.large)
    peer = options.img2dataset if mode != "polite" else None
    jobs: dict[str, list[tuple[Job, Job]]] = {"ours": [], "img2dataset": []}
    for _ in range(options.rounds):
        jobs["ours"].append(tuple(ours(addresses[:n], mode, folder) for n in sizes))  # type: ignore[arg-type]
        if peer:
            jobs["img2dataset"].append(
                tuple(theirs(peer, addresses[:n], mode, folder) for n in sizes)  # type: ignore[arg-type]
            )
    rates: dict[str, float] = {}
    whole: dict[str, list[float]] = {}
    for side, pairs in jobs.items():
        if not pairs:
            continue
        stored = {(a.images, b.images) for a, b in pairs}
        assert stored == {sizes}, f"{side} stored {stored} of {sizes}"
        marginal = [(sizes[1] - sizes[0]) / (b.cpu_s - a.cpu_s) for a, b in pairs]
        rates[side] = statistics.median(marginal)
        whole[side] = [statistics.median(pair[n].cpu_s for pair in pairs) for n in (0, 1)]
        wall = statistics.median(b.images / b.wall_s for _, b in pairs)
        rss = statistics.median(b.rss_mb for _, b in pairs)
        print(
            f"{mode:8} {side:12} {rates[side]:6.0f} images a CPU-second (from {min(marginal):.0f} to "
            f"{max(marginal):.0f}); jobs of {sizes[0]} and {sizes[1]}: {whole[side][0]:.1f} and "
            f"{whole[side][1]:.1f} CPU-s; {wall:.0f} images/s wall, largest process {rss:.0f} MB",
            flush=True,
        )
    if peer:
        ratios = [b / a for a, b in zip(whole["ours"], whole["img2dataset"], strict=True)]
        print(
            f"{mode:8} marginal rates {rates['ours'] / rates['img2dataset']:.2f} x; CPU-seconds of the jobs "
            f"{ratios[0]:.2f} x and {ratios[1]:.2f} x",
            flush=True,
        )


if __name__ == "__main__":
    main()
