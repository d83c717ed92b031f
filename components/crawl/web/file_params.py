"""Parameters of fetching files by address, and the closed list of reasons."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from components.crawl.web.params import PoliteParams


class FileReason(StrEnum):
    """Why the file at an address was not kept. What failed can be retried; what was dropped can't."""

    # failed: another day may give it
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    DISCONNECTED = "disconnected"
    TRUNCATED = "truncated"
    BAD_HTTP = "bad_http"
    HTTP_5XX = "http_5xx"
    THROTTLED = "throttled"
    ROBOTS_UNREACHABLE = "robots_unreachable"
    HOST_TIME = "host_time"
    UNIT_TIME = "unit_time"
    BUDGET_REACHED = "budget_reached"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    PARSER_ERROR = "parser_error"
    # dropped: judged and not wanted
    BAD_URL = "bad_url"
    PRIVATE_ADDRESS = "private_address"
    GONE = "gone"
    HTTP_4XX = "http_4xx"
    HTTP_OTHER = "http_other"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    BAD_ENCODING = "bad_encoding"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    ROBOTS_DISALLOWED = "robots_disallowed"
    NOAI = "noai"
    NOIMAGEAI = "noimageai"
    AI_TXT = "ai_txt"
    AI_USAGE = "ai_usage"
    TDM_RESERVED = "tdm_reserved"
    NOT_AN_IMAGE = "not_an_image"
    NOT_A_PDF = "not_a_pdf"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_UNDECODABLE = "image_undecodable"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_ASPECT = "image_aspect"


DROPPED = frozenset(
    {
        FileReason.BAD_URL,
        FileReason.PRIVATE_ADDRESS,
        FileReason.TOO_MANY_REDIRECTS,
        FileReason.BAD_ENCODING,
        FileReason.TOO_LARGE,
        FileReason.HTTP_OTHER,
        FileReason.NOT_AN_IMAGE,
        FileReason.IMAGE_TOO_LARGE,
        FileReason.IMAGE_UNDECODABLE,
    }
)
"""Faults of a file that another try would meet again."""


class FilesParams(PoliteParams):
    """How files are fetched from very many hosts at once.

    Each host is asked as gently as one reader's browser would; the speed comes from asking many hosts
    side by side.
    """

    own_servers: bool = Field(
        default=False,
        description="the addresses are on servers of your own: no robots.txt is asked for, no pauses are "
        "made, and one host gets as many connections as all hosts together",
    )
    concurrency: int = Field(
        default=256, ge=1, le=5000, description="exchanges at a time, over all hosts (Nemotron-CC-MM: 500)"
    )
    per_host_connections: int = Field(default=4, ge=1, le=8, description="exchanges at a time with one host")
    delay_s: float = Field(default=0.1, ge=0, description="seconds between two exchanges with one host")
    total_timeout_s: float = Field(default=60.0, gt=0, description="seconds for one exchange as a whole")
    retries: int = Field(
        default=1, ge=0, le=10, description="further tries after a fault that may pass (Nemotron-CC-MM: 1)"
    )
    backoff_s: float = Field(
        default=1.0, ge=0, description="seconds before the first retry; doubled for each further"
    )
    max_retry_after_s: float = Field(
        default=30.0,
        ge=0,
        description="longest Retry-After waited for, in seconds; a longer one fails the address",
    )
    max_redirects: int = Field(
        default=5, ge=0, le=50, description="redirects followed for one address, at most"
    )
    host_time_s: float = Field(
        default=1800.0,
        gt=0,
        description="seconds for one host in one unit; later addresses fail with host_time",
    )
    unit_time_s: float = Field(
        default=7200.0,
        gt=0,
        description="seconds for one unit; addresses not begun by then fail with unit_time",
    )
    max_file_bytes: int = Field(default=20 * 2**20, ge=1, description="largest body, in bytes")
    max_unit_bytes: int = Field(
        default=512 * 2**20,
        ge=1,
        le=3 * 2**29,
        description="bytes that one unit keeps (in memory until it is written, a few times over); "
        "addresses not begun by then fail with budget_reached. More partitions give more units",
    )
    in_flight_bytes: int = Field(
        default=512 * 2**20, ge=2**20, description="bytes of bodies that are being received or decoded, about"
    )

    @property
    def host_connections(self) -> int:
        """Exchanges at a time with one host."""
        return self.concurrency if self.own_servers else self.per_host_connections

    def pause_s(self, *, loopback: bool) -> float:
        """Seconds between two exchanges with one host."""
        return 0.0 if self.own_servers else super().pause_s(loopback=loopback)


class FetchImagesParams(FilesParams):
    """How images that documents show are fetched."""

    fetch: bool = Field(
        default=False, description="fetch images that documents show by address and no capture holds"
    )
    resize: Literal["none", "fit", "border", "crop"] = Field(
        default="none",
        description="none: keep the bytes as they came. Else store a JPEG: fit: longest side at most "
        "max_side; border: the same on a white square; crop: the middle square (as img2dataset's "
        "keep_ratio_largest, border and center_crop, but never enlarged)",
    )
    max_side: int = Field(default=1024, ge=16, le=20_000, description="pixels, for resize")
    jpeg_quality: int = Field(default=95, ge=1, le=100, description="of resized images (img2dataset: 95)")
    min_side: int = Field(
        default=0,
        ge=0,
        description="pixels: smaller images are dropped by their header; 0: none (MINT-1T: 150)",
    )
    max_aspect: float = Field(
        default=0.0,
        ge=0,
        description="longer side / shorter side: beyond it images are dropped by their header; 0: none "
        "(MINT-1T: 2 for HTML, 3 for PDF)",
    )
    max_unit_bytes: int = Field(
        default=256 * 2**20,
        ge=1,
        le=3 * 2**29,
        description="bytes of images that one unit keeps; writing them takes about six times as much "
        "memory. Addresses not begun by then fail with budget_reached; more partitions give more units",
    )
    decode_s: float = Field(default=20.0, gt=0, le=3600, description="seconds to decode one image")
    decode_bytes: int = Field(
        default=1 << 30, ge=64 << 20, description="bytes by which the decoding process may grow (Linux only)"
    )


class FetchPdfsParams(FilesParams):
    """How PDF files that pages link to are fetched."""

    concurrency: int = Field(default=64, ge=1, le=5000, description="exchanges at a time, over all hosts")
    per_host_connections: int = Field(default=2, ge=1, le=8, description="exchanges at a time with one host")
    delay_s: float = Field(default=0.5, ge=0, description="seconds between two exchanges with one host")
    total_timeout_s: float = Field(default=300.0, gt=0, description="seconds for one exchange as a whole")
    max_file_bytes: int = Field(
        default=50 * 2**20, ge=1, description="largest body, in bytes (MINT-1T: 50 MB)"
    )
    warc_bytes: int = Field(
        default=64 * 2**20, ge=1, description="size in bytes at which a new WARC file is begun"
    )
