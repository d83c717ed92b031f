"""Web addresses, one way to write each: what a page shows and what a crawler asks for must be equal."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

LAZY: Final = (
    "data-src",
    "data-src-fg",
    "data-scroll-image",
    "data-lateloadsrc",
    "data-img-src",
    "data-original",
    "data-gt-lazy-src",
    "data-lazy",
    "data-lazy-src",
    "src2",
    "data-orig-file",
    "data-full-src",
    "data-hi-res-src",
    "data-image",
    "data-url",
    "data-fallback-src",
)
"""Attributes of scripts that load images late, in the order in which OBELICS tries them, and more."""
SRCSETS: Final = ("srcset", "data-srcset", "data-lazy-srcset", "data-original-set")
MAX_URL_LENGTH: Final = 4096
_HOST: Final = re.compile(r"[a-z0-9._-]{1,255}|[0-9a-f:.]+")
_SAFE: Final = "%/:=&?~+!$,;'@()*[]|"


def canonical(url: str) -> str | None:
    """The address as it is asked for: no fragment, host in lower case, no default port, ASCII only.

    None for what is no http or https address. Valid paths and queries are left as they are.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    scheme = parts.scheme.lower()
    if scheme not in {"http", "https"} or not host:
        return None
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    if not _HOST.fullmatch(host):
        return None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        netloc = f"{netloc}:{port}"
    if "@" in parts.netloc:
        netloc = f"{parts.netloc.rpartition('@')[0]}@{netloc}"  # refused later, with a reason
    path = quote(parts.path or "/", safe=_SAFE)
    result = urlunsplit((scheme, netloc, path, quote(parts.query, safe=_SAFE), ""))
    return result if len(result) <= MAX_URL_LENGTH else None


def host_of(url: str) -> str:
    """The host of an address, in lower case; "" where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_local(url: str) -> bool:
    """True for what is in a store and not on the web: `file://` and `s3://`."""
    return url.startswith(("file://", "s3://", "out:"))


def resolve(url: str, base: str) -> str | None:
    """What an address on a page at `base` means; None where it means no image.

    On a saved page (`base` is `file://` or `s3://`) a relative address means the file beside it. On a
    page of the web an address never means a local file.

    Raises:
        ValueError: for what is no address.
    """
    if not is_local(base):
        return canonical(urljoin(base, url))
    if url.startswith("//") or urlsplit(url).scheme:
        return canonical(url)
    scheme, _, place = base.partition("://")
    # urljoin knows how to join http addresses, and leaves a scheme it does not know alone
    joined = urljoin(f"http://{place}", url).partition("#")[0].partition("?")[0]
    return f"{scheme}://{quote(unquote(joined.removeprefix('http://')))}"
