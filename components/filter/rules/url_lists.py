"""Documents whose address is on a list of domains or addresses that are not wanted."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pydantic import BaseModel, Field

from components.filter.reasons import FilterReason
from components.filter.rules.base import Objection, TextFacts


class UrlListsParams(BaseModel):
    """Lists that a page's address is looked up in."""

    url_domains: bool = Field(
        default=True,
        description=(
            "Drop documents of a few dozen well-known sites of pornography and gambling, a list of this "
            "package. RefinedWeb, DCLM and FineWeb use the UT1 list instead, which url_lists takes."
        ),
    )
    url_lists: list[str] = Field(
        default=[],
        description=(
            "Further lists: paths, file:// or s3:// addresses of texts with a domain or an address a line, "
            "also compressed by gzip, or of tar archives of such texts named domains and urls (UT1). A "
            "domain stands for all its subdomains, an address for all that is below it."
        ),
    )


def url_lists(facts: TextFacts, params: UrlListsParams) -> Iterator[Objection]:
    """Neither the host, nor a domain above it, nor the beginning of the address is listed."""
    if not (params.url_domains or params.url_lists):
        return
    # numba and the lists themselves are for those that run the rule
    from components.filter.texts import string_buffers
    from components.filter.url_lists import ADDRESS, DOMAIN, blocked, load_lists

    data, starts = string_buffers(pa.array([url or "" for url in facts.documents.url], pa.string()))
    found = blocked(data, starts, load_lists(tuple(params.url_lists), params.url_domains))

    def listed(row: int) -> str:
        url = facts.documents.url[row].encode()
        return url[found.start[row] : found.stop[row]].decode(errors="replace")

    yield Objection(
        FilterReason.URL_DOMAIN, found.what == DOMAIN, detail=lambda row: f"{listed(row)} is a listed domain"
    )
    yield Objection(
        FilterReason.URL_LISTED,
        found.what == ADDRESS,
        detail=lambda row: f"{listed(row)} is a listed address",
    )
