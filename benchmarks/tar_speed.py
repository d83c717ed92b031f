"""Speed of our tar writer, beside webdataset's TarWriter on the same samples in the same run.

    pip install webdataset
    python benchmarks/tar_speed.py --corpora FOLDER [--rounds 9]

A sample is a JPEG of the corpora and a small JSON. Both sides write the tar of all samples into a file in
memory and are timed in CPU-seconds of one process, alternating; webdataset with `encoder=False`, so that
it gets bytes as ours does. Ours is then read with webdataset and every byte compared.

The bar: 2.5 times webdataset's rate.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import webdataset
from webdataset.writer import TarWriter

from components.publish.webdataset import TarBuilder

BAR = 2.5
Sample = tuple[str, bytes, bytes]


def ours(samples: list[Sample]) -> bytes:
    tar = TarBuilder()
    for key, sample, image in samples:
        tar.add(f"{key}.json", sample)
        tar.add(f"{key}.0.jpg", image)
    return tar.build()


def theirs(samples: list[Sample]) -> bytes:
    sink = io.BytesIO()
    with TarWriter(sink, encoder=False, mtime=0) as tar:
        for key, sample, image in samples:
            tar.write({"__key__": key, "json": sample, "0.jpg": image})
    return sink.getvalue()


def check(tar: bytes, samples: list[Sample]) -> None:
    """Read the tar with webdataset and compare every sample."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "00000.tar")
        path.write_bytes(tar)
        read = list(webdataset.WebDataset(str(path), shardshuffle=False))
    found = [(sample["__key__"], sample["json"], sample["0.jpg"]) for sample in read]
    if found != samples:
        raise ValueError("webdataset reads other samples than were written")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"))
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: their images are written")
    samples: list[Sample] = []
    for path in sorted(Path(options.corpora, "images").glob("*.jpg")):
        facts = {"name": path.name, "texts": ["a caption"] * 20, "images": ["0.jpg"]}
        key = hashlib.sha256(path.name.encode()).hexdigest()[:32]
        samples.append((key, json.dumps(facts).encode(), path.read_bytes()))
    size = sum(len(sample) + len(image) for _, sample, image in samples)
    sides: dict[str, Callable[[list[Sample]], bytes]] = {"ours": ours, "webdataset": theirs}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(options.rounds + 1):
        for name, call in sides.items():
            started = time.process_time()
            call(samples)
            if number:  # the first round warms up
                seconds[name].append(time.process_time() - started)
    check(ours(samples), samples)
    check(theirs(samples), samples)
    print(f"{len(samples)} samples, {size / 1e6:.1f} MB; webdataset reads both alike")
    rates = {name: size / statistics.median(times) / 1e6 for name, times in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:12} {rate:8.0f} MB a CPU-second")
    print(f"ours / webdataset = {rates['ours'] / rates['webdataset']:.2f} (bar {BAR})")


if __name__ == "__main__":
    main()
