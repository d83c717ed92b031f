import dataclasses

import pyarrow as pa

from components.core import schemas
from components.filter.annotate import AnnotateStage
from components.filter.params import AnnotateParams
from tests.filter.samples import (
    CHINESE,
    ENGLISH,
    GERMAN,
    annotated,
    document,
    documents,
    image,
    output,
    text,
    unit,
)


def annotate(table: pa.Table, params: AnnotateParams | None = None) -> pa.Table:
    out = output("annotate")
    AnnotateStage(params or AnnotateParams()).run(unit(table), out)
    assert out.ledger == []
    return pa.concat_tables(out.tables["documents"])


def test_fills_language_and_scores_and_drops_nothing() -> None:
    table = documents(
        document(0, text(ENGLISH), image("https://a/1.jpg"), text("One more."), image("https://a/2.jpg")),
        document(1, text(GERMAN)),
        document(2, image("https://a/3.jpg")),
        document(3),
        document(4, text(CHINESE)),
    )
    result = annotate(table)
    schemas.check(result.schema, "documents/1", producer="annotate", consumer="test")
    rows = result.to_pylist()
    assert [row["language"] for row in rows] == ["en", "de", None, None, "zh"]
    assert [row["language_score"] is None for row in rows] == [False, False, True, True, False]
    scores = [dict(row["scores"]) for row in rows]
    assert [s["images"] for s in scores] == [2, 0, 1, 0, 0]
    assert [s["words"] for s in scores] == [
        len(ENGLISH.split()) + 2,
        len(GERMAN.split()),
        0,
        0,
        sum(map(str.isalpha, CHINESE)),
    ]
    unchanged = [name for name in table.column_names if name not in {"language", "language_score", "scores"}]
    assert result.select(unchanged).equals(table.select(unchanged))


def test_keeps_scores_it_does_not_make() -> None:
    doc = dataclasses.replace(document(0, text(ENGLISH)), scores={"safety": 0.25, "words": 1.0})
    scores = dict(annotate(documents(doc)).column("scores").to_pylist()[0])
    assert scores["safety"] == 0.25
    assert scores["words"] == len(ENGLISH.split())


def test_is_idempotent() -> None:
    once = annotate(documents(document(0, text(ENGLISH)), document(1, text(CHINESE), image("u"))))
    assert annotate(once).equals(once)


def test_every_document_has_the_same_scores_in_the_same_order() -> None:
    result = annotate(documents(document(0, text(ENGLISH)), document(1), document(2, text(CHINESE))))
    names = [[name for name, _ in row] for row in result.column("scores").to_pylist()]
    assert names[0] == names[1] == names[2]
    assert "duplicate_10gram_share" in names[0]


def test_lines_are_scored_beside_the_documents() -> None:
    tables = annotated(
        documents(document(0, image("u"), text("One line.\n\nAnother.")), document(1, text("x")))
    ).tables
    rows = tables["item_scores"].select(["row", "item", "line", "words"]).to_pylist()
    schemas.check(tables["item_scores"].schema, "item_scores/1", producer="annotate", consumer="test")
    assert [tuple(row.values()) for row in rows] == [(0, 1, 0, 2), (0, 1, 2, 1), (1, 0, 0, 1)]


def test_paragraphs_are_scored_on_demand() -> None:
    table = documents(document(0, text(ENGLISH), image("u"), text("Two.")))
    tables = annotated(table, paragraph_scores=True).tables
    rows = tables["item_scores"].select(["item", "line", "plain_words"]).to_pylist()
    assert [(row["item"], row["line"]) for row in rows] == [(0, 0), (2, 0), (0, -1), (2, -1)]
    assert [row["plain_words"] is None for row in rows] == [True, True, False, False]
    assert "repeated_words_share" in dict(tables["documents"].column("scores").to_pylist()[0])


def test_language_can_be_left_unknown() -> None:
    out = output("annotate")
    docs = documents(document(0, text(ENGLISH)))
    AnnotateStage(AnnotateParams(identify_language=False)).run(unit(docs), out)
    assert out.tables["documents"][0].column("language").to_pylist() == [None]
    assert out.counters == {}


def test_a_slice_of_a_shard_is_scored_like_the_whole() -> None:
    table = documents(*(document(n, text(ENGLISH), text(f"Number {n}.")) for n in range(4)))
    assert annotate(table.slice(1, 2)).equals(annotate(table).slice(1, 2))


def test_empty_shard() -> None:
    assert annotate(documents()).num_rows == 0


def test_counts_languages() -> None:
    out = output("annotate")
    docs = documents(document(0, text(ENGLISH)), document(1, text(ENGLISH)), document(2))
    AnnotateStage(AnnotateParams()).run(unit(docs), out)
    assert out.counters == {"language_en": 2, "language_none": 1}
