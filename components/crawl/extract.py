"""Turn sources (ranges of WARC files, and files) into interleaved documents and images."""

from __future__ import annotations

import functools
import hashlib
from enum import StrEnum
from typing import Any, Final, Literal
from urllib.parse import unquote

from components.core.errors import BadRecord, Drop
from components.core.images import ImageReason, read_image
from components.core.records import Document, Extracted, Image, Item, Note, record_id
from components.core.sandbox import Sandbox, SandboxReason
from components.core.seen import SeenPayloads, payload_key
from components.core.stage import Output, Stage, Unit, empty
from components.core.store import Stores
from components.crawl.arxiv_bulk import Member, TarDamage, read_members
from components.crawl.collector import Collector
from components.crawl.html.parse import HtmlReason
from components.crawl.kinds import Kind
from components.crawl.latex.reasons import LatexReason
from components.crawl.params import ExtractParams
from components.crawl.payload import Payload, RecordReason, header_consent, kind_of, merge_consent
from components.crawl.pdf.params import PdfReason
from components.crawl.warc.http_message import HttpReason, read_response
from components.crawl.warc.reader import WarcDamage, WarcRecord, read_warc


def _union(name: str, enums: list[type[StrEnum]]) -> Any:
    """One closed enum of the members of several; a value that two of them share is one member."""
    return StrEnum(name, {member.value.upper(): member.value for enum in enums for member in enum})


ExtractReason: Final[Any] = _union(
    "ExtractReason",
    [
        RecordReason,
        SandboxReason,
        HttpReason,
        ImageReason,
        HtmlReason,
        PdfReason,
        LatexReason,
    ],
)
"""Every reason that this step's ledger can hold."""

_RECORDS: Final = frozenset({"response", "resource", "revisit", "continuation"})
"""WARC records that are rows of this step. The others describe a capture and are only counted."""
_EVIDENCE_SPAN: Final = 1 << 20
"""How far behind the end of a range the evidence for its last capture is looked for, in bytes."""
_PARSED: Final = (Kind.HTML, Kind.PDF, Kind.LATEX)
_SOURCES: Final[dict[Kind, Literal["html", "pdf", "latex"]]] = {
    Kind.HTML: "html",
    Kind.PDF: "pdf",
    Kind.LATEX: "latex",
}
_DESCRIPTIONS: Final = frozenset({"warcinfo", "request", "metadata", "conversion"})


