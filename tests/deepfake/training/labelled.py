"""Labelled samples drawn by code, as shards of samples/1 and crops/1: textures, and self-blends of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import pyarrow as pa

from components.core import schemas
from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.self_blend import self_blend
from components.deepfake.sample import Crop, Pixels, Sample
from components.deepfake.sample_rows import to_rows
from components.deepfake.train_params import DetectorTrainParams, LinearTrainParams, NetworkTrainParams
from tests.deepfake.crops import crop, sample, texture

GROUPS = 6
TINY = NetworkTrainParams(
    blocks=2, side=64, channels=8, steps=12, batch=4, validate_steps=6, crops=2, mask_weight=1.0
)
PARAMS = DetectorTrainParams(
    blending=TINY,
    spatial=TINY.model_copy(update={"forged": "rows", "mask_weight": 0.0}),
    frequency=LinearTrainParams(crops=2),
    temporal=None,
    checkpoint_steps=5,
    fold_groups=2,
)


@functools.cache
def shards() -> list[tuple[pa.Table, pa.Table]]:
    """A shard a group: a real sample, one by each of two methods; the last two groups validate."""
    return [_shard(number) for number in range(GROUPS)]


def tables() -> Iterator[tuple[pa.Table, pa.Table]]:
    """The same as an iterator."""
    yield from shards()


def splits() -> pa.Table:
    """splits/1 of the real samples."""
    rows = [
        {
            "media_id": _name(number, "real"),
            "split": _split(number),
            "cluster": f"g{number}",
            "moved_from": None,
        }
        for number in range(GROUPS)
    ]
    return pa.Table.from_pylist(rows, schema=schemas.get("splits/1"))


def split_map() -> dict[str, str]:
    """Media id to split."""
    return {row["media_id"]: row["split"] for row in splits().to_pylist()}


def _shard(number: int) -> tuple[pa.Table, pa.Table]:
    faces = [crop(texture(10 * number + frame), frame=frame) for frame in range(3)]
    patches = (crop(texture(1000 + number), landmarks=None),)
    made: list[tuple[str, int, str | None, list[Crop]]] = [("real", 0, None, faces)]
    rough = [dataclasses.replace(face, image=_rough(face.image)) for face in faces]
    made.append(("rough", 1, "rough", rough))
    blends = []
    for face in faces:
        blended = self_blend(face, generator("test", str(number), str(face.frame)))
        blends.append(dataclasses.replace(face, image=blended.image, mask=blended.mask))
    made.append(("self_blend", 1, "self_blend", blends))
    samples, crops = [], []
    for what, label, method, some in made:
        whole = what == "rough"  # as if all of the picture had been generated
        seen = tuple(crop(_rough(one.image), landmarks=None) for one in patches) if whole else patches
        one: Sample = sample(some, patches=seen, kind="video", name=_name(number, what))
        columns, rows = to_rows(one)
        crops += rows
        samples.append(
            {
                "id": one.id, "uri": f"file:///{what}-{number}.mp4", "kind": "video", "format": "mp4",
                "size": 1, "width": 640, "height": 480, "seconds": 1.0, "fps": 25.0, "has_audio": False,
                "label": label, "method": method, "family": "entire_synthesis" if whole else method,
                "dataset": "drawn", "split": _split(number), "group": f"g{number}", "source": None,
                "attributes": [], "provenance": None, **columns,
            }
        )  # fmt: skip
    return (
        pa.Table.from_pylist(samples, schema=schemas.get("samples/1")),
        pa.Table.from_pylist(crops, schema=schemas.get("crops/1")),
    )


def _rough(image: Pixels) -> Pixels:
    """Blocks of 16 pixels of one colour, as nearest-neighbour up-sampling leaves them."""
    return image[::16, ::16].repeat(16, axis=0).repeat(16, axis=1)


def _name(number: int, what: str) -> str:
    return f"{what}-{number}".ljust(64, "0")


def _split(number: int) -> str:
    return "validation" if number >= GROUPS - 2 else "train"
