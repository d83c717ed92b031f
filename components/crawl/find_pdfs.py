"""The `find_pdfs` step: addresses of PDF files out of what crawls say of their pages (MINT-1T section 2.1).

Common Crawl's WAT files hold, for each capture, its headers and the links of its page as JSON. Most
records have no PDF in them, so a record is searched for the letters before its JSON is parsed.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from components.core import schemas
from components.core.errors import BadRecord, BadShard
from components.core.stage import Output, Stage, Unit
from components.crawl.addresses import canonical, host_of
from components.crawl.kinds import Kind
from components.crawl.warc.http_message import media_type, read_response
from components.crawl.warc.reader import WarcDamage, WarcParams, WarcRecord, read_warc

_PDF_TYPES: Final = frozenset({"application/pdf", "application/x-pdf"})
_LINK: Final = re.compile(
    rb"""<(?:a|area|embed|iframe)\b[^<>]{0,2000}?\b(?:href|src)\s*=\s*(?:"([^"<>]{1,4096})"|'([^'<>]{1,4096})'"""
    rb"""|([^\s"'<>]{1,4096}))[^<>]{0,2000}""",
    re.IGNORECASE,
)
_BASE: Final = re.compile(rb"""<base\b[^<>]{0,500}?\bhref\s*=\s*["']?([^\s"'<>]{1,2000})""", re.IGNORECASE)
_NOFOLLOW: Final = re.compile(rb"""\brel\s*=\s*["']?[^"'<>]{0,200}?\bnofollow\b""", re.IGNORECASE)
_PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})


class FindPdfsReason(StrEnum):
    """What this step has to say of sources."""

    UNREADABLE = "unreadable"
    RECORD_UNREADABLE = "record_unreadable"


class FindPdfsParams(BaseModel):
    """Where addresses of PDF files are looked for."""

    model_config = ConfigDict(extra="forbid")

    from_warc: bool = Field(
        default=False,
        description="look for links to PDF files in the pages of WARC files, too (each is read once more)",
    )
    truncated: bool = Field(
        default=False,
        description="fetch PDF files again that a WARC file holds cut off (Common Crawl cuts at 1 MiB, "
        "since 2025 at 5 MiB), as FinePDFs does; each WARC file is read once more",
    )
    warc: WarcParams = Field(default_factory=WarcParams, description="reading of WARC and WAT files")

    @property
    def reads_warc(self) -> bool:
        """Whether WARC files are read at all."""
        return self.from_warc or self.truncated


