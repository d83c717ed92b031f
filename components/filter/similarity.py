"""How well images fit the texts beside them, by a dual encoder (SigLIP, SigLIP 2, CLIP)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.core import schemas
from components.core.columns import flat_items
from components.core.dual_encoder import DualEncoder
from components.core.nearby_text import nearby, one_line
from components.core.stage import Output, Stage, Unit
from components.filter.image_pixels import decode
from components.filter.params import SimilarityParams
from components.filter.reasons import FilterReason

_DIGITS: Final = 4
"""Decimal places of a score: what processors and batches change lies below."""


class SimilarityStage(Stage[SimilarityParams]):
    """Compares every stored image of a document with its texts; the best one counts.

    The texts of an image are its alternative text, its caption, the end of the nearest text item
    before it and the start of the nearest one after it, `context_characters` of each (see `texts_of`).
    The score is the cosine of the embeddings, -1 to 1.

    It derives a table, of an image item a row, and decides about nothing: nothing to conserve. Items
    whose image is not stored or can't be decoded, and those without a text, have no row and are counted.
    """

    name = "similarity"
    consumes = {"documents": "documents/1", "images": "images/1"}
    produces = {"scores": "image_text_scores/1"}
    reasons = FilterReason
    conserves = False
    skipped = "filter.similarity.model names no model"
    sides = {"images": "by_id"}
    columns = {"images": ("id", "bytes", "width", "height")}

    def __init__(self, params: SimilarityParams) -> None:
        super().__init__(params)
        self._encoder: DualEncoder | None = None

    @property
    def enabled(self) -> bool:
        """Whether a model is given."""
        return self.params.model is not None

    def lookup(self, port: str, table: pa.Table) -> set[str]:
        """The images that a shard of documents shows."""
        return set(flat_items(table)[0].field("image_id").drop_null().to_pylist())

    def run(self, unit: Unit, out: Output) -> None:
        """Score the images of one shard of documents.

        Raises:
            ConfigurationError: where torch is not installed, or the model is not one that can do this.
        """
        items = unit.tables["documents"].column("items").to_pylist()
        images = unit.tables["images"]
        texts: dict[str, int] = {}  # in the order in which they are met
        stored = {image_id: number for number, image_id in enumerate(images.column("id").to_pylist())}
        asked: list[tuple[int, int, int, list[int]]] = []
        for row, document in enumerate(items):
            for position, item in enumerate(document):
                if item["kind"] != "image":
                    continue
                if item["image_id"] not in stored:
                    out.count("images_not_stored")
                    continue
                found = texts_of(document, position, self.params.context_characters)
                if not found:
                    out.count("images_without_text")
                    continue
                numbers = [texts.setdefault(text, len(texts)) for text in found]
                asked.append((row, position, stored[item["image_id"]], numbers))
        if asked:
            self._compare(images, list(texts), asked, out)

    def _compare(
        self,
        images: pa.Table,
        texts: list[str],
        asked: Sequence[tuple[int, int, int, list[int]]],
        out: Output,
    ) -> None:
        """Score image items: (row, position in the document, row of `images`, numbers of its texts)."""
        if self._encoder is None:
            assert self.params.model is not None
            self._encoder = DualEncoder(self.params.model, self.params.revision, "filter.similarity.model")
        pictures = self._embed_images(images, sorted({image for _, _, image, _ in asked}))
        phrases = np.concatenate(
            [self._encoder.texts(texts[at : at + self.params.batch]) for at in self._steps(len(texts))]
        )
        rows: list[tuple[int, int, float]] = []
        for row, position, image, numbers in asked:
            if image in pictures:
                best = float((phrases[numbers] @ pictures[image]).max())
                rows.append((row, position, round(best, _DIGITS)))
            else:
                out.count("images_undecodable")
        out.count("images_compared", len(rows))
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        schema = schemas.get("image_text_scores/1")
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        out.keep("scores", pa.Table.from_arrays(arrays, schema=schema))

    def _steps(self, count: int) -> range:
        return range(0, count, self.params.batch)

    def _embed_images(self, images: pa.Table, rows: Sequence[int]) -> dict[int, npt.NDArray[np.float32]]:
        """Row of `images` to its embedding; a batch of pixels in memory at a time."""
        assert self._encoder is not None
        data, width, height = (images.column(name) for name in ("bytes", "width", "height"))
        embedded: dict[int, npt.NDArray[np.float32]] = {}
        waiting = iter(rows)
        while batch := list(islice(waiting, self.params.batch)):
            decoded: dict[int, Any] = {}
            for row in batch:
                pixels = decode(data[row].as_py(), width[row].as_py(), height[row].as_py())
                if pixels is not None:
                    decoded[row] = pixels
            if decoded:
                vectors = self._encoder.images(list(decoded.values()))
                embedded.update(zip(decoded, vectors, strict=True))
        return embedded


def texts_of(items: Sequence[dict[str, Any]], position: int, context: int) -> list[str]:
    """What the author says about an image, as texts to compare it with; none twice, none empty.

    Args:
        items: all items of its document.
        position: the image among them.
        context: characters of the nearest text before and after it, cut between words.
    """
    image = items[position]
    texts = [one_line(image["alt"]), one_line(image["caption"])]
    if context:
        texts += nearby(items, position, context)
    return list(dict.fromkeys(text for text in texts if text))
