from __future__ import annotations

import dataclasses

from components.core import records, schemas
from components.core.records import Consent, Document, Image, Item, image_table, record_id, table


def test_fields_are_the_columns_of_the_schemas() -> None:
    for cls, columns in (
        (Document, schemas.DOCUMENTS.names),
        (Image, schemas.IMAGES.names),
        (Item, [field.name for field in schemas.ITEM]),
        (Consent, [field.name for field in schemas.CONSENT]),
    ):
        assert {f.name for f in dataclasses.fields(cls)} == set(columns)


def test_every_field_is_documented() -> None:
    for name, schema in schemas.SCHEMAS.items():
        for field in schema:
            assert field.metadata, f"{name}.{field.name}"
            assert len(field.metadata[b"doc"]) > 3


def test_scores_are_sorted_so_that_bytes_do_not_depend_on_order() -> None:
    one = Document("a", "html", "u", [Item("text", text="x")], scores={"b": 1.0, "a": 2.0})
    two = Document("a", "html", "u", [Item("text", text="x")], scores={"a": 2.0, "b": 1.0})
    assert records.table([one], "documents/1").equals(records.table([two], "documents/1"))


def test_ids_do_not_run_together() -> None:
    assert record_id("ab", "c") != record_id("a", "bc")
    assert record_id("a") == record_id(b"a")
    assert len(record_id("a")) == 32


def test_an_image_table_takes_the_bytes_over() -> None:
    images = [Image(str(n), bytes([n]) * n, n, "png", 1, 1, alts=["x"]) for n in range(4)]
    wanted = table(images, "images/1")
    assert image_table(images).equals(wanted)
    assert [image.bytes for image in images] == [b""] * 4
    assert image_table([]).num_rows == 0
