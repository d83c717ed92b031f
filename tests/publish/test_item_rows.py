from __future__ import annotations

import io
import json
from typing import Any

import pyarrow.parquet as pq

from components.core import schemas
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.publish.export import ExportStage
from components.publish.item_rows import SCHEMA
from components.publish.params import PublishParams
from tests.publish import samples

PICTURE = samples.image_record(samples.jpeg(1))
DOCUMENTS = samples.documents_table(
    [
        samples.document(1, [samples.text("Two words"), samples.shown(PICTURE, url="https://e.org/1.jpg")]),
        samples.document(2, [samples.shown(None, url="https://e.org/2.jpg"), samples.text("A few more")]),
    ]
)


def items(**params: Any) -> list[dict[str, Any]]:
    stage = ExportStage(PublishParams(tar_sources=[], **params))
    out = Output(step=stage.name, reasons=stage.reasons)
    images = samples.images_table([PICTURE])
    stage.run(Unit(3, {"documents": DOCUMENTS, "images": images}, Stores()), out)
    if not params.get("item_rows"):
        assert out.attachments == []
        return []
    (file,) = out.attachments
    assert file.name == "00003.items.parquet"
    table = pq.read_table(io.BytesIO(file.data))
    schemas.check(table.schema, SCHEMA, producer="export", consumer="the test")
    assert out.counters["item_rows"] == table.num_rows
    return table.to_pylist()


def test_a_document_is_its_metadata_and_its_items_in_order() -> None:
    rows = items(item_rows=True)
    assert [(r["sample_id"], r["position"], r["modality"]) for r in rows] == [
        (f"{1:032x}", -1, "metadata"),
        (f"{1:032x}", 0, "text"),
        (f"{1:032x}", 1, "image"),
        (f"{2:032x}", -1, "metadata"),
        (f"{2:032x}", 0, "image"),
        (f"{2:032x}", 1, "text"),
    ]
    assert json.loads(rows[0]["text_content"])["id"] == f"{1:032x}"
    assert rows[2]["binary_content"] == PICTURE.bytes
    assert rows[2]["content_type"] == "image/jpeg"
    assert rows[2]["source_ref"] == "https://e.org/1.jpg"


def test_an_image_without_bytes_says_why() -> None:
    gone = items(item_rows=True)[4]
    assert gone["binary_content"] is None
    assert gone["materialize_error"] == "no bytes: the image was not fetched"
    assert gone["source_ref"] == "https://e.org/2.jpg"


def test_they_are_written_where_asked_for_only() -> None:
    assert items(item_rows=False) == []
