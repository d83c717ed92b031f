"""What a page's head says: title, language, base address, licence, consent."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from typing import Any, Final

from components.core.records import Consent
from components.crawl.consent import NO_AI, NO_IMAGE_AI, directives, meta_robots, reservation
from components.crawl.html.images import absolute
from components.crawl.html.tree import clean

_MAX_JSON: Final = 2_000_000


@dataclass(slots=True)
class Head:
    """What the head of a page declares."""

    base: str
    title: str | None = None
    language: str | None = None
    license: str | None = None
    metas: list[tuple[str, str]] = field(default_factory=list)

    def consent(self) -> Consent:
        """The consent that the page's own `<meta>` elements express; robots.txt is not looked at."""
        robots = meta_robots(self.metas)
        said = directives([robots] if robots else [])
        named = {name.strip().lower(): content for name, content in reversed(self.metas)}
        return Consent(
            meta_robots=robots,
            tdm_reservation=reservation(named.get("tdm-reservation")),
            noai=bool(said & (NO_AI | NO_IMAGE_AI)) if said else None,
        )


def read_head(tree: Any, url: str) -> Head:
    """Read the head; elements that a broken page has moved to its body are found too.

    Args:
        tree: lexbor parser.
        url: address of the page, which `<base href>` is resolved against.
    """
    head = Head(base=url)
    title = None
    for node in tree.css("title, meta, base[href], link[rel], a[rel]"):
        tag, attributes = node.tag, node.attributes
        if tag == "meta":
            name, content = attributes.get("name") or attributes.get("property"), attributes.get("content")
            if name and content:
                head.metas.append((name[:200], content[:2000]))
        elif tag == "title":
            if title is None and node.parent is not None and node.parent.tag != "svg":
                title = node.text(deep=True)
        elif tag == "base":
            if head.base == url:
                head.base = absolute(attributes["href"], url) or url
        elif head.license is None and "license" in (attributes.get("rel") or "").lower().split():
            head.license = absolute(attributes.get("href"), head.base)
    if not title or not title.strip():
        title = next((content for name, content in head.metas if name.lower() == "og:title"), None)
    head.title = unicodedata.normalize("NFC", clean(title[:2000])) or None if title else None
    root = tree.root
    attributes = root.attributes if root is not None else {}
    language = (attributes.get("lang") or attributes.get("xml:lang") or "").strip()
    if not language:
        named = dict(reversed([(name.lower(), content) for name, content in head.metas]))
        language = named.get("og:locale", "").replace("_", "-").strip()
    head.language = language[:35] if language and language.isascii() and " " not in language else None
    return head


def article_body(tree: Any) -> str:
    """The longest `articleBody` among the page's JSON-LD; empty where there is none."""
    best = ""
    for node in tree.css('script[type="application/ld+json"]'):
        source = node.text_content or node.text(deep=True)
        if not source or len(source) > _MAX_JSON or '"articleBody"' not in source:
            continue
        try:
            found = json.loads(source, strict=False)
        except (ValueError, RecursionError):
            continue
        pending = [found]
        while pending:
            value = pending.pop()
            if isinstance(value, list):
                pending += value
            elif isinstance(value, dict):
                body = value.get("articleBody")
                if isinstance(body, str) and len(body) > len(best):
                    best = body
                pending += [v for v in value.values() if isinstance(v, dict | list)]
    return best
