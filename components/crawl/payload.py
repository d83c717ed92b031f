"""What a source or a capture holds: its bytes, what kind they are, and what its headers say of use."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from fastwarc.warc import HeaderMap

from components.core.errors import Drop
from components.core.records import Consent, Note
from components.crawl.consent import NO_AI, NO_IMAGE_AI, directives, refuses_training, reservation
from components.crawl.kinds import HEAD_BYTES, Kind, sniff
from components.crawl.warc.http_message import media_type


class RecordReason(StrEnum):
    """Why a source or a WARC record gives no document, other than what its parser says."""

    HTTP_STATUS = "http_status"
    UNSUPPORTED_TYPE = "unsupported_type"
    UNSUPPORTED_RECORD = "unsupported_record"
    REVISIT = "revisit"
    EMPTY_PAYLOAD = "empty_payload"
    NO_CONTENT = "no_content"
    REPEATED_IMAGE = "repeated_image"
    SEEN_BEFORE = "seen_before"
    TRUNCATED_CAPTURE = "truncated_capture"
    WARC_DAMAGE = "warc_damage"
    RECORD_TOO_LARGE = "record_too_large"
    FILE_TOO_LARGE = "file_too_large"
    UNREADABLE = "unreadable"
    NOT_FOUND_AGAIN = "not_found_again"


_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_UNSAID_TYPES: Final = frozenset(
    {
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/download",
        "application/x-download",
        "application/force-download",
        "application/unknown",
        "unknown/unknown",
    }
)
"""Content types that say nothing: the payload's own bytes decide."""
_LATEX_TYPES: Final = frozenset(
    {
        "application/x-tex",
        "application/x-latex",
        "text/x-tex",
        "application/x-eprint",
        "application/x-eprint-tar",
        "application/gzip",
        "application/x-gzip",
        "application/x-tar",
    }
)


@dataclass(slots=True)
class Payload:
    """Bytes to make a document or an image of, and where they are from."""

    id: str
    kind: Kind
    data: bytes
    source_uri: str
    offset: int = 0
    url: str | None = None
    content_type: str | None = None
    crawl_time: datetime | None = None
    consent: Consent | None = None
    captured: bool = False
    warc_id: str | None = None
    notes: list[Note] = field(default_factory=list)


def kind_of(content_type: str, payload: bytes) -> Kind:
    """What a captured payload is: the type the server declares, checked against the bytes.

    A page is what is declared as one, unless its bytes say PDF or image; anything else must be what
    it is declared to be; where nothing is declared the bytes decide.

    Raises:
        Drop: with `RecordReason.UNSUPPORTED_TYPE`.
    """
    found = sniff(payload[:HEAD_BYTES])
    declared = media_type(content_type)
    kind = found
    if declared in _HTML_TYPES:
        allowed = {Kind.HTML, Kind.PDF, Kind.IMAGE}
        kind = found if found in (Kind.PDF, Kind.IMAGE, Kind.VIDEO, Kind.AUDIO) else Kind.HTML
    elif declared in _UNSAID_TYPES:
        allowed = {Kind.HTML, Kind.PDF, Kind.LATEX, Kind.IMAGE}
    elif declared in ("application/pdf", "application/x-pdf"):
        allowed = {Kind.PDF}
    elif declared in _LATEX_TYPES:
        allowed = {Kind.LATEX}
    else:
        allowed = {Kind.IMAGE} if declared.startswith("image/") else set()
    if kind not in allowed:
        detail = f"declared as {declared or 'nothing'}, looks like {found}"
        raise Drop(RecordReason.UNSUPPORTED_TYPE, detail)
    return kind


def header_consent(headers: HeaderMap) -> Consent:
    """What the response headers say about use (X-Robots-Tag, TDM-Reservation, Content-Usage)."""
    tags = list(headers.get_multiple("X-Robots-Tag"))
    found = directives(tags)
    refused = bool(found & (NO_AI | NO_IMAGE_AI)) or bool(
        refuses_training(", ".join(headers.get_multiple("Content-Usage")))
    )
    return Consent(
        x_robots_tag="; ".join(tags) or None,
        tdm_reservation=reservation(headers.get("TDM-Reservation")),
        noai=True if refused else False if found else None,
    )


def merge_consent(first: Consent | None, second: Consent | None) -> Consent | None:
    """Evidence from two places: what `first` says stands, except that a refusal of either stands."""
    if first is None or second is None:
        return first or second
    return Consent(
        robots=first.robots if first.robots != "unknown" else second.robots,
        x_robots_tag=first.x_robots_tag or second.x_robots_tag,
        meta_robots=first.meta_robots or second.meta_robots,
        tdm_reservation=first.tdm_reservation
        if first.tdm_reservation is not None
        else second.tdm_reservation,
        noai=True if first.noai or second.noai else first.noai if first.noai is not None else second.noai,
    )
