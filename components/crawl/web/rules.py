"""What the crawler takes: scope, types and sizes of bodies, and the publisher's refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urljoin, urlsplit

from components.core.errors import BadRecord, Drop
from components.crawl import consent
from components.crawl.addresses import canonical
from components.crawl.kinds import HEAD_BYTES, Kind, sniff
from components.crawl.web.client import Exchange
from components.crawl.web.params import FetchParams, FetchReason, PoliteParams

_PAGE_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_PDF_TYPES: Final = frozenset({"application/pdf", "application/x-pdf"})
_LATEX_TYPES: Final = frozenset(
    {
        "application/gzip",
        "application/x-gzip",
        "application/x-tar",
        "application/x-eprint",
        "application/x-eprint-tar",
        "application/x-tex",
        "application/x-latex",
        "text/x-tex",
    }
)
_UNSAID_TYPES: Final = frozenset(
    {
        "",
        "application/octet-stream",
        "binary/octet-stream",
        "application/download",
        "application/x-download",
        "application/force-download",
    }
)
"""Types that say nothing: the body decides, once it is here."""
_WANTED_KINDS: Final = frozenset({Kind.HTML, Kind.PDF, Kind.LATEX, Kind.IMAGE})


def is_page_type(content_type: str) -> bool:
    """True for the media types of web pages."""
    return content_type in _PAGE_TYPES


def origin_of(url: str) -> str:
    """Scheme, host and port: what a robots.txt speaks for (RFC 9309 section 2.3)."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def scope_root(url: str, follow: str) -> str:
    """What the host and path of a link must begin with to be in the scope of a seed."""
    parts = urlsplit(url)
    folder = parts.path.rpartition("/")[0] if follow == "prefix" else ""
    return f"{parts.netloc}{folder}/"


def redirect_target(exchange: Exchange, chain: Sequence[str], max_redirects: int) -> str:
    """Where a redirect leads, if it may be followed.

    Args:
        chain: the addresses asked so far, that of the exchange last.

    Raises:
        BadRecord: BAD_URL or TOO_MANY_REDIRECTS.
    """
    location = exchange.header("location") or ""
    try:
        url = canonical(urljoin(exchange.url, location))
    except ValueError:
        url = None
    if url is None:
        raise BadRecord(FetchReason.BAD_URL, f"a redirect to {location[:200]!r}")
    if url in chain:
        raise BadRecord(FetchReason.TOO_MANY_REDIRECTS, f"the redirects go round at {url}")
    if len(chain) > max_redirects:
        raise BadRecord(FetchReason.TOO_MANY_REDIRECTS, f"more than {max_redirects} redirects")
    return url


def provenance(exchange: Exchange, requested: str, via: str | None) -> list[tuple[str, str]]:
    """Where a capture came from: the page that led to it, and the address before redirects."""
    pairs = [] if via is None else [("via", via)]
    if requested != exchange.url:
        pairs.append(("requested-url", requested))
    return pairs


def body_limit(exchange: Exchange, kind: str, params: FetchParams) -> int:
    """The most bytes that a response's body may have.

    Raises:
        Drop: CONTENT_TYPE for what no reader takes.
        BadRecord: HTTP_OTHER for a success without content, TOO_LARGE by its Content-Length.
    """
    if exchange.status not in {200, 203}:
        raise BadRecord(FetchReason.HTTP_OTHER, f"HTTP {exchange.status}")
    found = exchange.content_type
    is_image = found.startswith("image/") and found != "image/svg+xml"
    is_page = kind == "page" and found in _PAGE_TYPES | _PDF_TYPES | _LATEX_TYPES
    if not (is_image or is_page or found in _UNSAID_TYPES):
        raise Drop(FetchReason.CONTENT_TYPE, f"Content-Type {found[:100]!r}")
    limit = params.max_image_bytes if is_image or kind == "image" else params.max_bytes
    check_declared_length(exchange, limit)
    return limit


def check_declared_length(exchange: Exchange, limit: int) -> None:
    """Refuse a body whose Content-Length says that it is too long.

    Raises:
        BadRecord: TOO_LARGE.
    """
    declared = (exchange.header("content-length") or "").strip()
    if declared.isascii() and declared.isdigit() and int(declared[:18]) > limit:
        raise BadRecord(FetchReason.TOO_LARGE, f"Content-Length {declared[:18]} is more than {limit} bytes")


def body_kind(exchange: Exchange, kind: str) -> Kind:
    """What the body is: by its declared type, or by its bytes where that says nothing.

    Raises:
        Drop: EMPTY or CONTENT_TYPE.
    """
    if not exchange.body:
        raise Drop(FetchReason.EMPTY, "the body is empty")
    found = exchange.content_type
    for types, declared in ((_PAGE_TYPES, Kind.HTML), (_PDF_TYPES, Kind.PDF), (_LATEX_TYPES, Kind.LATEX)):
        if found in types:
            return declared
    if found.startswith("image/"):
        return Kind.IMAGE
    sniffed = sniff(exchange.body[:HEAD_BYTES], urlsplit(exchange.url).path)
    if sniffed not in (_WANTED_KINDS if kind == "page" else {Kind.IMAGE}):
        raise Drop(FetchReason.CONTENT_TYPE, f"Content-Type {found!r} and bytes that look like {sniffed}")
    return sniffed


def refusal(evidence: consent.Evidence, params: PoliteParams, *, is_image: bool) -> FetchReason | None:
    """Why the publisher's wishes keep a response out of the data; None where they don't."""
    if params.respect_noai:
        if evidence.directives & consent.NO_AI:
            return FetchReason.NOAI
        if is_image and evidence.directives & consent.NO_IMAGE_AI:
            return FetchReason.NOIMAGEAI
        if evidence.ai_txt == consent.Verdict.DISALLOWED:
            return FetchReason.AI_TXT
        if evidence.usage_refused:
            return FetchReason.AI_USAGE
    return FetchReason.TDM_RESERVED if params.respect_tdm and evidence.tdm_reservation else None
