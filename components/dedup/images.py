"""One row for every image, however often it was found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.dedup.image_hashes import FLAT, Hashes, image_hashes
from components.dedup.params import ImageDedupParams
from components.dedup.reasons import DedupReason

_ORDER = ("id", "source_uri", "source_offset", "url")


class UniqueImagesStage(Stage[ImageDedupParams]):
    """Keeps the first of the images with the same bytes, with the alternative texts of all of them.

    Works on a partition of the images by id, so that all copies of an image are in one unit. First
    is least by (source_uri, source_offset, url), missing values last; the others are dropped. What
    is kept gets its pHash and dHash out of one decode, where `phash` is on.
    """

    name = "unique_images"
    version = "2"
    consumes = {"images": "images/1"}
    produces = {"images": "images/1"}
    reasons = DedupReason
    grouping = "partition"
    sorted_by = {"images": "id"}

    def run(self, unit: Unit, out: Output) -> None:
        """Make one partition unique; images are sorted by id."""
        table = unit.tables["images"]
        light = table.drop_columns(["bytes"])
        keys = [(name, "ascending") for name in _ORDER]
        # a stable order of equal keys needs the alternative texts too: they are all that is left
        tie = pa.array(["\x1f".join(alts or []) for alts in light.column("alts").to_pylist()], pa.string())
        order = pc.sort_indices(light.append_column("_tie", tie), sort_keys=[*keys, ("_tie", "ascending")])
        ids = light.column("id").take(order).to_pylist()
        first = np.array([i == 0 or ids[i - 1] != ids[i] for i in range(len(ids))], np.bool_)
        starts = np.flatnonzero(first)
        self._drop_copies(light, order, first, out)
        kept = table.take(order.filter(pa.array(first)))
        alts = light.column("alts").take(order).to_pylist()
        stops = [*starts.tolist(), len(ids)][1:]
        merged = [
            sorted({alt for part in alts[start:stop] for alt in part or []})
            for start, stop in zip(starts.tolist(), stops, strict=True)
        ]
        kept = _replace(kept, "alts", merged)
        if self.params.phash:
            hashes = self._hashes(kept, out)
            kept = _replace(kept, "phash", [pair.phash for pair in hashes])
            kept = _replace(kept, "dhash", [pair.dhash for pair in hashes])
        out.keep("images", kept)

    def _drop_copies(self, light: pa.Table, order: pa.Array, first: np.ndarray, out: Output) -> None:
        copies = light.take(order.filter(pa.array(~first)))
        for copy in copies.select(["id", "source_uri", "source_offset", "url"]).to_pylist():
            out.drop(
                copy["id"],
                DedupReason.EXACT_IMAGE,
                kind="image",
                detail="the same bytes were found before",
                locator=copy["url"] or f"{copy['source_uri']}@{copy['source_offset'] or 0}",
            )

    def _hashes(self, images: pa.Table, out: Output) -> list[Hashes]:
        hashes = []
        columns = (images.column(name) for name in ("id", "bytes", "width", "height"))
        for image_id, data, width, height in zip(*columns, strict=True):
            pair = image_hashes(data.as_py(), width.as_py(), height.as_py())
            if pair is None:
                out.change(
                    image_id.as_py(),
                    DedupReason.NO_PERCEPTUAL_HASH,
                    kind="image",
                    detail="the image could not be decoded; its phash and dhash stay null",
                )
            elif pair.phash is None:
                out.change(
                    image_id.as_py(),
                    DedupReason.FLAT_IMAGE,
                    kind="image",
                    detail=f"no two parts differ by {FLAT} grey levels; its phash and dhash stay null",
                )
            hashes.append(pair or Hashes(None, None))
        return hashes


def _replace(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = schemas.get("images/1").field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))
