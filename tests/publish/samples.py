"""Small real images and documents for the tests of the publish family."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import numpy as np
import PIL.Image as PilImage
import pyarrow as pa

from components.core import records
from components.core.images import read_image
from components.core.records import Consent, Document, Image, Item


def picture(width: int = 64, height: int = 48, seed: int = 0, mode: str = "RGB") -> PilImage.Image:
    """A smooth colour gradient with a disc in it, different for each seed."""
    y, x = np.mgrid[0:height, 0:width]
    disc = ((x - width * 0.4) ** 2 + (y - height * 0.5) ** 2 < (min(width, height) * 0.3) ** 2) * 90
    planes = [
        (x * 3 + seed * 40 + disc) % 256,
        (y * 4 + seed * 70) % 256,
        ((x + y) * 2 + seed * 90 + disc) % 256,
    ]
    return PilImage.fromarray(np.stack(planes, -1).astype("uint8")).convert(mode)


def encode(image: PilImage.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(seed: int = 0, **options: object) -> bytes:
    return encode(picture(seed=seed), "JPEG", quality=85, **options)


def png(seed: int = 0) -> bytes:
    return encode(picture(seed=seed), "PNG")


def image_record(data: bytes) -> Image:
    return read_image(data)


def text(value: str, role: str = "paragraph") -> Item:
    return Item("text", role=role, text=value)  # type: ignore[arg-type]


def shown(image: Image | None = None, **fields: object) -> Item:
    return Item("image", image_id=image.id if image else None, **fields)  # type: ignore[arg-type]


def document(number: int, items: list[Item], **fields: object) -> Document:
    defaults: dict[str, object] = {
        "source": "html",
        "source_uri": "s3://commoncrawl/crawl-data/CC-MAIN-2024-18/segments/1/warc/CC-MAIN-20240412-0.warc.gz",
        "url": f"https://site{number % 3}.example/page/{number}",
        "title": f"Page {number}",
        "crawl_time": datetime(2024, 4, 12, 10, 13, 54, tzinfo=UTC),
        "language": "en",
        "language_score": 0.97,
        "license": "https://creativecommons.org/licenses/by/4.0/",
        "consent": Consent(robots="allowed"),
    }
    return Document(id=f"{number:032x}", items=items, **(defaults | fields))  # type: ignore[arg-type]


def documents_table(documents: list[Document]) -> pa.Table:
    return records.table(documents, "documents/1")


def images_table(images: list[Image]) -> pa.Table:
    return records.table(images, "images/1")
