"""Parameters of the crawler, and its closed list of reasons."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from components.crawl.consent import AGENT


class FetchReason(StrEnum):
    """Why a URL was not captured, or not as a whole."""

    # failed: could not be fetched
    BAD_URL = "bad_url"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    BAD_HTTP = "bad_http"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    HTTP_OTHER = "http_other"
    TRUNCATED = "truncated"
    BAD_ENCODING = "bad_encoding"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    PRIVATE_ADDRESS = "private_address"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    NOT_FOUND_AGAIN = "not_found_again"
    # dropped: judged and not wanted
    ROBOTS_DISALLOWED = "robots_disallowed"
    NOAI = "noai"
    NOIMAGEAI = "noimageai"
    AI_TXT = "ai_txt"
    AI_USAGE = "ai_usage"
    TDM_RESERVED = "tdm_reserved"
    CONTENT_TYPE = "content_type"
    EMPTY = "empty"
    OFF_SCOPE = "off_scope"
    DUPLICATE_URL = "duplicate_url"
    CRAWL_BUDGET = "crawl_budget"
    # changed: captured, but something was left out
    LINKS_UNREADABLE = "links_unreadable"
    IMAGES_WITHHELD = "images_withheld"
    LIMIT_REACHED = "limit_reached"


class PoliteParams(BaseModel):
    """How anything is asked of a web server. All that is sent says who we are; nothing pretends to be
    a browser."""

    model_config = ConfigDict(extra="forbid")

    contact: str = Field(
        default="https://github.com/kalemint/kalemint",
        description="address in the User-Agent under which a publisher reaches whoever runs the crawl",
        pattern=r"^[\x21-\x7e]+$",
    )
    respect_robots: bool = Field(
        default=True, description="obey robots.txt (RFC 9309); unreachable rules disallow"
    )
    respect_noai: bool = Field(
        default=True, description="leave out what noai, noml, noimageai, ai.txt or AI preferences refuse"
    )
    respect_tdm: bool = Field(
        default=True, description="leave out what TDMRep reserves (EU 2019/790, article 4)"
    )
    site_files: bool = Field(
        default=True, description="ask each origin for /.well-known/tdmrep.json and /ai.txt"
    )
    concurrency: int = Field(default=16, ge=1, le=5000, description="exchanges at a time, over all hosts")
    per_host_connections: int = Field(default=1, ge=1, le=8, description="exchanges at a time with one host")
    delay_s: float = Field(default=1.0, ge=0, description="seconds between two exchanges with one host")
    loopback_delay_s: float = Field(
        default=0.0, ge=0, description="the same for this machine's own addresses"
    )
    max_crawl_delay_s: float = Field(
        default=30.0, ge=0, description="longest Crawl-delay honoured, in seconds"
    )
    timeout_s: float = Field(
        default=20.0,
        gt=0,
        description="seconds to connect, and seconds without a byte (Nemotron-CC-MM: 20 s for images)",
    )
    total_timeout_s: float = Field(default=300.0, gt=0, description="seconds for one exchange as a whole")
    retries: int = Field(default=2, ge=0, le=10, description="further tries after a fault that may pass")
    backoff_s: float = Field(
        default=2.0, ge=0, description="seconds before the first retry; doubled for each further"
    )
    max_retry_after_s: float = Field(
        default=120.0,
        ge=0,
        description="longest Retry-After waited for, in seconds; a longer one fails the URL",
    )
    max_redirects: int = Field(default=10, ge=0, le=50, description="redirects followed for one URL, at most")
    allow_private: bool = Field(
        default=False, description="fetch from private, loopback and link-local addresses, too (an intranet)"
    )

    @property
    def host_connections(self) -> int:
        """Exchanges at a time with one host."""
        return self.per_host_connections

    def pause_s(self, *, loopback: bool) -> float:
        """Seconds between two exchanges with one host."""
        return self.loopback_delay_s if loopback else self.delay_s

    @property
    def user_agent(self) -> str:
        """`kalemint/VERSION (+CONTACT)`."""
        from components import __version__

        return f"{AGENT}/{__version__} (+{self.contact})"


class FetchParams(PoliteParams):
    """How to crawl from the given addresses."""

    follow: Literal["none", "prefix", "host"] = Field(
        default="none",
        description="links to follow: none, those below the seed's folder, or those on its host",
    )
    max_depth: int = Field(default=5, ge=0, le=1000, description="links from the seed to a page, at most")
    max_pages: int = Field(default=1000, ge=1, description="pages for each seed, itself included, at most")
    page_requisites: bool = Field(default=True, description="fetch the images that captured pages show")
    max_requisites: int = Field(default=200, ge=0, description="images for each page, at most")
    max_bytes: int = Field(
        default=50 * 2**20, ge=1, description="largest body, in bytes, before and after decoding"
    )
    max_image_bytes: int = Field(
        default=20 * 2**20, ge=1, description="the same for images (Nemotron-CC-MM: 20 MB)"
    )
    max_total_bytes: int = Field(
        default=2**30,
        ge=1,
        description="compressed bytes for each unit of work (held in memory); later URLs are dropped",
    )
    warc_bytes: int = Field(
        default=64 * 2**20, ge=1, description="size in bytes at which a new WARC file is begun"
    )
