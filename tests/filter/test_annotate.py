import dataclasses

import pyarrow as pa

from components.core import schemas
from components.filter.annotate import AnnotateStage
from components.filter.params import AnnotateParams
from tests.filter.samples import CHINESE, ENGLISH, GERMAN, document, documents, image, output, text, unit


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


def test_empty_shard() -> None:
    assert annotate(documents()).num_rows == 0


def test_counts_languages() -> None:
    out = output("annotate")
    docs = documents(document(0, text(ENGLISH)), document(1, text(ENGLISH)), document(2))
    AnnotateStage(AnnotateParams()).run(unit(docs), out)
    assert out.counters == {"language_en": 2, "language_none": 1}
