"""The `read_pairs` step: lists of image-text pairs become images and what is said about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from components.caption.pair_formats.files import read_file_pair
from components.caption.pair_formats.pair import Pair, Texts
from components.caption.pair_formats.parquet import ParquetPairs
from components.caption.pair_formats.tables import read_table
from components.caption.pair_formats.tar import read_tar
from components.caption.pair_images import BYTES_AT_ONCE, MOST_AT_ONCE, ImageChecker
from components.caption.pairs_params import ReadPairsParams
from components.caption.reasons import CaptionReason
from components.core import schemas
from components.core.errors import BadRecord, ConfigurationError
from components.core.records import Image, image_table, record_id
from components.core.stage import Output, Stage, Unit
from components.core.store import Stores

_ROWS_PER_TABLE: Final = 32
"""So few that their bytes fit into an Arrow array (2 GiB) whatever `max_image_bytes` is."""


class ReadPairsStage(Stage[ReadPairsParams]):
    """Read pairs of the four kinds of files (`components.caption.pair_sources`).

    A row is a pair: a sample of a tar, a row of a table or a Parquet file, an image file, or a damaged
    stretch of one of them, which fails. A pair is kept when its image can be decoded:

        rows in = pairs kept + dropped + failed

    Bytes that occur more than once in a unit are one row of `images`; `contexts` has a row for every
    pair kept (for each of its alternative texts, where it has several). Sizes are not judged here: the
    step `pairs` does.
    """

    name = "read_pairs"
    consumes = {"sources": "sources/1"}
    produces = {"images": "images/1", "contexts": "image_contexts/1"}
    reasons = CaptionReason
    partitioned = {"images": "id", "contexts": "image_id"}

    def __init__(self, params: ReadPairsParams) -> None:
        super().__init__(params)
        self._checker = ImageChecker(params.decode_s, params.memory_bytes)
        self._parquet = ParquetPairs(params)

    def close(self) -> None:
        self._checker.close()
        self._parquet.close()

    def run(self, unit: Unit, out: Output) -> None:
        """Read the pairs of one unit of sources."""
        found = _Collected(unit, out)
        waiting: list[tuple[str, Pair]] = []
        size = 0
        for row in unit.tables["sources"].to_pylist():
            for pair in self._pairs(row, unit.stores):
                pair_id = record_id("pair", pair.uri, pair.place)
                if not found.wants(row["id"], pair_id):
                    continue
                waiting.append((pair_id, pair))
                size += len(pair.image)
                if len(waiting) >= MOST_AT_ONCE or size >= BYTES_AT_ONCE:
                    self._take(waiting, found)
                    waiting, size = [], 0
        self._take(waiting, found)
        found.finish()

    def _pairs(self, row: dict[str, Any], stores: Stores) -> Iterator[Pair]:
        kind, uri = row["kind"], row["uri"]
        if kind == "pairs_tar":
            with stores.open(uri) as stream:
                yield from read_tar(stream, uri, self.params)
        elif kind == "pairs_parquet":
            yield from self._parquet.read(stores, uri, row["start"], row["stop"])
        elif kind == "pairs_table":
            yield from read_table(stores, uri, row["start"], row["stop"], self.params)
        elif kind == "pairs_folder":
            yield read_file_pair(stores, uri, self.params)
        else:
            raise ConfigurationError(
                f"{uri} is a source of kind {kind!r}, which holds no pairs: give it to the pipeline `mint`."
            )

    def _take(self, waiting: list[tuple[str, Pair]], found: _Collected) -> None:
        bodies = [pair.image for _, pair in waiting if pair.problem is None]
        checked = self._checker.check(bodies)
        for pair_id, pair in waiting:
            image = None if pair.problem is not None else next(checked)
            found.take(pair_id, pair, image)


class _Collected:
    """What one unit gives, collected pair by pair."""

    def __init__(self, unit: Unit, out: Output) -> None:
        self._unit, self._out = unit, out
        self._rows = self._kept = 0
        self._images: dict[str, Image] = {}
        self._alts: dict[str, set[str]] = {}
        self._contexts: list[dict[str, str | None]] = []
        self._met: set[str] = set()

    def wants(self, source_id: str, pair_id: str) -> bool:
        """Whether this run asks for a pair: by its id, or by that of its source."""
        if self._unit.only is None:
            return True
        asked = self._unit.only & {source_id, pair_id}
        self._met |= asked
        return bool(asked)

    def take(self, pair_id: str, pair: Pair, image: Image | BadRecord | None) -> None:
        """Decide about one pair."""
        self._rows += 1
        locator = f"{pair.uri}#{pair.place}" if pair.place else pair.uri
        with self._out.record(pair_id, kind="pair", locator=locator):
            if pair.problem is not None:
                raise pair.problem
            if isinstance(image, BadRecord):
                raise image
            assert image is not None
            self._kept += 1
            for note in pair.notes:
                self._out.change(pair_id, note.reason, kind="pair", detail=note.detail, locator=locator)
            self._keep(pair, image)

    def _keep(self, pair: Pair, image: Image) -> None:
        known = self._images.setdefault(image.id, image)
        texts = pair.texts
        if known is image:
            image.source_uri, image.source_offset = pair.uri, pair.offset
            self._alts[image.id] = set()
        if texts.url is not None and (known.url is None or texts.url < known.url):
            known.url = texts.url
        self._alts[image.id].update(texts.alts, [texts.caption] if texts.caption else [])
        self._contexts += _contexts(image.id, texts)

    def finish(self) -> None:
        """Hand everything to the output; what became Arrow is let go."""
        for lost in sorted((self._unit.only or frozenset()) - self._met):
            self._rows += 1
            self._out.fail(
                lost,
                CaptionReason.NOT_FOUND_AGAIN,
                kind="pair",
                detail="the source does not hold it any more",
            )
        self._out.rows_in, self._out.kept = self._rows, self._kept
        self._out.keep(
            "contexts", pa.Table.from_pylist(self._contexts, schema=schemas.get("image_contexts/1"))
        )
        ids = list(self._images)
        for first in range(0, len(ids), _ROWS_PER_TABLE):
            batch = [self._images.pop(image_id) for image_id in ids[first : first + _ROWS_PER_TABLE]]
            for image in batch:
                image.alts = sorted(self._alts[image.id])
            self._out.keep("images", image_table(batch))


def _contexts(image_id: str, texts: Texts) -> list[dict[str, str | None]]:
    """Rows of image_contexts/1: one for each alternative text, or one without."""
    return [
        {
            "image_id": image_id,
            "document_id": None,
            "alt": alt,
            "caption": texts.caption,
            "title": texts.title,
            "before": None,
            "after": None,
            "url": texts.url,
            "page_url": texts.page_url,
        }
        for alt in texts.alts or (None,)
    ]
