"""Datasets for the stages that make captions, and running them through the real runner."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image as PilImage
from PIL import ImageDraw

from components.core import schemas
from components.core.images import read_image
from components.core.manifest import Counts, Manifest
from components.core.records import table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Stage
from components.core.store import open_store


def picture(seed: int, size: tuple[int, int] = (40, 32)) -> bytes:
    """An encoded picture; another one for every seed."""
    numbers = hashlib.sha256(str(seed).encode()).digest()
    image = PilImage.new("RGB", size, tuple(numbers[:3]))
    ImageDraw.Draw(image).rectangle((4, 4, 20, 16), fill=tuple(numbers[3:6]))
    sink = io.BytesIO()
    image.save(sink, "PNG")
    return sink.getvalue()


def image_id(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()


def pair(image: bytes, alt: str | None = None, **fields: Any) -> dict[str, Any]:
    key = image_id(image)
    row = {"id": key, "url": f"https://x/{key[:6]}.png", "alt": alt, "width": 40, "height": 32, "group": key}
    return {**row, "alts": [alt] if alt else [], "audit": False, **fields}


def alignment(image: bytes, score: float | None, method: str = "judge") -> dict[str, Any]:
    return {"id": image_id(image), "score": score, "method": method}


def caption(image: bytes, text: str, kind: str = "dense", **fields: Any) -> dict[str, Any]:
    dense = text if kind == "dense" else None
    row = {"id": image_id(image), "kind": kind, "text": text, "dense": dense, "words": len(text.split())}
    return {**row, "captioner": {"model": "given", "engine": "transformers"}, **fields}


def rows(schema: str, *given: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(given), schema=schemas.get(schema))


def image_rows(*images: bytes) -> pa.Table:
    return table([read_image(image) for image in images], "images/1")


def _dataset(root: str, name: str, schema: str, *shards: pa.Table) -> Manifest:
    count = sum(shard.num_rows for shard in shards)
    counts = Counts(rows_in=count, kept=count)
    return publish(name, name, schema, list(shards), [], counts, root, params={})


class Ran:
    """What a step gave: rows of its port, ledger lines, counters."""

    def __init__(self, root: str, inputs: dict[str, Manifest], manifest: Manifest) -> None:
        store = open_store(root)
        self.inputs = inputs
        self.manifest = manifest
        self.rows = [row for shard in manifest.shards for row in read(store, shard).to_pylist()]
        self.ledger = [line for part in manifest.ledger for line in read(store, part).to_pylist()]
        self.counters = manifest.counts.counters

    def reasons(self, action: str) -> dict[str, str]:
        """Record id → reason of one action; the last where there are several."""
        return {line["record_id"]: line["reason"] for line in self.ledger if line["action"] == action}

    def lines(self, image: bytes) -> list[tuple[str, str, str | None]]:
        return [
            (line["action"], line["reason"], line["detail"])
            for line in self.ledger
            if line["record_id"] == image_id(image)
        ]

    def row(self, image: bytes) -> dict[str, Any]:
        (found,) = [row for row in self.rows if row["id"] == image_id(image)]
        return found


def ran(folder: Path, stage: Stage[Any], **inputs: pa.Table) -> Ran:
    """Run a stage over one shard of each input, through the runner."""
    root = folder.as_uri()
    given = {
        port: _dataset(root, f"given_{port}", stage.consumes[port], shard) for port, shard in inputs.items()
    }
    made = run_step(stage, given, root)
    return Ran(root, given, next(iter(made.values())))
