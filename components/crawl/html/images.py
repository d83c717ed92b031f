"""Which address an `<img>` really shows: srcset, lazy loading, `<picture>` and `<noscript>`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from components.crawl.addresses import LAZY, MAX_URL_LENGTH, SRCSETS, resolve

MIN_SIDE: Final = 3
"""Images that declare a shorter side in pixels are tracking pixels and spacers."""

_PLACEHOLDER: Final = re.compile(
    r"(?:^|[/_.-])(?:blank|spacer|placeholder|transparent|trans|pixel|1x1|lazy(?:[-_]?load\w*)?|loading|loader|"
    r"clear|dummy|empty|grey|gray|white)(?:[-_.]\w{1,12})?\.(?:gif|png|svg|jpe?g|webp)$",
    re.IGNORECASE,
)
_FILE: Final = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|bmp|tiff?|svg)(?:[?#!:/]|$)", re.IGNORECASE)
_LENGTH: Final = re.compile(r"\s*(\d{1,6})(?:\.\d+)?\s*(?:px)?\s*$", re.IGNORECASE)
_STYLE_LENGTH: Final = re.compile(r"(?:^|;)\s*(width|height)\s*:\s*(\d{1,6})(?:\.\d+)?px", re.IGNORECASE)


def srcset(value: str) -> list[tuple[float, str]]:
    """Candidates of a srcset attribute as (width or density, URL), in order; linear in its length."""
    found = []
    url = ""
    for token in value[:65536].split():
        if not url:
            if token.endswith(",") and not token.startswith("data:"):
                found.append((1.0, token.rstrip(",")))
            else:
                url = token.lstrip(",")
            continue
        word = token.rstrip(",")
        size = 1.0
        if word[-1:] in ("w", "x") and len(word) < 12:
            try:
                size = float(word[:-1])
            except ValueError:
                size = 1.0
        found.append((size, url))
        url = "" if token.endswith(",") else url
        if url:
            url = ""
    if url:
        found.append((1.0, url))
    return [(size, address) for size, address in found if address]


def largest(values: Iterable[str]) -> str | None:
    """URL of the largest candidate of several srcset attributes; of equals the first."""
    best: tuple[float, str] | None = None
    for value in values:
        for size, url in srcset(value):
            if (best is None or size > best[0]) and not url.startswith("data:"):
                best = (size, url)
    return best[1] if best else None


def absolute(url: str | None, base: str) -> str | None:
    """The address that `url` means on a page at `base`; None where it means none."""
    if not url:
        return None
    url = url.strip()
    if not url or len(url) > MAX_URL_LENGTH or url[:5].lower() in ("data:", "blob:", "about"):
        return None
    try:
        return resolve(url, base)
    except ValueError:
        return None


def is_placeholder(url: str) -> bool:
    """True for the address of an image that only keeps a place free."""
    return bool(_PLACEHOLDER.search(url.partition("?")[0][-200:]))


def address(attributes: dict[str, str | None], sources: Iterable[str], base: str) -> str | None:
    """Absolute URL of the best version of an image.

    Its own srcset first, then the attributes of lazy loading, then src, then the `<source>`
    elements of its `<picture>`. What only keeps a place free is passed over.
    """
    sets = [value for name in SRCSETS if (value := attributes.get(name))]
    candidates = [largest(sets)] if sets else []
    for name in LAZY:
        value = attributes.get(name)
        if value and ("/" in value or _FILE.search(value)) and value[:1] not in "{[":
            candidates.append(value)
    candidates.append(attributes.get("src"))
    for candidate in candidates:
        url = absolute(candidate, base)
        if url and not is_placeholder(url):
            return url
    url = absolute(largest(sources), base)
    return url if url and not is_placeholder(url) else None


def declared_size(attributes: dict[str, str | None]) -> tuple[int | None, int | None]:
    """Width and height in pixels that the attributes, or else the style, declare."""
    sizes: dict[str, int] = {}
    style = attributes.get("style")
    if style:
        sizes = {name.lower(): int(value) for name, value in _STYLE_LENGTH.findall(style[:500])}
    for name in ("width", "height"):
        match = _LENGTH.match(attributes.get(name) or "")
        if match:
            sizes[name] = int(match[1])
    return sizes.get("width"), sizes.get("height")


def is_tiny(width: int | None, height: int | None) -> bool:
    """True for the declared size of a tracking pixel or a spacer."""
    return (width is not None and width < MIN_SIDE) or (height is not None and height < MIN_SIDE)