class ExtractStage(Stage[ExtractParams]):
    """Make documents and images of the records of WARC ranges and of files.

    A row is a WARC record that holds or stands for a payload (response, resource, revisit,
    continuation), a file of one of ArXiv's tars, a damaged stretch of a WARC file or a tar, or a file.
    A row is kept when it gives a
    document or, for an image captured in a WARC file, an image:

        rows in = documents + captured images + dropped + failed

    Images out of PDF and LaTeX files are further rows of `images`, and count in no equation. Bytes
    that occur more than once in a shard are one row of `images`; `image_index` has every address
    under which a captured image was found.

    Ranges of WAT files are no rows of this step and only counted: they tell of links, which the step
    that looks for PDFs reads, and hold no documents.

    Pages and files whose bytes are among `seen` are dropped before they are parsed; `payloads` has the
    hash of every other that was kept or dropped, but not of one that failed and may do better later.
    Images are never skipped: a new page may show them.

    Every parser runs in a process of its own with limits of time and memory.
    """

    name = "extract"
    version = "3"
    consumes = {"sources": "sources/1", "seen": "seen_payloads/1"}
    produces = {
        "documents": "documents/1",
        "images": "images/1",
        "image_index": "image_index/1",
        "payloads": "payload_keys/1",
    }
    reasons = ExtractReason
    grouping = "shard"
    sides = {"seen": "all"}
    partitioned = {"images": "id", "image_index": "url", "payloads": "key"}

    def __init__(self, params: ExtractParams) -> None:
        super().__init__(params)
        limits = params.limits
        self._seen: SeenPayloads | None = None
        self._image: Sandbox[Image] = Sandbox(
            read_image, timeout_s=limits.image_s, memory_bytes=limits.memory_bytes
        )
        self._parsers: dict[Kind, Sandbox[Extracted]] = {}

    def close(self) -> None:
        self._image.close()
        for parser in self._parsers.values():
            parser.close()

    def _parser(self, kind: Kind) -> Sandbox[Extracted]:
        """The parser of a kind of file; made where the first such file comes.

        What a parser imports is imported here, before its process forks, and not with this module: a
        crawl of pages needs none of the second of processor time and 100 MB that the PDF reader takes.
        """
        if kind not in self._parsers:
            self._parsers[kind] = self._new_parser(kind)
        return self._parsers[kind]

    def _new_parser(self, kind: Kind) -> Sandbox[Extracted]:
        params = self.params
        if kind is Kind.PDF:
            from components.crawl.pdf.extractor import extract_pdf

            return Sandbox(
                functools.partial(extract_pdf, params=params.pdf),
                timeout_s=params.pdf.timeout_s,
                memory_bytes=params.pdf.memory_bytes,
            )
        if kind is Kind.LATEX:
            from components.crawl.latex.extractor import extract_latex

            return Sandbox(
                functools.partial(extract_latex, params=params.latex),
                timeout_s=params.latex.timeout_s,
                memory_bytes=params.latex.memory_bytes,
            )
        from components.crawl.html.extractor import extract_html

        return Sandbox(
            functools.partial(extract_html, params=params.html),
            timeout_s=params.limits.html_s,
            memory_bytes=params.limits.memory_bytes,
        )

    def run(self, unit: Unit, out: Output) -> None:
        if self._seen is None:  # it is the same for every unit
            self._seen = SeenPayloads(unit.tables.get("seen", empty("seen_payloads/1")), unit.stores)
        shard = Collector(unit, out)
        for row in unit.tables["sources"].to_pylist():
            if row["kind"] == Kind.WARC:
                self._warc(row, shard)
            elif row["kind"] == Kind.ARXIV:
                self._arxiv(row, shard)
            elif row["kind"] == Kind.WAT:
                out.count("wat_ranges")
            else:
                self._file(row, shard)
        shard.finish()

    # files

    def _file(self, row: dict[str, Any], shard: Collector) -> None:
        uri, kind = row["uri"], row["kind"]
        try:
            data = self._read(row, shard.unit.stores)
        except (BadRecord, Drop) as refusal:
            if shard.wants(row, row["id"]):
                shard.rows += 1
                with shard.out.record(row["id"], locator=uri):
                    raise refusal
            return
        name = unquote(uri.rpartition("/")[2])
        found_id = shard.unique(record_id(kind, hashlib.sha256(data).digest(), name), uri)
        if shard.wants(row, found_id):
            shard.rows += 1
            with shard.out.record(found_id, locator=uri):
                self._take(Payload(found_id, Kind(kind), data, uri, url=row["url"]), shard)

    def _read(self, row: dict[str, Any], stores: Stores) -> bytes:
        """The bytes of a file that is small enough.

        Raises:
            Drop, BadRecord: with a `RecordReason`.
        """
        kind, size = row["kind"], row["bytes"] or 0
        if kind not in (*_PARSED, Kind.IMAGE):
            raise Drop(RecordReason.UNSUPPORTED_TYPE, f"a source of kind {kind} is no document")
        limit = min(
            self.params.max_file_bytes, getattr(getattr(self.params, kind, None), "max_bytes", 1 << 40)
        )
        if size > limit:
            raise Drop(RecordReason.FILE_TOO_LARGE, f"{size} bytes", float(size), float(limit))
        try:
            with stores.open(row["uri"], 0, limit + 1) as stream:
                data = stream.read()
        except OSError as error:
            raise BadRecord(RecordReason.UNREADABLE, f"{type(error).__name__}: {error}") from None
        if len(data) > limit:
            raise Drop(RecordReason.FILE_TOO_LARGE, "it has grown", float(len(data)), float(limit))
        if not data:
            raise Drop(RecordReason.EMPTY_PAYLOAD, "the file has no bytes")
        return data

    def _arxiv(self, row: dict[str, Any], shard: Collector) -> None:
        uri, limit = row["uri"], self.params.max_file_bytes
        for member in read_members(shard.unit.stores, uri, row["start"], row["stop"], limit):
            where = (uri, str(member.offset))
            if isinstance(member, TarDamage):
                found_id = shard.unique(record_id("tar damage", *where), *where)
                if shard.wants(row, found_id):
                    shard.rows += 1
                    locator = f"{uri}#{member.offset}"
                    shard.out.fail(
                        found_id, LatexReason.ARCHIVE_CORRUPT, detail=member.detail, locator=locator
                    )
                continue
            content = hashlib.sha256(member.data).digest() if member.data is not None else where[1]
            found_id = shard.unique(record_id(Kind.ARXIV, content, member.name), *where)
            if shard.wants(row, found_id):
                shard.rows += 1
                with shard.out.record(found_id, locator=member.url or f"{uri}#{member.offset}"):
                    self._take(self._paper(member, found_id, uri), shard)

    def _paper(self, member: Member, found_id: str, uri: str) -> Payload:
        """The source or the PDF of a paper.

        Raises:
            Drop: where it is none, or too large.
        """
        if member.url is None:
            raise Drop(RecordReason.UNSUPPORTED_TYPE, f"{member.name[:100]} is not named as a paper is")
        if member.data is None:
            limit = float(self.params.max_file_bytes)
            raise Drop(RecordReason.FILE_TOO_LARGE, f"{member.size} bytes", float(member.size), limit)
        kind = Kind.PDF if member.name.endswith(".pdf") else Kind.LATEX
        return Payload(found_id, kind, member.data, uri, member.offset, url=member.url)

    # WARC records

    def _warc(self, row: dict[str, Any], shard: Collector) -> None:
        uri, last = row["uri"], None
        for record in read_warc(shard.unit.stores, uri, row["start"], row["stop"], self.params.warc):
            if isinstance(record, WarcDamage):
                self._damage(record, row, shard)
            elif record.type in _RECORDS:
                last = record.record_id
                self._capture(record, row, shard)
            else:
                shard.out.count(f"{record.type if record.type in _DESCRIPTIONS else 'other'}_records")
                shard.add_evidence(record)
        if last in (shard.by_warc_id | shard.found_images) and last not in shard.evidence:
            self._evidence_behind(row, shard)

    def _evidence_behind(self, row: dict[str, Any], shard: Collector) -> None:
        """Read on behind the range as long as records describe its last capture."""
        stop = min(row["stop"] + _EVIDENCE_SPAN, row["bytes"])
        for record in read_warc(shard.unit.stores, row["uri"], row["stop"], stop, self.params.warc):
            if isinstance(record, WarcDamage) or record.type in _RECORDS:
                return
            shard.add_evidence(record)

    @staticmethod
    def _damage(damage: WarcDamage, row: dict[str, Any], shard: Collector) -> None:
        where = (row["uri"], str(damage.offset), str(damage.ordinal))
        found_id = shard.unique(record_id("warc damage", *where), *where)
        if shard.wants(row, found_id):
            shard.rows += 1
            reason = RecordReason.RECORD_TOO_LARGE if damage.too_large else RecordReason.WARC_DAMAGE
            shard.out.fail(found_id, reason, detail=damage.detail, locator=f"{row['uri']}#{damage.offset}")

    def _capture(self, record: WarcRecord, row: dict[str, Any], shard: Collector) -> None:
        where = (row["uri"], str(record.offset), str(record.ordinal))
        warc_id = record.record_id
        found_id = shard.unique(record_id("warc", *([warc_id] if warc_id else where)), *where)
        if not shard.wants(row, found_id):
            return
        shard.rows += 1
        locator = record.target_uri or f"{row['uri']}#{record.offset}"
        with shard.out.record(found_id, locator=locator):
            payload = self._payload(record, found_id, row["uri"])
            document = self._take(payload, shard)
            if document is not None and warc_id:
                shard.by_warc_id[warc_id] = document

    def _payload(self, record: WarcRecord, found_id: str, uri: str) -> Payload:
        """The payload of a capture.

        Raises:
            Drop, BadRecord: where it holds none that could be a document.
        """
        if record.type == "revisit":
            about = (
                record.headers.get("WARC-Refers-To-Target-URI") or record.headers.get("WARC-Refers-To") or ""
            )
            raise Drop(RecordReason.REVISIT, f"the payload is that of an earlier capture {about}".strip())
        if record.type == "continuation":
            raise Drop(RecordReason.UNSUPPORTED_RECORD, "a further segment of a record")
        payload = Payload(
            found_id,
            Kind.UNKNOWN,
            record.block,
            uri,
            record.offset,
            url=record.target_uri,
            content_type=record.content_type,
            crawl_time=record.date,
            captured=True,
            warc_id=record.record_id,
        )
        if record.type == "response":
            self._http(record, payload)
        if not payload.data:
            raise Drop(RecordReason.EMPTY_PAYLOAD, "the payload has no bytes")
        payload.kind = kind_of(payload.content_type or "", payload.data)
        truncated = record.headers.get("WARC-Truncated")
        if truncated or record.headers.get("WARC-Segment-Number"):
            detail = f"WARC-Truncated: {truncated}" if truncated else "only the first segment"
            payload.notes.append(Note(RecordReason.TRUNCATED_CAPTURE, detail))
        return payload

    def _http(self, record: WarcRecord, payload: Payload) -> None:
        if not record.content_type.startswith("application/http") and not record.block.startswith(b"HTTP/"):
            raise Drop(RecordReason.UNSUPPORTED_RECORD, f"a response of type {record.content_type[:60]!r}")
        response = read_response(record.block, self.params.warc.max_payload_bytes)
        if response.status not in self.params.statuses:
            raise Drop(RecordReason.HTTP_STATUS, str(response.status))
        payload.data = response.payload
        payload.content_type = response.headers.get("Content-Type")
        payload.consent = header_consent(response.headers)
        payload.notes += response.notes

    # payloads

    def _take(self, payload: Payload, shard: Collector) -> Document | None:
        """Make a document or an image of a payload, and count it as kept.

        Raises:
            Drop, BadRecord: where that can't be done.
        """
        document = None
        if payload.kind is not Kind.IMAGE:
            document = self._document(payload, shard)
        elif payload.captured:
            if not self._captured_image(payload, shard):
                return None
        else:
            document = self._image_document(payload, shard)
        if document is not None:
            shard.documents.append(document)
        shard.kept += 1
        for note in payload.notes:
            shard.out.change(
                payload.id, note.reason, detail=note.detail, locator=payload.url or payload.source_uri
            )
        return document

    def _decode(self, payload: Payload) -> Image:
        return self._image.call(
            payload.data, url=payload.url, source_uri=payload.source_uri, source_offset=payload.offset
        )

    def _captured_image(self, payload: Payload, shard: Collector) -> bool:
        """An image captured by a crawler: a row of `images` and no document."""
        with shard.out.record(payload.id, kind="image", locator=payload.url):
            image = self._decode(payload)
            if not shard.add_captured_image(image, payload.warc_id):
                raise Drop(RecordReason.REPEATED_IMAGE, f"the same bytes as image {image.id}")
            return True
        return False

    def _image_document(self, payload: Payload, shard: Collector) -> Document:
        """An image given as a file: a document that shows it."""
        image = self._decode(payload)
        shard.add_image_file(image)
        item = Item("image", role="figure", image_id=image.id, width=image.width, height=image.height)
        return Document(payload.id, "image", payload.source_uri, [item], url=payload.url)

    def _document(self, payload: Payload, shard: Collector) -> Document:
        assert self._seen is not None
        key = payload_key(payload.data)
        run = self._seen.run_of(key)
        if run is not None:
            raise Drop(RecordReason.SEEN_BEFORE, f"run {run} has processed the same bytes")
        try:
            document = self._parsed(payload, shard)
        except Drop:
            shard.payload_keys.append(key)
            raise
        shard.payload_keys.append(key)
        return document

    def _parsed(self, payload: Payload, shard: Collector) -> Document:
        parser = self._parser(payload.kind)
        if payload.kind is Kind.HTML:
            base = payload.url or payload.source_uri  # a saved page shows the files beside it
            extracted = parser.call(payload.data, base, content_type=payload.content_type)
        else:
            extracted = parser.call(payload.data, url=payload.url)
        if not extracted.items:
            raise Drop(RecordReason.NO_CONTENT, "it has neither text nor images")
        for image in extracted.images:
            image.source_uri, image.source_offset = payload.source_uri, payload.offset
        shard.add_images(extracted.images)
        payload.notes += extracted.notes
        return Document(
            id=payload.id,
            source=_SOURCES[payload.kind],
            source_uri=payload.source_uri,
            items=extracted.items,
            source_offset=payload.offset,
            url=payload.url,
            title=extracted.title,
            crawl_time=payload.crawl_time,
            declared_language=extracted.declared_language,
            license=extracted.license,
            consent=merge_consent(extracted.consent, payload.consent),
        )
