from __future__ import annotations

import random

import pyarrow as pa

from components.publish.samples import Samples, image_ids
from tests.publish import samples

PICTURE = samples.image_record(samples.jpeg(1))


def documents(count: int) -> pa.Table:
    made = []
    for n in range(count):
        items = [samples.text("words")] + ([samples.shown(PICTURE)] if n % 2 else [])
        source = "latex" if n == 5 else "pdf" if n % 10 == 0 else "html"
        host = "big.example" if n % 3 else f"small{n}.example"
        made.append(samples.document(n, items, source=source, url=f"https://{host}/{n}"))
    return samples.documents_table(made)


TABLE = documents(120)


def chosen(order: list[int], limit: int = 10, pieces: int = 1) -> list[str]:
    table = TABLE.take(order)
    size = -(-table.num_rows // pieces)
    picks = [Samples(limit) for _ in range(2)]
    for number in range(pieces):
        picks[number % 2].add(table.slice(number * size, size))
    picks[0].merge(picks[1])
    return picks[0].choose().column("id").to_pylist()


def test_the_choice_depends_on_neither_order_nor_shards() -> None:
    rows = list(range(TABLE.num_rows))
    first = chosen(rows)
    shuffled = random.Random(7).sample(rows, len(rows))
    assert first == chosen(shuffled) == chosen(shuffled, pieces=9)


def test_every_source_is_shown_and_documents_with_images_first() -> None:
    made = Samples(6)
    made.add(TABLE)
    rows = made.choose().to_pylist()
    assert [row["source"] for row in rows[:3]] == ["html", "latex", "pdf"]
    html = [row for row in rows if row["source"] == "html"]
    assert all(any(i["kind"] == "image" for i in row["items"]) for row in html)


def test_hosts_are_not_repeated_while_others_are_left() -> None:
    made = Samples(8)
    made.add(documents(120).filter(pa.array([n % 10 != 0 and n != 5 for n in range(120)])))
    hosts = [row["url"].split("/")[2] for row in made.choose().to_pylist()]
    assert len(set(hosts)) == 8


def test_fewer_documents_than_wanted_are_all_shown() -> None:
    made = Samples(10)
    made.add(TABLE.slice(0, 3))
    assert made.choose().num_rows == 3
    assert Samples().choose().num_rows == 0


def test_image_ids_are_listed_once() -> None:
    assert image_ids(TABLE) == [PICTURE.id]
