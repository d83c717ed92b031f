from __future__ import annotations

import pyarrow as pa

from components.core import records, schemas
from components.core.records import Document, Item
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.link import AssembleStage, LinkImagesStage, NoParams


def table(name: str, rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schemas.get(name))


def test_an_address_gets_the_image_found_there() -> None:
    refs = [{"url": "http://x/a.png", "shard": 3}, {"url": "http://x/none.png", "shard": 3}]
    index = [
        {"url": "http://x/a.png", "image_id": "bb", "width": 5, "height": 6},
        {"url": "http://x/a.png", "image_id": "aa", "width": 7, "height": 8},
    ]
    stage = LinkImagesStage(NoParams())
    out = Output(stage.name, stage.reasons)
    tables = {"image_refs": table("image_refs/1", refs), "image_index": table("image_index/1", index)}
    stage.run(Unit(0, tables, Stores()), out)
    (links,) = out.tables["image_links"]
    assert links.to_pylist() == [
        {"shard": 3, "url": "http://x/a.png", "image_id": "aa", "width": 7, "height": 8}
    ]

    items = [
        Item("image", url="http://x/a.png"),
        Item("image", url="http://x/none.png"),
        Item("text", text="t"),
    ]
    documents = records.table([Document("d", "html", "u", items)], "documents/1")
    assemble = AssembleStage(NoParams())
    out = Output(assemble.name, assemble.reasons)
    assemble.run(Unit(3, {"documents": documents, "image_links": links}, Stores()), out)
    got = out.tables["documents"][0].column("items").to_pylist()[0]
    assert [(i["image_id"], i["width"], i["height"]) for i in got] == [
        ("aa", 7, 8),
        (None, None, None),
        (None, None, None),
    ]
    assert out.tables["documents"][0].schema.equals(schemas.get("documents/1"))


def test_documents_without_links_stay_as_they_are() -> None:
    documents = records.table(
        [Document("d", "html", "u", [Item("image", url="http://x/a.png")])], "documents/1"
    )
    stage = AssembleStage(NoParams())
    out = Output(stage.name, stage.reasons)
    stage.run(Unit(0, {"documents": documents, "image_links": table("image_links/1", [])}, Stores()), out)
    assert out.tables["documents"][0].equals(documents)


def test_paths_of_saved_pages_do_not_leave_this_machine() -> None:
    items = [
        Item("image", url="file:///home/me/site/a.png"),
        Item("image", url="file:///home/me/site/none.png"),
        Item("text", text="t"),
    ]
    documents = records.table([Document("d", "html", "u", items)], "documents/1")
    link = {"shard": 0, "url": "file:///home/me/site/a.png", "image_id": "aa", "width": 7, "height": 8}
    stage = AssembleStage(NoParams())
    out = Output(stage.name, stage.reasons)
    tables = {"documents": documents, "image_links": table("image_links/1", [link])}
    stage.run(Unit(0, tables, Stores()), out)
    got = out.tables["documents"][0].column("items").to_pylist()[0]
    assert [(i["kind"], i["image_id"], i["url"]) for i in got] == [
        ("image", "aa", None),
        ("text", None, None),
    ]
    assert [(line["action"], line["reason"]) for line in out.ledger] == [("changed", "local_image_missing")]
