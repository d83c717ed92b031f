"""The `fetch_pdfs` step: PDF files that pages link to, fetched into WARC files."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from components.core import schemas
from components.core.errors import Drop
from components.core.stage import Output, Unit
from components.crawl import consent
from components.crawl.fetch_files import FetchFilesStage, utc_now
from components.crawl.warc.attach import attach_warc, warcinfo
from components.crawl.warc.writer import exchange_records
from components.crawl.web.file_params import FetchPdfsParams, FileReason

if TYPE_CHECKING:
    from components.crawl.web.client import Exchange
    from components.crawl.web.files import FileTarget, Taken

_MAGIC: Final = b"%PDF-"
_MAGIC_SPAN: Final = 1024
"""Readers accept the magic number anywhere in the first 1,024 bytes (ISO 32000-1, annex H.3.4.1)."""


class FetchPdfsStage(FetchFilesStage[FetchPdfsParams]):
    """Fetch PDF files; each becomes request, response and evidence in a WARC file of the unit.

    The rows of `sources` are those files, so there are fewer of them than captured addresses. They
    are held in memory until the unit is written: `max_unit_bytes` bounds them, and addresses that it
    leaves out fail with `budget_reached`, for a retry; more partitions make smaller units.

    Files of more than `max_file_bytes` are dropped (MINT-1T: 50 MB). Those of too many pages are
    dropped by the extraction, which counts them.
    """

    name = "fetch_pdfs"
    consumes = {"targets": "fetch_targets/1"}
    produces = {"sources": "sources/1", "fetches": "fetches/1"}
    kind = "pdf"

    def __init__(self, params: FetchPdfsParams, clock: Callable[[], datetime] = utc_now) -> None:
        super().__init__(params, clock)
        self._records: dict[str, bytes] = {}

    def run(self, unit: Unit, out: Output) -> None:
        self._records = {}
        answers = self.fetch(unit, out)
        urls = [answer.target.url for answer in answers if answer.action == "captured"]
        part = hashlib.sha256("\n".join(urls).encode()).hexdigest()[:16]
        rows = attach_warc(
            (self._records.pop(url) for url in urls),
            warcinfo(self.params, self._clock(), part),
            f"pdfs-{part}",
            self.params.warc_bytes,
            out,
        )
        out.keep("sources", pa.Table.from_pylist(rows, schema=schemas.get("sources/1")))

    def look(self, head: bytes) -> None:
        if _MAGIC not in head[:_MAGIC_SPAN]:
            raise Drop(FileReason.NOT_A_PDF, f"begins with {head[:16]!r}")

    async def take(self, target: FileTarget, exchange: Exchange, evidence: consent.Evidence) -> Taken:
        from components.crawl.web.files import Taken
        from components.crawl.web.rules import provenance

        fields = evidence.fields() + provenance(exchange, target.url, target.referrer)

        def encode() -> tuple[bytes, str]:
            records = exchange_records(
                exchange.url,
                exchange.date,
                exchange.request_head,
                exchange.response_head(),
                exchange.body,
                ip=exchange.ip,
                evidence=fields,
                part=target.id,
            )
            return records, hashlib.sha256(exchange.body).hexdigest()

        records, digest = await asyncio.to_thread(encode)  # compressing takes long
        self._records[target.url] = records
        return Taken(digest, len(records))
