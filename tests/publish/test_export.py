from __future__ import annotations

import io
import json
import tarfile

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.publish.export import ExportReason, ExportStage
from components.publish.params import PublishParams
from tests.publish import samples


def run(documents: pa.Table, images: pa.Table, **params: object) -> Output:
    stage = ExportStage(PublishParams(**params))  # type: ignore[arg-type]
    out = Output(step=stage.name, reasons=stage.reasons, rows_in=documents.num_rows)
    stage.run(Unit(7, {"documents": documents, "images": images}, Stores()), out)
    return out


PICTURE = samples.image_record(samples.jpeg(1))
ABSENT = samples.image_record(samples.jpeg(2))
DOCUMENTS = samples.documents_table(
    [
        samples.document(1, [samples.text("Two words"), samples.shown(PICTURE, url="https://e.org/1.jpg")]),
        samples.document(2, [samples.shown(ABSENT, url="https://e.org/2.jpg"), samples.text("A few more")]),
        samples.document(3, [samples.shown(None, url="https://e.org/3.jpg")], source="pdf"),
    ]
)  # fmt: skip
IMAGES = samples.images_table([PICTURE])


def test_every_document_is_released_and_a_missing_image_keeps_its_place() -> None:
    out = run(DOCUMENTS, IMAGES)
    table = pa.concat_tables(out.tables["release"])
    schemas.check(table.schema, "mint_documents/1", producer="export", consumer="the test")
    assert table.num_rows == DOCUMENTS.num_rows
    rows = table.to_pylist()
    assert rows[0]["image_hashes"] == [PICTURE.id]
    assert rows[1]["images"] == ["https://e.org/2.jpg", None]
    assert rows[1]["image_hashes"] == [None]
    assert [(line["record_id"], line["action"], line["reason"]) for line in out.ledger] == [
        (f"{2:032x}", "changed", ExportReason.IMAGE_BYTES_MISSING)
    ]
    assert out.counters == {
        "webdataset_samples": 3, "texts": 2, "words": 5, "images": 3, "images_with_bytes": 1,
        "images_not_fetched": 1, "images_bytes_missing": 1,
    }  # fmt: skip


def test_the_tar_is_named_by_its_unit_and_holds_the_chosen_sources() -> None:
    (whole,) = run(DOCUMENTS, IMAGES).attachments
    assert whole.name == "00007.tar"
    (papers,) = run(DOCUMENTS, IMAGES, tar_sources=["pdf", "latex"]).attachments
    with tarfile.open(fileobj=io.BytesIO(papers.data)) as tar:
        assert tar.getnames() == [f"{3:032x}.json"]
    with tarfile.open(fileobj=io.BytesIO(whole.data)) as tar:
        key = f"{1:032x}"
        assert tar.extractfile(f"{key}.0.jpg").read() == PICTURE.bytes  # type: ignore[union-attr]
        sample = json.load(tar.extractfile(f"{key}.json"))  # type: ignore[arg-type]
        assert sample["image_metadata"][0]["sha256"] == PICTURE.id
    assert run(DOCUMENTS, IMAGES, tar_sources=[]).attachments == []


@pytest.mark.parametrize("images_as", ["files", "tiff"])
def test_the_same_input_gives_the_same_tar(images_as: str) -> None:
    one, two = (run(DOCUMENTS, IMAGES, images_as=images_as).attachments[0].data for _ in range(2))
    assert one == two


def test_ids_that_cannot_be_keys_fail_and_the_rest_is_released() -> None:
    table = samples.documents_table(
        [samples.document(1, [samples.text("a")]), samples.document(1, [samples.text("b")])]
    )
    odd = samples.document(9, [samples.text("c")])
    odd.id = "../../etc/passwd"
    table = pa.concat_tables([table, samples.documents_table([odd])])
    out = run(table, IMAGES)
    assert [(line["action"], line["reason"]) for line in out.ledger] == [
        ("failed", "duplicate_key"),
        ("failed", "bad_key"),
    ]
    assert sum(t.num_rows for t in out.tables["release"]) + 2 == table.num_rows


def test_an_image_that_cannot_become_a_frame_fails_its_document_alone() -> None:
    broken = samples.images_table([PICTURE]).to_pylist()
    broken[0]["bytes"] = b"not an image"
    out = run(DOCUMENTS, pa.Table.from_pylist(broken, schema=schemas.IMAGES), images_as="tiff")
    assert [(line["action"], line["reason"]) for line in out.ledger if line["action"] == "failed"] == [
        ("failed", "image_undecodable")
    ]
    (tar,) = out.attachments
    with tarfile.open(fileobj=io.BytesIO(tar.data)) as read:
        assert read.getnames() == [f"{2:032x}.json", f"{3:032x}.json"]


def test_an_empty_shard_gives_an_empty_release() -> None:
    out = run(DOCUMENTS.slice(0, 0), IMAGES)
    assert out.tables["release"][0].num_rows == 0
    assert out.attachments == []
