"""Pseudo-forgeries of real samples, for training and for testing."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, overload

import pyarrow as pa

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.stage import Output, Stage, Unit
from components.deepfake.forgery_params import SynthesizeParams
from components.deepfake.pseudo_fakes import PSEUDO_FAKES
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Provenance, Sample

if TYPE_CHECKING:
    from components.deepfake.forgeries.base import Forgery

DATASET: Final = PSEUDO_FAKES
_HELD: Final = 8
"""Samples of a shard that are kept decoded, some 15 MB each: neighbours of one sample are asked for again."""


class SynthesizeStage(Stage[SynthesizeParams]):
    """Forges every real sample of a shard by every method; forged and foreign samples are left alone.

    A record is one planned forgery: a real sample, a method and a copy. It is kept, or dropped under the id
    of its sample with the reason why it can't be made. A forgery has the split, group and source of what
    it was made from; faces and voices that are put in come from the same shard and split, and from another
    group and cluster. Which those are depends on the shard; everything else on the recipe alone.
    """

    name = "synthesize"
    consumes = {"samples": "samples/1", "crops": "crops/1", "splits": "splits/1"}
    produces = {"samples": "samples/1", "crops": "crops/1"}
    reasons = DeepfakeReason
    sides = {"crops": "aligned", "splits": "all"}
    imports = ("components.deepfake.sample_rows", "components.deepfake.forgeries.face_swap_2d")
    skipped = "deepfake.synthesize.methods is empty"

    @property
    def enabled(self) -> bool:
        """Whether any method is wanted."""
        return bool(self.params.methods)

    def run(self, unit: Unit, out: Output) -> None:
        """Forge the samples of one shard.

        Raises:
            ConfigurationError: for a method that is not registered, or samples that have no split.
        """
        from components.deepfake.forgeries import open_forgeries

        forgeries = open_forgeries(self.params.methods)
        splits = {row["media_id"]: row for row in unit.tables["splits"].to_pylist()}
        rows = unit.tables["samples"].to_pylist()
        real = [row for row in rows if self._is_real(row)]
        out.count("samples_forged_already", sum(row["label"] == 1 for row in rows))
        out.count("samples_without_label", sum(row["label"] is None for row in rows))
        for row in real:
            if row["id"] not in splits:
                raise ConfigurationError(
                    f"{row['uri']} has no split: samples and splits are of different runs"
                )
        load = _loader(real, unit.tables["crops"])
        out.rows_in, out.kept = 0, 0
        for number, row in enumerate(real):
            if not unit.wants(row["id"]):
                continue
            others = _Neighbours(load, [n for n, other in enumerate(real) if _apart(row, other, splits)])
            for forgery in forgeries:
                for copy in range(self.params.copies):
                    out.rows_in += 1
                    self._forge(row, load(number), others, forgery, copy, splits[row["id"]]["split"], out)

    def _is_real(self, row: dict[str, Any]) -> bool:
        return row["label"] == 0 or (self.params.take_unlabelled and row["label"] is None)

    def _forge(
        self,
        row: dict[str, Any],
        sample: Sample,
        others: Sequence[Sample],
        forgery: Forgery,
        copy: int,
        split: str,
        out: Output,
    ) -> None:
        from components.deepfake.forgeries.base import generator
        from components.deepfake.forgeries.watermark import mark, words
        from components.deepfake.sample_rows import to_rows

        recipe = (row["id"], forgery.name, str(copy), forgery.version)
        forged = forgery.forge(sample, others, generator("pseudo-fake", *recipe))
        if forged is None:
            reason, detail = _why(forgery, sample)
            out.drop(row["id"], reason, kind="forgery", detail=detail, locator=row["uri"])
            return
        identity = hashlib.sha256("\0".join(("kalemint pseudo-fake", *recipe)).encode()).hexdigest()
        said = words(forgery.name, row["id"])
        provenance = Provenance("synthetic", "watermark", None, "kalemint", said)
        forged = dataclasses.replace(forged, id=identity, provenance=provenance)
        columns, crops = to_rows(forged)
        made = {
            **row,
            **columns,
            "id": identity,
            "label": 1,
            "method": forgery.name,
            "family": forgery.family,
            "dataset": DATASET,
            "split": split,
            "source": row["id"],
            "provenance": dataclasses.asdict(provenance),
        }
        marked = [{**crop, "image": mark(crop["image"], forgery.name, row["id"])} for crop in crops]
        out.keep("samples", pa.Table.from_pylist([made], schema=schemas.get("samples/1")))
        out.keep("crops", pa.Table.from_pylist(marked, schema=schemas.get("crops/1")))
        out.count(f"forged_{forgery.name}")
        assert out.kept is not None
        out.kept += 1


class _Neighbours(Sequence[Sample]):
    """Other samples of a shard, decoded when they are looked at."""

    def __init__(self, load: Callable[[int], Sample], numbers: Sequence[int]) -> None:
        self._load, self._numbers = load, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | Sequence[Sample]:
        if isinstance(index, slice):
            return _Neighbours(self._load, self._numbers[index])
        return self._load(self._numbers[index])


def _loader(rows: Sequence[dict[str, Any]], crops: pa.Table) -> Callable[[int], Sample]:
    """Number of a row to its sample, decoded from its crops."""
    from components.deepfake.sample_rows import from_rows

    places: dict[str, list[int]] = {}
    for place, media in enumerate(crops.column("media_id").to_pylist()):
        places.setdefault(media, []).append(place)

    @lru_cache(maxsize=_HELD)
    def load(number: int) -> Sample:
        row = rows[number]
        return from_rows(row, crops.take(pa.array(places.get(row["id"], []), pa.int64())).to_pylist())

    return load


def _apart(row: dict[str, Any], other: dict[str, Any], splits: dict[str, dict[str, Any]]) -> bool:
    """Whether two real samples share a split, and neither a person nor a picture as far as is known."""
    mine, theirs = splits[row["id"]], splits[other["id"]]
    return (
        mine["split"] == theirs["split"]
        and mine["cluster"] != theirs["cluster"]
        and row["group"] != other["group"]
    )


def _why(forgery: Forgery, sample: Sample) -> tuple[DeepfakeReason, str]:
    """Reason and detail where a sample can't be forged."""
    missing = [need for need in forgery.alters if not getattr(sample, need)]
    if not missing:
        detail = (
            f"{forgery.name}: faces too small, sound short or silent, or nobody else in the shard's split"
        )
        return DeepfakeReason.CANNOT_FORGE, detail
    if "faces" in missing:
        return DeepfakeReason.NO_FACE, f"{forgery.name} alters faces; there is none"
    return DeepfakeReason.CANNOT_FORGE, f"{forgery.name} alters {', '.join(missing)}; there is none"
