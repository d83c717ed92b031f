"""Captions, pairs and images of rendered scenes, as datasets of a run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from components.core import schemas
from components.core.manifest import Counts, Manifest
from components.core.runner import publish
from components.core.shards import read
from components.core.store import open_store


@dataclass
class Pair:
    """One image with its alternative text and the teacher's captions."""

    number: int
    alt: str | None = "img of Dotalwen hd"
    final: str = "A blue square and a yellow circle, named Dotalwen."
    dense: str | None = "A blue square and a yellow circle."
    group: str | None = None
    audit: bool = False
    phash: int | None = None

    @property
    def data(self) -> bytes:
        return f"image {self.number}".encode()

    @property
    def id(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


def table(rows: list[dict], schema: str) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schemas.get(schema))


def dataset(step: str, port: str, schema: str, shards: list[pa.Table], root: str) -> Manifest:
    rows = sum(shard.num_rows for shard in shards)
    return publish(step, port, schema, shards, [], Counts(rows_in=rows, kept=rows), root, params={})


def captioned(shards: list[list[Pair]], root: str) -> dict[str, Manifest]:
    """The inputs of the training set's step: captions, pairs, images; shards of all three aligned."""
    captions = [
        [
            {"id": p.id, "kind": "fused", "text": p.final, "dense": p.dense, "words": len(p.final.split())}
            for p in shard
        ]
        for shard in shards
    ]
    pairs = [
        [
            {"id": p.id, "alt": p.alt, "width": 8, "height": 8, "group": p.group or p.id, "audit": p.audit}
            for p in shard
        ]
        for shard in shards
    ]
    images = [
        [
            {
                "id": p.id,
                "bytes": p.data,
                "size": len(p.data),
                "format": "png",
                "width": 8,
                "height": 8,
                "phash": p.phash,
                "scores": [],
            }
            for p in reversed(shard)  # the order of images need not be that of captions
        ]
        for shard in shards
    ]
    return {
        "captions": dataset(
            "verify", "captions", "captions/1", [table(s, "captions/1") for s in captions], root
        ),
        "pairs": dataset("pairs", "pairs", "pairs/1", [table(s, "pairs/1") for s in pairs], root),
        "images": dataset(
            "unique_images", "images", "images/1", [table(s, "images/1") for s in images], root
        ),
    }


def rows(manifest: Manifest, root: str) -> list[dict]:
    """All rows of a dataset."""
    store = open_store(root)
    return [row for shard in manifest.shards for row in read(store, shard).to_pylist()]


def ledger(manifest: Manifest, root: str) -> list[dict]:
    """All ledger lines of the step that made a dataset."""
    store = open_store(root)
    return [line for shard in manifest.ledger for line in read(store, shard).to_pylist()]
