"""A small run of captions on disk, made with the real runner: scenes and what was said of them."""

from __future__ import annotations

import io
import json
import math
import random
from pathlib import Path
from typing import Any

import PIL.Image as PilImage
import pyarrow as pa
from PIL import ImageDraw

from components.core import records, schemas
from components.core.images import read_image
from components.core.manifest import Counts, Manifest, concatenate
from components.core.model_files import publish_model
from components.core.records import Image
from components.core.runner import RunParams, publish, run_step
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.publish.export_captions import ExportCaptionsReason, ExportCaptionsStage
from components.publish.kale_params import CaptionReleaseParams

NASTY = "<script>alert(1)</script> | `code` & <b>bold</b> [a](b)"
SHAPES = ("circle", "square", "triangle")
COLOURS = ("red", "green", "blue", "yellow")
NAMES = ("Otto", "Mira", "Lund", "Vega")


def scene(number: int) -> tuple[Image, str, str, str]:
    """An image of a shape, with its colour, its shape and the name that its alternative text gives."""
    shape, colour, name = SHAPES[number % 3], COLOURS[number % 4], NAMES[number // 3 % 4]
    picture = PilImage.new("RGB", (96, 96), (240, 238, 230))
    draw = ImageDraw.Draw(picture)
    x, y = 20 + number % 5 * 4, 18 + number // 5 % 5 * 4
    if shape == "circle":
        draw.ellipse((x, y, x + 44, y + 44), fill=colour)
    elif shape == "square":
        draw.rectangle((x, y, x + 40, y + 40), fill=colour)
    else:
        draw.polygon([(x, y + 44), (x + 24, y), (x + 48, y + 44)], fill=colour)
    draw.point((number % 96, number // 96), fill="black")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    image = read_image(buffer.getvalue())
    image.url = f"https://site{number % 3}.example/{number}.png"
    return image, colour, shape, name


SCENES = [scene(number) for number in range(40)]
TEACHER, STUDENT = SCENES[:24], SCENES[24:]


def model(name: str, prompt: str, engine: str = "vllm") -> dict[str, str]:
    return {
        "model": name, "revision": "0123abcd", "engine": engine, "engine_version": "0.32.0", "prompt": prompt,
        "prompt_digest": "0011223344556677", "sampling": '{"max_tokens": 128, "temperature": 0.0}',
    }  # fmt: skip


def claim(text: str, source: str, verdict: str = "supported", removed: bool = False) -> dict[str, Any]:
    return {"text": text, "source": source, "verdict": verdict, "score": 0.9, "removed": removed}


def caption(number: int, judge: str = "vllm") -> dict[str, Any]:
    """A row of `captions/1`: the teacher's for the first scenes, the student's for the others."""
    image, colour, shape, name = SCENES[number]
    by_student = number >= len(TEACHER)
    alt = NASTY if number == 3 else f"{name} the {shape}"
    seen = f"A {colour} {shape} on a pale ground."
    known = f"Its name is {name}."
    claims = [claim(seen, "pixels"), claim(known, "alt_text")]
    kind, text = "fused", f"{seen} {known}"
    if number % 6 == 1:
        claims.append(claim("It was painted in 1912.", "none", "unsupported", removed=True))
    if number % 6 == 2:
        claims.insert(1, claim("Two dogs stand beside it.", "none", "contradicted", removed=True))
    if number % 6 == 4:
        kind, text, claims = "dense", seen, claims[:1]
    if number == 3:
        text, claims = NASTY, [claim(NASTY, "page")]
    row: dict[str, Any] = {
        "id": image.id, "kind": kind, "text": text, "dense": seen, "alt": alt, "url": image.url,
        "captioner": model("toys/teacher", "dense-v1"), "claims": claims, "tokens_in": 90, "tokens_out": 20,
        "words": len(text.split()), "judge": model("toys/judge", "judge-claim-v1", judge),
        "fuser": model("toys/fuser", "fuse-v1") if kind == "fused" else None,
    }  # fmt: skip
    if by_student:
        row |= {"kind": "student", "text": f"{seen} {known}", "dense": None, "fuser": None, "judge": None,
                "claims": None, "captioner": model("toys/student", "student-v1")}  # fmt: skip
        row["words"] = len(row["text"].split())
    return row


def captions(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schemas.get("captions/1"))


class ImagesById(Stage[CaptionReleaseParams]):
    """Spreads images by id, one shard a partition, as the pipeline's step unique_images does."""

    name, consumes, produces = "images_by_id", {"images": "images/1"}, {"unique": "images/1"}
    reasons, grouping, sorted_by = ExportCaptionsReason, "partition", {"unique": "id"}

    def run(self, unit: Unit, out: Output) -> None:
        out.keep("unique", unit.tables["images"].sort_by("id"))


class ReadImages(ImagesById):
    name, consumes, produces = "read_pairs", {"given": "images/1"}, {"images": "images/1"}
    grouping, sorted_by, partitioned = "shard", {}, {"images": "id"}

    def run(self, unit: Unit, out: Output) -> None:
        out.keep("images", unit.tables["given"])


def make(root: Path, *, judge: str = "vllm", drifted: bool = True, **params: Any) -> dict[str, Manifest]:
    """Make every dataset of a run of captions at `root`; the manifests of its release."""
    uri, few = root.as_uri(), RunParams(partitions=3, processes=1)
    open_store(uri).put(
        "run.json", json.dumps({"inputs": ["https://e.org/x?X-Amz-Signature=secret"]}).encode()
    )
    table = records.table([image for image, *_ in SCENES], "images/1")
    rows = len(SCENES)
    given = publish(
        "given", "given", "images/1", [table], [], Counts(rows_in=rows, kept=rows), uri, params={}
    )
    images = ReadImages(CaptionReleaseParams())
    images.partitions = few.partitions
    read = run_step(images, {"given": given}, uri, few)["images"]
    unique = ImagesById(CaptionReleaseParams())
    unique.partitions = few.partitions
    pictures = run_step(unique, {"images": read}, uri, few)["unique"]

    said = [caption(number, judge) for number in range(rows)]
    ledger = [
        {"step": "verify", "record_id": "a" * 64, "record_kind": "caption", "action": "dropped",
         "reason": "looping_output", "detail": NASTY, "locator": "https://e.org/1.png"},
        {"step": "verify", "record_id": SCENES[1][0].id, "record_kind": "caption", "action": "changed",
         "reason": "claim_removed", "detail": "unsupported: It was painted in 1912."},
    ]  # fmt: skip
    teacher = len(TEACHER)
    parts = [captions(said[:10]), captions(said[10:teacher])]
    counts = Counts(
        rows_in=teacher + 1, kept=teacher, dropped={"looping_output": 1}, changed={"claim_removed": 1}
    )
    verified = publish("verify", "captions", "captions/1", parts, ledger, counts, uri,
                       params={"judge": "vllm"}, family="caption")  # fmt: skip
    rest = rows - teacher
    scaled = publish("scale", "captions", "captions/1", [captions(said[teacher:])], [],
                     Counts(rows_in=rest, kept=rest), uri, params={"a": 1}, family="caption")  # fmt: skip
    train(root, uri)
    evaluate(uri)
    audits = [
        {"shard": n, "rows": 5, "agreement": 0.9 - 0.02 * n, "expected": 0.9, "degenerate": 0.01 * n,
         "drifted": drifted and n == 4}
        for n in range(6)
    ]  # fmt: skip
    derived = Counts(rows_in=6, kept=6, conserves=False)
    publish("scale_audit", "audits", "audits/1", [rows_of(audits, "audits/1")], [], derived, uri, params={})
    return export(uri, [verified, scaled], pictures, few, **params)


def export(
    uri: str, given: list[Manifest], images: Manifest, run: RunParams, **params: Any
) -> dict[str, Manifest]:
    stage = ExportCaptionsStage(CaptionReleaseParams(**params))
    return run_step(stage, {"captions": concatenate(given), "images": images}, uri, run)


def rows_of(rows: list[dict[str, Any]], schema: str) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schemas.get(schema))


def train(root: Path, uri: str) -> None:
    """A model and the logs of its training, as the trainer writes them; the weights are a few bytes."""
    folder, logs = root.with_name(f"{root.name}-model"), root.with_name(f"{root.name}-log")
    folder.mkdir()
    logs.mkdir()
    noise = random.Random(0)
    losses = []
    for step in range(1, 801):
        rate = 3e-4 * min(step / 80, 0.5 * (1 + math.cos(math.pi * step / 800)))
        losses.append({
            "step": step, "epoch": step // 400, "target_tokens": 900,
            "loss": round(0.1 + 4 * math.exp(-step / 120) * (1 + 0.1 * noise.gauss(0, 1)), 5),
            "lr": {"projector": rate, "language_model": rate / 3},
            "gradient_norm": round(1.5 * math.exp(-step / 300) + 0.2 * noise.random(), 4),
        })  # fmt: skip
    speeds = [
        {"step": step, "tokens_per_second": 4200 + noise.gauss(0, 90),
         "rows_per_second": 31 + noise.gauss(0, 1), "mfu": None if step < 100 else 0.31}
        for step in range(10, 801, 10)
    ]  # fmt: skip
    wanted = "A red circle on a pale ground. Its name is Otto."
    samples = [
        {"step": 200, "row": 0, "user": "Describe it.", "target": wanted, "caption": "A red red red"},
        {"step": 800, "row": 0, "user": "Describe it.", "target": wanted, "caption": NASTY},
    ]
    for name, lines in (("loss", losses), ("throughput", speeds), ("samples", samples)):
        (logs / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "model.safetensors").write_bytes(bytes(64))
    common: dict[str, Any] = {"params": {"preset": "tiny"}, "family": "distill", "parents": {}}
    publish_model(logs, "train", uri, port="log", **common)
    publish_model(folder, "train", uri, **common)


def evaluate(uri: str) -> None:
    made = []
    for number in range(0, len(TEACHER), 2):
        image, colour, shape, name = SCENES[number]
        row = caption(number)
        made.append({
            "id": image.id, "group": image.id, "alt": row["alt"], "reference": row["text"],
            "prediction": f"A {colour} {shape}. It is called {name}." if number else None,
            "other_alt": "Zoe the circle", "other_prediction": f"A {colour} {shape}. It is called Zoe.",
            "problem": None if number else "empty_output", "scores": [("word_f1", 0.8), ("fact_recall", 1.0)],
        })  # fmt: skip
    count = Counts(rows_in=len(made), kept=len(made))
    tables = [rows_of(made[:5], "evaluations/1"), rows_of(made[5:], "evaluations/1")]
    publish("evaluate", "evaluations", "evaluations/1", tables, [], count, uri, params={}, family="distill")
    gate = [
        {"metric": "word_f1", "value": 0.8123, "low": 0.78, "high": 0.84, "threshold": 0.6, "passed": True,
         "rows": 12},
        {"metric": "cider", "value": 2.5, "low": 2.1, "high": 2.9, "threshold": None, "passed": None,
         "rows": 12},
        {"metric": "degenerate", "value": 0.0833, "low": None, "high": None, "threshold": 0.05,
         "passed": False, "rows": 12},
    ]  # fmt: skip
    derived = Counts(rows_in=12, kept=3, conserves=False)
    publish(
        "gate", "gate", "gate/1", [rows_of(gate, "gate/1")], [], derived, uri, params={}, family="distill"
    )