class FindPdfsStage(Stage[FindPdfsParams]):
    """Find addresses of PDF files in WAT files and, where asked for, in WARC files.

    Its records are the sources that it reads: those of kind wat, and of kind warc where the
    parameters say so. Others are neither read nor counted.

        rows in = read + failed

    A stretch of a file that can't be read is a `changed` line of its source. An address is found
    where a link's path ends in `.pdf`, or where a capture was declared a PDF. Links that say
    rel=nofollow are counted and left out. An address is one row a unit, with the least of the pages
    that link to it; the step that fetches makes it one over all units.
    """

    name = "find_pdfs"
    consumes = {"sources": "sources/1"}
    produces = {"targets": "fetch_targets/1"}
    reasons = FindPdfsReason
    grouping = "shard"
    partitioned = {"targets": "host"}

    def run(self, unit: Unit, out: Output) -> None:
        kinds = {Kind.WAT, Kind.WARC} if self.params.reads_warc else {Kind.WAT}
        rows = [
            row
            for row in unit.tables["sources"].to_pylist()
            if row["kind"] in kinds and unit.wants(row["id"])
        ]
        found: dict[str, str | None] = {}
        out.rows_in, out.kept = len(rows), 0
        for row in rows:
            try:
                for url, page in self._source(row, unit, out):
                    known = found.setdefault(url, page)
                    if known is None or (page is not None and page < known):
                        found[url] = page
                out.kept += 1
            except BadShard as bad:
                out.fail(
                    row["id"], FindPdfsReason.UNREADABLE, kind="source", detail=str(bad), locator=row["uri"]
                )
        out.count("pdf_addresses", len(found))
        targets: list[dict[str, Any]] = [
            {"url": url, "host": host_of(url), "kind": "pdf", "referrer": page, "shards": []}
            for url, page in sorted(found.items())
        ]
        out.keep("targets", pa.Table.from_pylist(targets, schema=schemas.get("fetch_targets/1")))

    def _source(self, row: dict[str, Any], unit: Unit, out: Output) -> Iterator[tuple[str, str | None]]:
        """(address, page that links to it) of every PDF that a source tells of."""
        look = self._in_wat if row["kind"] == Kind.WAT else self._in_capture
        errors: list[str] = []
        for record in read_warc(unit.stores, row["uri"], row["start"], row["stop"], self.params.warc):
            try:
                if isinstance(record, WarcDamage):
                    raise ValueError(f"byte {record.offset}: {record.detail}")
                yield from look(record, out)
            except (ValueError, RecursionError, BadRecord) as error:
                errors.append(str(error)[:200])
        if errors:
            detail = f"{len(errors)} records; the first: {errors[0]}"
            out.change(
                row["id"], FindPdfsReason.RECORD_UNREADABLE, kind="source", detail=detail, locator=row["uri"]
            )

    # WAT

    def _in_wat(self, record: WarcRecord, out: Output) -> Iterator[tuple[str, str | None]]:
        if record.type != "metadata" or "json" not in record.content_type:
            return
        out.count("wat_records")
        if not _may_tell_of_pdf(record.block):
            return
        envelope = _member(json.loads(record.block), "Envelope")
        response = _member(_member(envelope, "Payload-Metadata"), "HTTP-Response-Metadata")
        page = _text(_member(envelope, "WARC-Header-Metadata").get("WARC-Target-URI")) or record.target_uri
        if not page or not response:
            return
        kind = next((v for k, v in _member(response, "Headers").items() if k.lower() == "content-type"), None)
        if media_type(_text(kind)) in _PDF_TYPES:
            if url := canonical(page):
                yield url, None
            return
        markup = _member(response, "HTML-Metadata")
        base = _join(page, _text(_member(markup, "Head").get("Base")) or "") or page
        links = markup.get("Links")
        for link in links if isinstance(links, list) else []:
            if not isinstance(link, dict) or _text(link.get("path")).startswith("FORM@"):
                continue
            url = _pdf_address(base, _text(link.get("url")))
            if url is None:
                continue
            if "nofollow" in _text(link.get("rel")).lower().split():
                out.count("links_nofollow")
            else:
                yield url, page

    # WARC

    def _in_capture(self, record: WarcRecord, out: Output) -> Iterator[tuple[str, str | None]]:
        page = record.target_uri
        if record.type != "response" or not page or not _may_tell_of_pdf(record.block):
            return
        response = read_response(record.block, self.params.warc.max_payload_bytes)
        cut = (record.headers.get("WARC-Truncated") or "").strip()
        if response.content_type in _PDF_TYPES:
            if self.params.truncated and cut and (url := canonical(page)):
                out.count("truncated_pdfs")
                yield url, None
            return
        if not self.params.from_warc or response.content_type not in _PAGE_TYPES:
            return
        found = _BASE.search(response.payload)
        base = _join(page, _decoded(found[1])) or page if found else page
        for match in _LINK.finditer(response.payload):
            url = _pdf_address(base, _decoded(match[1] or match[2] or match[3]))
            if url is None:
                continue
            if _NOFOLLOW.search(match[0]):
                out.count("links_nofollow")
            else:
                yield url, page


def _may_tell_of_pdf(block: bytes) -> bool:
    """Whether a record holds the letters at all: many times as fast as parsing it."""
    lower = block.lower()
    return b".pdf" in lower or b"/pdf" in lower or b"/x-pdf" in lower


def _member(value: Any, name: str) -> dict[str, Any]:
    """A JSON object's member that is an object; an empty one where there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _decoded(raw: bytes) -> str:
    return html.unescape(raw.decode("utf-8", errors="replace"))


def _join(base: str, link: str) -> str | None:
    try:
        return urljoin(base, link.strip())
    except ValueError:
        return None


def _pdf_address(base: str, link: str) -> str | None:
    """The address of a link whose path ends in .pdf; None for any other."""
    if ".pdf" not in link.lower():
        return None
    joined = _join(base, link)
    url = canonical(joined) if joined else None
    return url if url and urlsplit(url).path.lower().endswith(".pdf") else None
