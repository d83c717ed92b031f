"""The `fetch_images` step: images that documents show by address, fetched and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from components.core import schemas
from components.core.errors import Drop
from components.core.records import Image, image_table
from components.core.stage import Output, Unit
from components.crawl import consent
from components.crawl.fetch_files import FetchFilesStage, utc_now
from components.crawl.kinds import Kind, sniff
from components.crawl.web.file_params import FetchImagesParams, FileReason
from components.crawl.web.image_head import header_size

if TYPE_CHECKING:
    from components.crawl.image_reader import ImageReader
    from components.crawl.web.client import Exchange
    from components.crawl.web.files import FileAnswer, FileTarget, Taken

_ROWS_PER_TABLE: Final = 128


class FetchImagesStage(FetchFilesStage[FetchImagesParams]):
    """Fetch images and tell every shard whose documents show them.

    An image is decoded in a sandbox before it counts. Bytes that lie at several addresses are one row
    of `images` a unit, under the least of those addresses; `image_links` has a row for each address
    and shard. With `resize` the stored picture is a smaller JPEG; `scores` then has the original's
    size, and `fetches.sha256` is of the bytes that came.
    """

    name = "fetch_images"
    consumes = {"targets": "fetch_targets/1"}
    produces = {"images": "images/1", "image_links": "image_links/1", "fetches": "fetches/1"}
    partitioned = {"images": "id", "image_links": "shard"}
    kind = "image"
    imports = ("components.crawl.image_reader", "components.crawl.web.files")
    skipped = "crawl.images.fetch is false"

    def __init__(self, params: FetchImagesParams, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(params, clock)
        self._reader: ImageReader | None = None
        self._images: dict[str, Image] = {}
        self._found: dict[str, str] = {}

    @property
    def enabled(self) -> bool:
        """Whether images are fetched at all."""
        return self.params.fetch

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def run(self, unit: Unit, out: Output) -> None:
        self._images, self._found = {}, {}
        if self._reader is None:
            from components.crawl.image_reader import ImageReader

            self._reader = ImageReader(self.params)
        answers = self.fetch(unit, out)
        out.count("distinct_images", len(self._images))
        out.keep("image_links", self._links(answers))
        for images in self._tables():
            out.keep("images", images)

    def look(self, head: bytes) -> None:
        if sniff(head) is not Kind.IMAGE:
            raise Drop(FileReason.NOT_AN_IMAGE, f"begins with {head[:16]!r}")
        params = self.params
        size = header_size(head) if params.min_side or params.max_aspect else None
        if size is None:
            return
        short, long = sorted(size)
        if short < params.min_side:
            raise Drop(
                FileReason.IMAGE_TOO_SMALL, f"{size[0]}x{size[1]} pixels; min_side is {params.min_side}"
            )
        if params.max_aspect and short and long / short > params.max_aspect:
            raise Drop(
                FileReason.IMAGE_ASPECT, f"{size[0]}x{size[1]} pixels; max_aspect is {params.max_aspect:g}"
            )

    async def take(self, target: FileTarget, exchange: Exchange, evidence: consent.Evidence) -> Taken:
        from components.crawl.web.files import Taken

        assert self._reader is not None
        read = await self._reader.read(exchange.body)
        image = read.image
        self._found[target.url] = image.id
        known = self._images.setdefault(image.id, image)
        if known is image:
            image.bytes = image.bytes or exchange.body
            image.url = target.url
            return Taken(read.sha256, image.size)
        if known.url is None or target.url < known.url:
            # different originals can become the same small picture: the least address speaks for all
            known.url, known.scores = target.url, image.scores
        return Taken(read.sha256, 0)

    def _links(self, answers: list[FileAnswer]) -> pa.Table:
        rows: list[dict[str, Any]] = []
        for answer in answers:
            if answer.action == "captured":
                image = self._images[self._found[answer.target.url]]
                rows += [
                    {
                        "shard": shard,
                        "url": answer.target.url,
                        "image_id": image.id,
                        "width": image.width,
                        "height": image.height,
                    }
                    for shard in answer.target.shards
                ]
        rows.sort(key=lambda row: (row["shard"], row["url"]))
        return pa.Table.from_pylist(rows, schema=schemas.get("image_links/1"))

    def _tables(self) -> Iterator[pa.Table]:
        """The images by id, as tables; what became Arrow is let go."""
        ids = sorted(self._images)
        for first in range(0, len(ids), _ROWS_PER_TABLE):
            yield image_table(
                [self._images.pop(image_id) for image_id in ids[first : first + _ROWS_PER_TABLE]]
            )
