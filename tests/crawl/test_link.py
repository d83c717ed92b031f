from __future__ import annotations

import pyarrow as pa

from components.core import records, schemas
from components.core.records import Document, Item
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.crawl.link import AssembleStage, LinkImagesStage, NoParams
from components.crawl.web.file_params import FetchImagesParams


def table(name: str, rows: list[dict[str, object]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schemas.get(name))


def test_an_address_gets_the_image_found_there() -> None:
    refs = [{"url": "http://x/a.png", "shard": 3}, {"url": "http://x/none.png", "shard": 3}]
    index = [
        {"url": "http://x/a.png", "image_id": "bb", "width": 5, "height": 6},
        {"url": "http://x/a.png", "image_id": "aa", "width": 7, "height": 8},
    ]
    stage = LinkImagesStage(FetchImagesParams())
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


def test_addresses_without_bytes_are_listed_only_where_that_is_asked_for() -> None:
    shown = [
        ("http://B.example:8080/x.png", 3),
        ("http://a.example/found.png", 1),
        ("https://a.example/y.png", 9),
        ("https://a.example/y.png", 2),
        ("https://a.example/y.png", 9),
        ("file:///home/me/z.png", 1),
        ("data:image/png;base64,AAAA", 1),
    ]
    refs = [{"url": url, "shard": shard} for url, shard in shown]
    index = [{"url": "http://a.example/found.png", "image_id": "aa", "width": 5, "height": 6}]
    tables = {"image_refs": table("image_refs/1", refs), "image_index": table("image_index/1", index)}
    out = Output("link_images", LinkImagesStage.reasons)
    LinkImagesStage(FetchImagesParams()).run(Unit(0, tables, Stores()), out)
    assert "targets" not in out.tables
    assert (out.counters["images_not_fetched"], out.counters["addresses_found"]) == (2, 1)

    out = Output("link_images", LinkImagesStage.reasons)
    LinkImagesStage(FetchImagesParams(fetch=True)).run(Unit(0, tables, Stores()), out)
    (targets,) = out.tables["targets"]
    assert [(row["url"], row["host"], row["shards"]) for row in targets.to_pylist()] == [
        ("http://B.example:8080/x.png", "b.example", [3]),
        ("https://a.example/y.png", "a.example", [2, 9]),
    ]
    assert targets.schema.equals(schemas.get("fetch_targets/1"))
    assert "images_not_fetched" not in out.counters


def test_uses_count_documents_and_not_items() -> None:
    def shows(*images: tuple[str | None, str | None]) -> list[Item]:
        return [Item("image", image_id=image, url=url) for image, url in images]

    documents = records.table(
        [
            Document(
                "d", "html", "u", shows((None, "http://x/a"), (None, "http://x/a"), (None, "http://x/b"))
            ),
            Document("e", "pdf", "u", shows(("bb", None), ("aa", None))),
            Document("f", "html", "u", shows((None, "http://x/none"))),
        ],
        "documents/1",
    )
    links = [
        {"shard": 5, "url": url, "image_id": image, "width": 1, "height": 1}
        for url, image in (("http://x/a", "zz"), ("http://x/a", "aa"), ("http://x/b", "cc"))
    ]
    both = []
    for order in (links, links[::-1]):
        stage = AssembleStage(NoParams())
        out = Output(stage.name, stage.reasons)
        stage.run(
            Unit(5, {"documents": documents, "image_links": table("image_links/1", order)}, Stores()), out
        )
        both.append((out.tables["documents"][0], out.tables["uses"][0]))
    assert both[0][0].equals(both[1][0])
    assert both[0][1].to_pylist() == both[1][1].to_pylist()
    assert [(row["image_id"], row["shard"], row["documents"]) for row in both[0][1].to_pylist()] == [
        ("aa", 5, 2),
        ("bb", 5, 1),
        ("cc", 5, 1),
    ]
