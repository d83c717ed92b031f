"""Collects what the extraction of one shard of sources gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from components.core import schemas
from components.core.records import Consent, Document, Image, record_id, table
from components.core.stage import Output, Unit
from components.crawl.addresses import canonical
from components.crawl.consent import consent_of, parse_fields
from components.crawl.payload import RecordReason, merge_consent
from components.crawl.warc.reader import WarcRecord, clean_uri

_IMAGES_PER_TABLE: Final = 128 << 20


class Collector:
    """What one unit gives, collected record by record.

    Identical images are one row; every address an image was found under is kept.
    """

    def __init__(self, unit: Unit, out: Output) -> None:
        self.unit = unit
        self.out = out
        self.rows = 0
        self.kept = 0
        self.documents: list[Document] = []
        self.payload_keys: list[int] = []
        self.images: dict[str, Image] = {}
        self.by_warc_id: dict[str, Document] = {}
        self.evidence: dict[str, Consent] = {}
        self.found_images: dict[str, Image] = {}
        self._addresses: dict[str, str] = {}
        self._requested: dict[str, str] = {}
        self._ids: set[str] = set()
        self._met: set[str] = set()

    def unique(self, found_id: str, *where: str) -> str:
        """The id, or another one if the shard has it already (a file copied, a record id used twice)."""
        while found_id in self._ids:
            found_id = record_id(found_id, *where)
        self._ids.add(found_id)
        return found_id

    def wants(self, row: dict[str, Any], found_id: str) -> bool:
        """Whether this run asks for a record: by its id, or by that of its source."""
        only = self.unit.only
        if only is None:
            return True
        asked = only & {found_id, row["id"]}
        self._met |= asked
        return bool(asked)

    def add_images(self, images: list[Image]) -> None:
        """Take images, of which the shard may have some already."""
        for image in images:
            known = self.images.setdefault(image.id, image)
            if known is not image:
                known.alts = sorted({*known.alts, *image.alts})

    def add_captured_image(self, image: Image, warc_id: str | None) -> bool:
        """Take an image and its address; False where the shard has its bytes already."""
        if warc_id:
            self.found_images[warc_id] = image
        if image.url:
            self._addresses.setdefault(canonical(image.url) or image.url, image.id)
        fresh = image.id not in self.images
        self.add_images([image])
        return fresh

    def add_image_file(self, image: Image) -> None:
        """Take an image given as a file: saved pages show it under the file's location."""
        if image.source_uri:
            self._addresses.setdefault(image.source_uri, image.id)
        self.add_images([image])

    def add_evidence(self, record: WarcRecord) -> None:
        """Take what a crawler recorded beside a response: its consent, the address it was asked for."""
        if not record.content_type.startswith("application/warc-fields"):
            return
        fields = parse_fields(record.block[: 1 << 16])
        headers = record.headers
        about = clean_uri(headers.get("WARC-Refers-To")) or clean_uri(headers.get("WARC-Concurrent-To"))
        if about is None:
            return
        if requested := clean_uri(fields.get("requested-url")):
            self._requested[requested] = about
        if "robots" in fields:
            self.evidence[about] = consent_of(fields)

    def finish(self) -> None:
        """Hand everything to the output."""
        for warc_id, document in self.by_warc_id.items():
            document.consent = merge_consent(document.consent, self.evidence.get(warc_id))
        for lost in sorted((self.unit.only or frozenset()) - self._met):
            self.rows += 1
            self.out.fail(lost, RecordReason.NOT_FOUND_AGAIN, detail="the source does not hold it any more")
        self.out.rows_in, self.out.kept = self.rows, self.kept
        self.out.keep("documents", table(self.documents, "documents/1"))
        for images in _batches(list(self.images.values())):
            self.out.keep("images", table(images, "images/1"))
        self.out.keep("image_index", self._index())
        self.out.keep(
            "payloads", pa.table([pa.array(self.payload_keys, pa.uint64())], schemas.get("payload_keys/1"))
        )

    def _index(self) -> pa.Table:
        """Which image is found under which address, those that lead to it by a redirect included."""
        for requested, warc_id in self._requested.items():
            if warc_id in self.found_images:
                self._addresses.setdefault(requested, self.found_images[warc_id].id)
        rows = []
        for url, image_id in sorted(self._addresses.items()):
            image = self.images[image_id]
            rows.append({"url": url, "image_id": image_id, "width": image.width, "height": image.height})
        return pa.Table.from_pylist(rows, schema=schemas.get("image_index/1"))


def _batches(images: list[Image]) -> Iterator[list[Image]]:
    """Images in groups that stay far below the 2 GiB an Arrow binary array can hold."""
    batch: list[Image] = []
    size = 0
    for image in images:
        if batch and size + image.size > _IMAGES_PER_TABLE:
            yield batch
            batch, size = [], 0
        batch.append(image)
        size += image.size
    yield batch
