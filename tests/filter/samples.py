"""Documents for the filter's tests."""

from __future__ import annotations

import pyarrow as pa

from components.core.records import Document, Item, table
from components.core.stage import Output, Unit
from components.filter.reasons import FilterReason
from components.filter.rules.base import DocumentFacts, ImageFacts

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


def unit(docs: pa.Table) -> Unit:
    return Unit(index=0, tables={"documents": docs}, stores=None)  # type: ignore[arg-type]


def output(step: str) -> Output:
    return Output(step=step, reasons=FilterReason)


def document_facts(source: str = "html", **scores: float) -> DocumentFacts:
    return DocumentFacts(source=source, language="en", language_score=0.9, scores=scores)


def image_facts(
    url: str | None = None, width: int | None = None, height: int | None = None, source: str = "html"
) -> ImageFacts:
    return ImageFacts(source, url, width, height)
