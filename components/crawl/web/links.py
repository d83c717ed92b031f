"""What a page points to: links, images and `<meta>` elements, with their addresses made absolute.

For the crawler only: it wants every address an extractor may choose, not the one that is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from resiliparse.parse.encoding import detect_encoding
from selectolax.lexbor import LexborHTMLParser

from components.crawl.addresses import LAZY, SRCSETS, canonical

MAX_LINKS: Final = 10_000
_MAX_METAS: Final = 500
_META_CHARSET: Final = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.I
)
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_NOT_SPACE: Final = re.compile(r"[^\s,]\S*")
_MAX_SRCSET: Final = 64 * 1024


@dataclass(slots=True)
class PageLinks:
    """What was found, in the order of the page, each address once.

    Attributes:
        links: addresses of `<a>` and `<area>`, without those that say rel=nofollow.
        images: addresses of images that the page may show.
        metas: (name, content) of its `<meta>` elements.
    """

    links: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    metas: list[tuple[str, str]] = field(default_factory=list)


def decode(body: bytes, charset: str | None) -> str:
    """The page as text: by byte order mark, HTTP charset, `<meta>` charset, or else by its bytes."""
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body.decode(codec, errors="replace")
    found = _META_CHARSET.search(body[:4096])
    declared = found[1].decode("ascii").lower() if found else None
    if declared and declared.startswith("utf-16"):
        declared = "utf-8"  # what could be read as ASCII is no UTF-16 (WHATWG HTML, prescan)
    for name in (charset, declared, detect_encoding(body)):
        try:
            if name:
                return body.decode(name, errors="replace")
        except (LookupError, UnicodeError):
            continue
    return body.decode("utf-8", errors="replace")


def largest_candidate(srcset: str) -> str | None:
    """The address with the greatest width or density in a `srcset`; the first of equals."""
    text = srcset[:_MAX_SRCSET]
    best: tuple[float, str] | None = None
    at = 0
    while found := _NOT_SPACE.search(text, at):
        address, at = found[0], found.end()
        descriptor = ""
        if address.endswith(","):
            address = address.rstrip(",")
        else:
            comma = text.find(",", at)
            end = len(text) if comma < 0 else comma
            descriptor, at = text[at:end], end + 1
        size = _size(descriptor)
        if address and (best is None or size > best[0]):
            best = size, address
    return best[1] if best else None


def _size(descriptor: str) -> float:
    """What a descriptor (`2x`, `640w`, nothing) promises; 0 where it can't be read."""
    words = descriptor.split() or ["1x"]
    try:
        return max((float(word[:-1]) for word in words if word[-1] in "wx"), default=0.0)
    except ValueError:
        return 0.0


def page_links(body: bytes, url: str, charset: str | None = None) -> PageLinks:
    """Parse a page. Meant for a sandbox: `body` is a stranger's.

    Args:
        url: address of the page, after redirects.
        charset: of the Content-Type header, where it names one.
    """
    tree = LexborHTMLParser(decode(body, charset))
    base_node = tree.css_first("base[href]")
    base = url
    if base_node is not None:
        base = _join(url, base_node.attributes.get("href")) or url
    found = PageLinks()
    for node in tree.css("meta[name][content]")[:_MAX_METAS]:
        attributes = node.attributes
        found.metas.append(((attributes["name"] or "").lower(), (attributes["content"] or "")[:2000]))
    links: dict[str, None] = {}
    for node in tree.css("a[href], area[href]"):
        rel = (node.attributes.get("rel") or "").lower().split()
        address = _join(base, node.attributes.get("href"))
        if address and "nofollow" not in rel and len(links) < MAX_LINKS:
            links[address] = None
    images: dict[str, None] = {}
    for node in tree.css("img, picture > source"):
        attributes = node.attributes
        raw = [attributes.get(name) for name in ("src", *LAZY)] if node.tag == "img" else []
        raw += [largest_candidate(attributes.get(name) or "") for name in SRCSETS]
        for address in (_join(base, value) for value in raw):
            if address and len(images) < MAX_LINKS:
                images[address] = None
    found.links, found.images = list(links), list(images)
    return found


def _join(base: str, value: str | None) -> str | None:
    value = (value or "").strip()
    if not value or value.startswith(("#", "data:", "javascript:", "mailto:")):
        return None
    try:
        # browsers remove line breaks and tabs inside addresses (WHATWG URL standard)
        return canonical(urljoin(base, re.sub(r"[\t\r\n]", "", value)))
    except ValueError:
        return None
