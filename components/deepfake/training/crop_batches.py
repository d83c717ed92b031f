"""Face crops to train on: gathered once in a local file, drawn by class, method and group.

A step draws pairs: a real crop and a forged one, which go through the same augmentation. What a pair is
depends on the seed, the detector, the step and its place in the batch alone, so that a training that was
stopped goes on as if it had not been.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from components.core.errors import ConfigurationError
from components.deepfake.forgeries.base import MIN_EYES, generator, has_outline
from components.deepfake.forgeries.self_blend import self_blend
from components.deepfake.sample import Crop, Pixels
from components.deepfake.train_params import AugmentParams, NetworkTrainParams

Tables = Callable[[], Iterable[tuple[pa.Table, pa.Table]]]
"""Gives the shards of samples/1 and crops/1 that belong together, as often as it is called."""

_INDEX: Final = pa.schema(
    [
        pa.field("media_id", pa.string()),
        pa.field("frame", pa.int32()),
        pa.field("dataset", pa.string()),
        pa.field("group", pa.string()),
        pa.field("label", pa.int8()),
        pa.field("method", pa.string()),
        pa.field("family", pa.string()),
        pa.field("split", pa.string()),
        pa.field("landmarks", pa.list_(pa.float32(), 10)),
        pa.field("image_at", pa.int64()),
        pa.field("image_bytes", pa.int64()),
        pa.field("mask_bytes", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a step learns from.

    Attributes:
        pixels: (n, side, side, 3), RGB.
        labels: (n,), 1 forged.
        masks: (n, side, side), 255 where forged.
        known: (n,), False where nobody knows the mask.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.float32]
    masks: npt.NDArray[np.uint8]
    known: npt.NDArray[np.bool_]


def split_of(row: Mapping[str, Any], splits: Mapping[str, str]) -> str | None:
    """The split of a row of samples/1: that of splits/1, else its own (a pseudo-fake has its source's)."""
    found: str | None = splits.get(row["id"]) or row["split"]
    return found


def evenly(number: int, most: int) -> list[int]:
    """Up to `most` of the numbers below `number`, evenly spread, the middles of as many equal parts."""
    if number <= most:
        return list(range(number))
    return [int((place + 0.5) * number / most) for place in range(most)]


class CropPack:
    """The face crops of the training and validation splits, in one local file; only an index is in memory.

    Args:
        folder: where it lies; one that is whole is taken as it is.
        tables: what it is made of.
        splits: media id → split.
        per_sample: most crops of a sample.
    """

    def __init__(self, folder: Path, tables: Tables, splits: Mapping[str, str], per_sample: int) -> None:
        index, pixels = folder / "index.parquet", folder / "pixels.bin"
        if not index.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            self._make(tables, splits, per_sample, index, pixels)
        self.index: pa.Table = pq.read_table(index)
        self.rows: list[dict[str, Any]] = self.index.to_pylist()
        self._file = os.open(pixels, os.O_RDONLY)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def crop(self, number: int) -> Crop:
        """A crop with what training needs of it."""
        row = self.rows[number]
        data = os.pread(self._file, row["image_bytes"] + row["mask_bytes"], row["image_at"])
        landmarks = row["landmarks"]
        return Crop(
            frame=row["frame"],
            seconds=0.0,
            image=_decoded(data[: row["image_bytes"]], cv2.IMREAD_COLOR_RGB),
            box=(0.0, 0.0, 0.0, 0.0),
            landmarks=None if landmarks is None else np.array(landmarks, np.float32).reshape(5, 2),
            mask=_decoded(data[row["image_bytes"] :], cv2.IMREAD_GRAYSCALE) if row["mask_bytes"] else None,
        )

    @staticmethod
    def _make(tables: Tables, splits: Mapping[str, str], per_sample: int, index: Path, pixels: Path) -> None:
        rows: list[dict[str, Any]] = []
        at = 0
        with pixels.open("wb") as sink:
            for samples, crops in tables():
                wanted = {
                    row["id"]: row
                    for row in samples.select(
                        ["id", "dataset", "group", "label", "method", "family", "split"]
                    ).to_pylist()
                    if row["label"] is not None and split_of(row, splits) in ("train", "validation")
                }
                for media, places in _faces(crops, wanted).items():
                    for place in (places[number] for number in evenly(len(places), per_sample)):
                        crop = crops.slice(place, 1).select(["frame", "landmarks", "image", "mask"])
                        (values,) = crop.to_pylist()
                        image, mask = values["image"], values["mask"] or b""
                        sink.write(image + mask)
                        rows.append(
                            {
                                **{
                                    name: wanted[media][name]
                                    for name in ("dataset", "group", "label", "method", "family")
                                },
                                "media_id": media,
                                "frame": values["frame"],
                                "split": split_of(wanted[media], splits),
                                "landmarks": values["landmarks"],
                                "image_at": at,
                                "image_bytes": len(image),
                                "mask_bytes": len(mask),
                            }
                        )
                        at += len(image) + len(mask)
        partial = index.with_suffix(".partial")
        pq.write_table(pa.Table.from_pylist(rows, schema=_INDEX), partial)
        partial.replace(index)


class Balanced:
    """Draws a real crop and a forged one: a group first, so that no person counts for more than another.

    Args:
        without: a method that is left out.

    Raises:
        ConfigurationError: where there are no real or no forged crops to draw from.
    """

    def __init__(
        self, pack: CropPack, params: NetworkTrainParams, name: str, without: str | None = None
    ) -> None:
        self.real: dict[str, list[int]] = {}
        self.forged: dict[str, dict[str, list[int]]] = {}
        for number, row in enumerate(pack.rows):
            if row["split"] != "train":
                continue
            if row["label"] == 0:
                if params.forged != "self_blend" or blendable(row):
                    self.real.setdefault(row["group"], []).append(number)
            elif params.forged != "self_blend" and trains_on(row, params.families, without):
                self.forged.setdefault(row["method"] or "", {}).setdefault(row["group"], []).append(number)
        if not self.real:
            raise ConfigurationError(
                f"train.{name} found no face of a real sample (label 0) in the training split: give more "
                "real media, or labels."
            )
        if params.forged != "self_blend" and not self.forged:
            raise ConfigurationError(
                f"train.{name} found no forged face to train on: set train.{name}.forged to self_blend, or "
                "give forged media or methods of synthesize."
            )

    def draw_real(self, rng: np.random.Generator) -> int:
        """Number of a real crop."""
        return _pick(_pick(self.real, rng), rng)

    def draw_forged(self, rng: np.random.Generator) -> int:
        """Number of a forged crop: a method, a group of it, one of its crops."""
        return _pick(_pick(_pick(self.forged, rng), rng), rng)


def trains_on(row: Mapping[str, Any], families: Sequence[str] | None, without: str | None) -> bool:
    """Whether a forged row is trained on."""
    return (families is None or row["family"] in families) and (without is None or row["method"] != without)


class CropBatches:
    """The batches of a training, each made from its number alone.

    Args:
        name: of the detector; a part of the seed.
    """

    def __init__(
        self, pack: CropPack, params: NetworkTrainParams, name: str, seed: int, without: str | None = None
    ) -> None:
        self._pack, self._params, self._name, self._seed = pack, params, name, seed
        self._drawn = Balanced(pack, params, name, without)

    def pair(self, step: int, slot: int) -> tuple[tuple[Pixels, Pixels | None], tuple[Pixels, Pixels | None]]:
        """A real and a forged crop with their masks (None: not known), augmented alike."""
        rng = generator("train", self._name, str(self._seed), str(step), str(slot))
        params = self._params
        real = self._pack.crop(self._drawn.draw_real(rng))
        blends = params.forged == "self_blend" or (params.forged == "both" and rng.random() < 0.5)
        if blends and has_outline(real):
            made = self_blend(real, rng)
            clean, forged = made.target, made.image
            mask: Pixels | None = made.mask
        else:
            other = self._pack.crop(self._drawn.draw_forged(rng))
            clean, forged, mask = real.image, other.image, other.mask
        draws = draw_augmentation(params.augment, rng)
        blank = np.zeros(clean.shape[:2], np.uint8)
        return (
            draws.apply(clean, blank, params.side),
            draws.apply(forged, mask, params.side),
        )

    def batch(self, step: int, run: Callable[..., Iterable[Any]] = map) -> Batch:
        """The batch of a step.

        Args:
            run: how pairs are made: `map`, or that of a pool of threads.
        """
        slots = range(self._params.batch // 2)
        pairs = list(run(lambda slot: self.pair(step, slot), slots))
        return collate([item for pair in pairs for item in pair], [0, 1] * len(pairs))


def collate(items: Sequence[tuple[Pixels, Pixels | None]], labels: Sequence[int]) -> Batch:
    """Crops of one size and their masks as a batch."""
    blank = np.zeros(items[0][0].shape[:2], np.uint8)
    return Batch(
        pixels=np.stack([image for image, _ in items]),
        labels=np.array(labels, np.float32),
        masks=np.stack([blank if mask is None else mask for _, mask in items]),
        known=np.array([mask is not None for _, mask in items]),
    )


@dataclass(frozen=True, slots=True)
class Augmentation:
    """One draw, applied alike to the crops of a pair; 0 or None: not."""

    flip: bool
    scale: float
    shift: tuple[float, float]
    shrink: float
    sigma: float
    gain: float
    offset: float
    quality: int | None

    def apply(self, given: Pixels, forged: Pixels | None, side: int) -> tuple[Pixels, Pixels | None]:
        """The crop and its mask, (side, side)."""
        image: Any = fitted(given, side)
        mask: Any = None if forged is None else fitted(forged, side)
        if self.flip:
            image = image[:, ::-1]
            mask = None if mask is None else mask[:, ::-1]
        if self.scale != 1:
            away = [(side * ((1 - self.scale) / 2 + part)) for part in self.shift]
            move = np.array([[self.scale, 0, away[0]], [0, self.scale, away[1]]], np.float32)
            image = cv2.warpAffine(image, move, (side, side), borderMode=cv2.BORDER_REFLECT_101)
            mask = None if mask is None else cv2.warpAffine(mask, move, (side, side))
        if self.shrink < 1:
            small = max(8, round(side * self.shrink))
            image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
            image = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        if self.sigma:
            image = cv2.GaussianBlur(image, (0, 0), self.sigma)
        if self.gain != 1 or self.offset:
            toned = (image.astype(np.float32) - 128) * self.gain + 128 + self.offset * 255
            image = np.clip(np.rint(toned), 0, 255).astype(np.uint8)
        if self.quality is not None:
            _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, self.quality])
            image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
        return np.ascontiguousarray(image), None if mask is None else np.ascontiguousarray(mask)


