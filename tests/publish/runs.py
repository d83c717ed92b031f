"""A small run on disk, made with the real runner: documents and images in, an export out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.core.manifest import Counts, Manifest
from components.core.runner import publish, run_step
from components.core.store import open_store
from components.publish.export import ExportStage
from components.publish.params import PublishParams
from tests.publish import samples

NASTY = "<script>alert(1)</script> | `code` & <b>bold</b> [a](b)"
PICTURES = [samples.image_record(samples.jpeg(n)) for n in range(4)]
GONE = samples.image_record(samples.png(9))


def documents(shard: int, count: int = 6) -> pa.Table:
    made = []
    for n in range(count):
        number = shard * count + n
        items = [
            samples.text(f"Heading of {number}", "heading"),
            samples.text(f"Some words of document {number}. " * (n + 1)),
            samples.shown(PICTURES[n % 4], url=f"https://e.org/{n}.jpg", alt=NASTY, caption="A figure"),
            samples.shown(GONE if n == 0 else None, url=f"https://e.org/gone{n}.jpg"),
            samples.text("After the images."),
        ]
        source = ("html", "pdf", "latex")[n % 3]
        made.append(
            samples.document(number, items, source=source, title=NASTY if n == 1 else f"Page {number}")
        )
    return samples.documents_table(made)


def make(root: Path, **params: Any) -> Manifest:
    """Run an export over two shards of documents at `root`; the manifest of its release."""
    uri = root.as_uri()
    tables = [documents(0), documents(1)]
    ledger = [
        {"step": "decide", "record_id": f"{99:032x}", "record_kind": "document", "action": "dropped",
         "reason": "too_few_words", "score": 17.0, "threshold": 50.0, "detail": NASTY, "locator": "https://e.org/99"},
        {"step": "decide", "record_id": f"{98:032x}", "record_kind": "document", "action": "failed",
         "reason": "timeout", "detail": "took too long"},
    ]  # fmt: skip
    counts = Counts(rows_in=14, kept=12, dropped={"too_few_words": 1}, failed={"timeout": 1})
    settings = {"min_words": 50, "consent": {"respect_robots": True}}
    given = publish("decide", "decided", "documents/1", tables, ledger, counts, uri, params=settings)
    images = samples.images_table(sorted(PICTURES, key=lambda p: p.id))
    total = Counts(rows_in=len(PICTURES), kept=len(PICTURES))
    pictures = publish("unique_images", "unique", "images/1", [images], [], total, uri, params={})
    sources = [
        "s3://name:secret@bucket/a.warc.gz",
        "https://e.org/x?X-Amz-Signature=abc",
        "file:///home/me/b.pdf",
    ]
    open_store(uri).put("run.json", json.dumps({"inputs": sources}).encode())
    stage = ExportStage(PublishParams(**params))
    return run_step(stage, {"documents": given, "images": pictures}, uri)["release"]
