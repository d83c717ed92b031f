"""The release once more as one row an item, the form that curation tools read fastest.

Columns are those of NeMo Curator's interleaved tables: position -1 is the document's metadata as JSON,
positions 0 and up are its texts and images in reading order, images with their bytes in the row.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from components.core import schemas
from components.core.shards import ZSTD_LEVEL
from components.publish.mint_layout import Entry, parquet_row

SCHEMA: Final = "interleaved_items/1"
SUFFIX: Final = ".items.parquet"
_ROWS_PER_GROUP: Final = 256
"""Images make rows large: a reader holds one group at a time."""


def item_rows(
    document: Mapping[str, Any], placed: Sequence[Entry], data: Mapping[str, bytes]
) -> list[dict[str, Any]]:
    """The rows of one document.

    Args:
        document: a row of `documents/1` as a dict.
        placed: its `mint_layout.entries`.
        data: bytes of the images of `placed`, by id.
    """
    facts = {"url": document["url"], **parquet_row(document, placed)["metadata"]}
    rows = [_row(document, -1, "metadata", "application/json", text=json.dumps(facts, default=_plain))]
    for position, entry in enumerate(placed):
        if isinstance(entry, str):
            rows.append(_row(document, position, "text", "text/plain", text=entry))
            continue
        content = data[entry.image_id] if entry.image_id else None
        rows.append(
            _row(
                document,
                position,
                "image",
                f"image/{entry.facts.format}" if entry.facts else None,
                content=content,
                source=entry.item["url"] or entry.name,
                error=None if content is not None else "no bytes: the image was not fetched",
            )
        )
    return rows


def _row(
    document: Mapping[str, Any],
    position: int,
    modality: str,
    content_type: str | None,
    *,
    text: str | None = None,
    content: bytes | None = None,
    source: str | None = None,
    error: str | None = None,
) -> dict[str, Any]:
    return {
        "sample_id": document["id"],
        "position": position,
        "modality": modality,
        "content_type": content_type,
        "text_content": text,
        "binary_content": content,
        "source_ref": source,
        "materialize_error": error,
    }


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not plain data")


def items_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The Parquet file of some rows; pictures are stored as they are, since they don't compress."""
    table = pa.Table.from_pylist(list(rows), schema=schemas.get(SCHEMA))
    codecs = dict.fromkeys(table.column_names, "zstd") | {"binary_content": "none"}
    sink = io.BytesIO()
    pq.write_table(
        table,
        sink,
        row_group_size=_ROWS_PER_GROUP,
        compression=codecs,
        compression_level={name: ZSTD_LEVEL for name, codec in codecs.items() if codec == "zstd"},
        use_dictionary=["sample_id", "modality", "content_type", "materialize_error"],
        write_statistics=["sample_id", "position"],
    )
    return sink.getvalue()
