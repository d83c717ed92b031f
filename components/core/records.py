"""Records as Python objects, for code that builds them one at a time.

Their fields are the columns of `components.core.schemas`; `table` turns a list of them into Arrow.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from components.core import schemas

Role = Literal["paragraph", "heading", "list", "table", "code", "quote", "figure"]


@dataclass(slots=True)
class Item:
    """One element of an interleaved document: a text or an image (schema `ITEM`)."""

    kind: Literal["text", "image"]
    role: Role | None = None
    text: str | None = None
    level: int | None = None
    image_id: str | None = None
    url: str | None = None
    alt: str | None = None
    caption: str | None = None
    page: int | None = None
    bbox: tuple[float, float, float, float] | None = None
    width: int | None = None
    height: int | None = None


@dataclass(slots=True)
class Consent:
    """What the publisher allows, as evidence (schema `CONSENT`)."""

    robots: str = "unknown"
    x_robots_tag: str | None = None
    meta_robots: str | None = None
    tdm_reservation: bool | None = None
    noai: bool | None = None


@dataclass(slots=True)
class Image:
    """An encoded image, addressed by the SHA-256 of its bytes (schema `IMAGES`)."""

    id: str
    bytes: bytes
    size: int
    format: str
    width: int
    height: int
    phash: int | None = None
    dhash: int | None = None
    url: str | None = None
    alts: list[str] = field(default_factory=list)
    source_uri: str | None = None
    source_offset: int | None = None
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Document:
    """An interleaved document (schema `DOCUMENTS`)."""

    id: str
    source: Literal["html", "pdf", "latex", "image"]
    source_uri: str
    items: list[Item]
    source_offset: int = 0
    url: str | None = None
    title: str | None = None
    crawl_time: datetime | None = None
    declared_language: str | None = None
    language: str | None = None
    language_score: float | None = None
    license: str | None = None
    consent: Consent | None = None
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Note:
    """A part of a record that was lost or altered while it was read: one `changed` ledger line.

    `reason` is a member of the reader's closed enum of reasons.
    """

    reason: str
    detail: str


@dataclass(slots=True)
class Extracted:
    """What an extractor makes of one payload, before it becomes a `Document`.

    Items that show an image of `images` carry its `image_id`; those of HTML carry a `url` only.
    """

    items: list[Item]
    images: list[Image] = field(default_factory=list)
    title: str | None = None
    declared_language: str | None = None
    license: str | None = None
    consent: Consent | None = None
    notes: list[Note] = field(default_factory=list)


def _getter(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in dataclasses.fields(kind))
    return names, attrgetter(*names)


# items are by far the most frequent records: asking a dataclass for its fields each time cost a
# quarter of the reading process
_GETTERS: Final = {kind: _getter(kind) for kind in (Item, Consent, Image, Document)}


def _plain(record: Any) -> dict[str, Any]:
    """The record as Arrow wants it: records inside it as dicts, maps as sorted pairs."""
    names, values = _GETTERS[type(record)]
    row = dict(zip(names, values(record), strict=True))
    if "items" in row:
        row["items"] = [_plain(item) for item in row["items"]]
    if row.get("consent") is not None:
        row["consent"] = _plain(row["consent"])
    if "scores" in row:
        row["scores"] = sorted(row["scores"].items())
    return row


def table(records: Sequence[Document] | Sequence[Image], schema_name: str) -> pa.Table:
    """An Arrow table with the columns of `schema_name`, one row a record, in the given order."""
    schema = schemas.get(schema_name)
    return pa.Table.from_pylist([_plain(r) for r in records], schema=schema)


def image_table(images: Sequence[Image]) -> pa.Table:
    """`images/1` of images, whose bytes are let go: they are copied once and not held twice.

    An Arrow builder copies what it has again and again as it grows.
    """
    bodies = [image.bytes for image in images]
    for image in images:
        image.bytes = b""
    made = table(images, "images/1")
    ends = np.cumsum([0, *map(len, bodies)]).astype(np.int32)
    column = pa.Array.from_buffers(
        pa.binary(), len(bodies), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(bodies))]
    )
    return made.set_column(made.schema.get_field_index("bytes"), made.schema.field("bytes"), column)


def record_id(*parts: str | bytes) -> str:
    """32 hex digits out of the parts, the same on every machine."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()[:32]
