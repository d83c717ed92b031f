"""Tables of samples, splits and detections for the tests of what is measured on them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from components.core import schemas
from components.core.stage import Output, Unit
from components.deepfake.reasons import DeepfakeReason

SAMPLE: dict[str, Any] = {
    "kind": "video", "format": "mp4", "size": 1000, "width": 640, "height": 480, "seconds": 4.0, "fps": 25.0,
    "has_audio": False, "label": 0, "method": None, "family": None, "dataset": "set", "split": None,
    "source": None, "attributes": None, "provenance": None, "planned": 8, "decoded": 8, "with_face": 8,
    "tracks": 1, "problem": None, "audio": None, "audio_rate": None, "audio_start": None,
}  # fmt: skip


def identity(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def sample(name: str, **values: Any) -> dict[str, Any]:
    """A row of samples/1; its group is its own unless said."""
    return {**SAMPLE, "id": identity(name), "uri": f"file:///media/{name}.mp4", "group": name, **values}


def forged(name: str, method: str = "FaceSwap", family: str = "swap", **values: Any) -> dict[str, Any]:
    return sample(name, label=1, method=method, family=family, **values)


def detection(
    media_id: str,
    score: float | None,
    detector: str = "spatial",
    *,
    variant: str = "clean",
    fold: str | None = None,
    frames: Iterable[float] = (),
) -> dict[str, Any]:
    return {
        "media_id": media_id, "detector": detector, "fold": fold, "variant": variant, "score": score,
        "abstained": "no_face" if score is None else None, "milliseconds": 5.0,
        "frames": [{"seconds": float(n), "track": 0, "score": one} for n, one in enumerate(frames)],
    }  # fmt: skip


def face(media_id: str, dhash: int, face_pixels: float = 90.0, kind: str = "face") -> dict[str, Any]:
    return {
        "media_id": media_id, "kind": kind, "track": 0, "frame": 0, "seconds": 0.0, "box": [0.0] * 4,
        "landmarks": None, "confidence": 1.0, "face_pixels": face_pixels, "sharpness": 1.0, "dhash": dhash,
        "image": b"", "mask": None,
    }  # fmt: skip


def table(rows: Iterable[Mapping[str, Any]], schema: str) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schemas.get(schema))


def ran(stage: Any, **rows: Iterable[Mapping[str, Any]]) -> Output:
    """What a stage gives for these rows of its ports; a port left out is empty."""
    tables = {}
    for port, schema in stage.consumes.items():
        full = table(rows.get(port, ()), schema)
        tables[port] = full.select(list(stage.columns[port])) if port in stage.columns else full
    out = Output(step=stage.name, reasons=DeepfakeReason)
    stage.run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    return out


def rows_of(out: Output, port: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = pa.concat_tables(out.tables[port]).to_pylist()
    return made