def draw_augmentation(params: AugmentParams, rng: np.random.Generator) -> Augmentation:
    """Draw an augmentation; every draw is made, used or not."""
    uses = rng.random(6)
    scale, across, down = rng.uniform(0.96, 1.04), *rng.uniform(-0.04, 0.04, 2)
    shrink, sigma = rng.uniform(0.5, 1.0), rng.uniform(0.3, 1.2)
    contrast, brightness = rng.uniform(-params.tone_limit, params.tone_limit, 2)
    quality = int(rng.integers(params.jpeg_low, 101))
    framed, toned = uses[1] < params.framing, uses[4] < params.tone
    return Augmentation(
        flip=bool(uses[0] < params.flip),
        scale=float(scale) if framed else 1.0,
        shift=(float(across), float(down)),
        shrink=float(shrink) if uses[2] < params.resize else 1.0,
        sigma=float(sigma) if uses[3] < params.blur else 0.0,
        gain=float(1 + contrast) if toned else 1.0,
        offset=float(brightness) if toned else 0.0,
        quality=quality if uses[5] < params.jpeg else None,
    )


def fitted(image: Pixels, side: int) -> Pixels:
    """The picture at `side` pixels, as it is where it has them."""
    if image.shape[0] == image.shape[1] == side:
        return image
    smaller = min(image.shape[:2]) > side
    resized: Any = cv2.resize(
        image, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return resized  # type: ignore[no-any-return]


def _faces(crops: pa.Table, wanted: Mapping[str, Any]) -> dict[str, list[int]]:
    """Places of the face crops of the samples that are wanted, by sample, in order.

    Of a forged sample with masks only the faces that were forged count.
    """
    found: dict[str, list[int]] = {}
    masked = {
        media
        for media, valid in zip(
            crops["media_id"].to_pylist(), crops["mask"].is_valid().to_pylist(), strict=True
        )
        if valid
    }
    columns = (crops["media_id"].to_pylist(), crops["kind"].to_pylist(), crops["mask"].is_valid().to_pylist())
    for place, (media, kind, has_mask) in enumerate(zip(*columns, strict=True)):
        if kind == "face" and media in wanted and (has_mask or media not in masked):
            found.setdefault(media, []).append(place)
    return found


def blendable(row: Mapping[str, Any]) -> bool:
    """What `has_outline` says of the crop."""
    points = row["landmarks"]
    return points is not None and math.hypot(points[2] - points[0], points[3] - points[1]) >= MIN_EYES


def _pick(some: Any, rng: np.random.Generator) -> Any:
    """One of a list, or a value of a mapping by its sorted keys."""
    if isinstance(some, dict):
        names = list(some)
        return some[names[int(rng.integers(len(names)))]]
    return some[int(rng.integers(len(some)))]


def _decoded(data: bytes, flags: int) -> Pixels:
    image: Any = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return image  # type: ignore[no-any-return]
