"""Documents for the filter's tests."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from components.core.records import Document, Item, table
from components.core.stage import Output, Unit
from components.filter import facts
from components.filter.annotate import AnnotateStage
from components.filter.judge import Judgement, apply
from components.filter.params import AnnotateParams
from components.filter.reasons import FilterReason
from components.filter.rules.base import DocumentFacts, ImageFacts, TextFacts, TextRule
from components.filter.texts import texts_of

ENGLISH = (
    "The observatory stands on a ridge above the town, and on clear nights its dome is open until dawn. "
    "Visitors may climb the hill on Fridays, when an astronomer explains what the large telescope shows."
)
GERMAN = (
    "Die Sternwarte steht auf einem Hügel über der Stadt, und in klaren Nächten bleibt die Kuppel bis zum "
    "Morgen offen. Freitags dürfen Besucher hinauf, und eine Astronomin erklärt ihnen das große Fernrohr."
)
CHINESE = (
    "天文台建在城外的山脊上。天气晴朗的夜晚,圆顶一直开到天亮。每逢星期五,游客可以上山,听天文学家讲解望远镜。"
)


def text(value: str) -> Item:
    return Item("text", role="paragraph", text=value)


def image(
    url: str | None = None, width: int | None = None, height: int | None = None, image_id: str | None = None
) -> Item:
    return Item("image", url=url, width=width, height=height, image_id=image_id)


def document(number: int, *items: Item, source: str = "html", **fields: object) -> Document:
    return Document(
        id=f"{number:032x}",
        source=source,  # type: ignore[arg-type]
        source_uri="file:///crawl.warc.gz",
        source_offset=number * 100,
        items=list(items),
        **fields,  # type: ignore[arg-type]
    )


def documents(*docs: Document) -> pa.Table:
    return table(docs, "documents/1")


def unit(docs: pa.Table, item_scores: pa.Table | None = None) -> Unit:
    tables = {"documents": docs} | ({} if item_scores is None else {"item_scores": item_scores})
    return Unit(index=0, tables=tables, stores=None)  # type: ignore[arg-type]


def output(step: str) -> Output:
    return Output(step=step, reasons=FilterReason)


def annotated(table: pa.Table, **params: object) -> Unit:
    """A unit for decide: the documents with their scores, and those of their lines."""
    out = output("annotate")
    AnnotateStage(AnnotateParams(**params)).run(unit(table), out)  # type: ignore[arg-type]
    return unit(*(pa.concat_tables(out.tables[port]) for port in ("documents", "item_scores")))


def text_facts(*texts: str | list[str], without_citations: bool = True, **params: object) -> TextFacts:
    """What text rules see of documents with these texts; the language is not looked for."""
    docs = [
        document(n, *map(text, [each] if isinstance(each, str) else each)) for n, each in enumerate(texts)
    ]
    tables = annotated(documents(*docs), identify_language=False, **params).tables
    docs_table = tables["documents"]
    return facts.text_facts(
        docs_table, tables["item_scores"], texts_of(docs_table), without_citations=without_citations
    )


def judged(rule: TextRule, seen: TextFacts, params: object) -> list[str | None]:
    """The reason for which a rule drops each document, None where it does not."""
    judgement = Judgement(np.ones(len(seen.documents), np.bool_))
    apply([rule], seen, params, judgement, np.ones(len(seen.documents), np.bool_))
    reasons: list[str | None] = [None] * len(seen.documents)
    for row, objection in judgement.dropped():
        reasons[row] = objection.reason
    return reasons


def document_facts(source: str = "html") -> DocumentFacts:
    return DocumentFacts(source)


def image_facts(
    url: str | None = None, width: int | None = None, height: int | None = None, source: str = "html"
) -> ImageFacts:
    return ImageFacts(source, url, width, height)
