"""Real files of image-text pairs, and the steps that read them."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL.Image as PilImage
import pyarrow as pa
import webdataset as wds
from PIL import ImageDraw

from components.caption.pair_sources import STEP, list_pair_sources
from components.caption.pairs_params import PairSourcesParams, ReadPairsParams
from components.caption.read_pairs import ReadPairsStage
from components.core import schemas
from components.core.manifest import Manifest
from components.core.runner import publish
from components.core.stage import Output, Unit
from components.core.store import Stores


def picture(seed: int, size: tuple[int, int] = (96, 64)) -> PilImage.Image:
    """Shapes by which one seed's picture is known from another's, at any size."""
    rng = random.Random(seed)
    made = PilImage.new("RGB", (384, 256), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(made)
    for _ in range(12):
        x, y, w, h = rng.randrange(384), rng.randrange(256), rng.randrange(20, 200), rng.randrange(20, 200)
        colour = tuple(rng.randrange(256) for _ in range(3))
        rng.choice([draw.ellipse, draw.rectangle])((x - w // 2, y - h // 2, x + w // 2, y + h // 2), colour)
    return made.resize(size)


def encoded(seed: int, kind: str = "JPEG", size: tuple[int, int] = (96, 64), **options: Any) -> bytes:
    sink = io.BytesIO()
    picture(seed, size).save(sink, kind, **options)
    return sink.getvalue()


def write_tar(path: Path, samples: Sequence[dict[str, Any]]) -> Path:
    """As img2dataset writes its shards: through webdataset's own writer."""
    with wds.TarWriter(str(path)) as writer:
        for number, sample in enumerate(samples):
            writer.write({"__key__": f"{number:09d}", **sample})
    return path


def img2dataset(seed: int, **fields: Any) -> dict[str, Any]:
    """A sample with the files and the JSON fields that img2dataset writes."""
    caption = f"A shape that is called number {seed}"
    values = {"caption": caption, "url": f"https://x.org/{seed}.jpg", "status": "success", "sha256": "0"}
    return {"jpg": encoded(seed), "txt": caption, "json": {**values, **fields}}


def plan(*inputs: Path | str, read: ReadPairsParams | None = None, **params: Any):
    return list_pair_sources([str(i) for i in inputs], Stores(), PairSourcesParams(**params), read)


def sources(root: Path, *inputs: Path | str, read: ReadPairsParams | None = None, **params: Any) -> Manifest:
    """The committed `sources` dataset of some inputs."""
    found = plan(*inputs, read=read, **params)
    return publish(
        STEP, "sources", "sources/1", found.shards, found.ledger, found.counts, root.as_uri(), params={}
    )


@contextmanager
def reading(**params: Any) -> Iterator[ReadPairsStage]:
    stage = ReadPairsStage(ReadPairsParams(**params))
    try:
        yield stage
    finally:
        stage.close()


def read(stage: ReadPairsStage, *inputs: Path | str, only: frozenset[str] | None = None) -> Output:
    """What the stage gives for all of the inputs as one unit; it adds up."""
    found = plan(*inputs, read=stage.params)
    table = pa.concat_tables(found.shards)
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"sources": table}, Stores(), only), out)
    lost = sum(line["action"] in ("dropped", "failed") for line in out.ledger)
    assert out.rows_in == (out.kept or 0) + lost
    return out


def rows(out: Output, port: str) -> list[dict[str, Any]]:
    schema = {**ReadPairsStage.produces, "pairs": "pairs/1", "rest": "pairs/1"}[port]
    return pa.concat_tables([schemas.get(schema).empty_table(), *out.tables.get(port, [])]).to_pylist()


def reasons(out: Output) -> list[tuple[str, str]]:
    return [(line["action"], line["reason"]) for line in out.ledger]
