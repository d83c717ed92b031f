"""Scores of images: each is decoded once, and what no document shows is left out."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.stage import Output, Stage, Unit
from components.filter.image_pixels import decode, grey
from components.filter.nsfw import BATCH, NsfwModel, prepare
from components.filter.params import AnnotateImagesParams
from components.filter.reasons import FilterReason
from components.filter.sharpness import sharpness
from components.filter.text_density import text_density

Scores = dict[str, float]


class AnnotateImagesStage(Stage[AnnotateImagesParams]):
    """Fills `scores` of every image that a document shows; drops the others (`not_shown`).

    Scores: `documents`, how many documents show it; `sharpness`, `text_density` and `nsfw` (see the
    modules of these names). An image that can't be decoded has `documents` only, and a `changed` line.
    Scores that an image had before are kept, those of the same name are replaced.

    The images were decoded before, in a sandbox, when they were found: here they are in this process.
    """

    name = "annotate_images"
    consumes = {"images": "images/1", "uses": "image_uses/1"}
    produces = {"images": "images/1"}
    reasons = FilterReason
    grouping = "partition"
    sorted_by = {"images": "id"}

    def __init__(self, params: AnnotateImagesParams) -> None:
        super().__init__(params)
        self._model: NsfwModel | None = None

    def run(self, unit: Unit, out: Output) -> None:
        """Score one partition of unique images, sorted by id, beside the uses of the same ids.

        Raises:
            ConfigurationError: where the NSFW score is asked for and its package is not installed.
        """
        images = unit.tables["images"]
        uses = unit.tables["uses"].group_by("image_id").aggregate([("documents", "sum")])
        shown = dict(
            zip(uses.column("image_id").to_pylist(), uses.column("documents_sum").to_pylist(), strict=True)
        )
        documents = [shown.get(image_id, 0) for image_id in images.column("id").to_pylist()]
        wanted = pa.array([number > 0 for number in documents], pa.bool_())
        unseen = images.filter(pc.invert(wanted)).select(["id", "url", "source_uri", "source_offset"])
        for image in unseen.to_pylist():
            out.drop(
                image["id"],
                FilterReason.NOT_SHOWN,
                kind="image",
                detail="no document shows it",
                locator=image["url"] or f"{image['source_uri']}@{image['source_offset'] or 0}",
            )
        kept = images.filter(wanted)
        found = self._scores(kept, out)
        before = kept.column("scores").to_pylist()
        scores = [
            sorted({**dict(old or []), "documents": float(number), **new}.items())
            for old, number, new in zip(before, filter(None, documents), found, strict=True)
        ]
        index, field = kept.schema.get_field_index("scores"), schemas.get("images/1").field("scores")
        out.keep("images", kept.set_column(index, field, pa.array(scores, field.type)))

    def _scores(self, images: pa.Table, out: Output) -> list[Scores]:
        """What is computed from the pixels of each image; nothing where it can't be decoded."""

        found: list[Scores] = []
        waiting: list[tuple[Scores, Any]] = []
        columns = (images.column(name) for name in ("id", "bytes", "width", "height"))
        for image_id, data, width, height in zip(*columns, strict=True):
            scores: Scores = {}
            found.append(scores)
            pixels = decode(data.as_py(), width.as_py(), height.as_py())
            if pixels is None:
                out.change(
                    image_id.as_py(),
                    FilterReason.IMAGE_UNDECODABLE,
                    kind="image",
                    detail="the image could not be decoded; it has no scores",
                )
                continue
            luma = grey(pixels)
            scores["sharpness"] = sharpness(luma)
            scores["text_density"] = text_density(luma)
            if self.params.nsfw:
                waiting.append((scores, prepare(pixels)))
                if len(waiting) == BATCH:
                    self._classify(waiting)
        self._classify(waiting)
        return found

    def _classify(self, waiting: list[tuple[Scores, Any]]) -> None:
        """Give the images that wait their NSFW score, and empty the list."""
        if not waiting:
            return
        if self._model is None:
            self._model = NsfwModel()
        for (scores, _), value in zip(
            waiting, self._model.scores([pixels for _, pixels in waiting]), strict=True
        ):
            scores["nsfw"] = value
        waiting.clear()
