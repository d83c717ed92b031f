"""Pages of several columns against an order that a person wrote down from looking at them."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from components.crawl.pdf.extractor import extract_pdf
from tests.conftest import REPOSITORY

PAGES: list[dict[str, Any]] = json.loads(
    (REPOSITORY / "tests" / "data" / "pdf" / "reading_order.json").read_text()
)
# a table of five columns below text of three is read in pieces, with the columns above it
KNOWN_MISSES = {("tests__pdfs__federal-register-2020-17221.pdf", 5): 2}


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text.lower()))


def text_of_page(path: Path, number: int) -> str:
    source, single = pypdfium2.PdfDocument(path.read_bytes()), pypdfium2.PdfDocument.new()
    single.import_pages(source, [number - 1])
    out = io.BytesIO()
    single.save(out)
    return letters("".join(item.text or item.caption or "" for item in extract_pdf(out.getvalue()).items))


@pytest.mark.corpora
@pytest.mark.parametrize("page", PAGES, ids=lambda p: f"{p['file'][:30]}-{p['page']}")
def test_columns_are_read_one_after_the_other(corpora: Path, page: dict[str, Any]):
    text = text_of_page(next((corpora / "pdf").rglob(page["file"])), page["page"])
    places = [text.find(letters(snippet)) for snippet in page["order"]]
    assert min(places) >= 0, [s for s, place in zip(page["order"], places, strict=True) if place < 0]
    late = [s for s, here, top in zip(page["order"], places, running_top(places), strict=True) if here < top]
    assert len(late) == KNOWN_MISSES.get((page["file"], page["page"]), 0), late


def running_top(places: list[int]) -> list[int]:
    return [max(places[: n + 1]) for n in range(len(places))]


def test_the_golden_set_has_pages_of_two_and_three_columns():
    assert len(PAGES) >= 8
    assert {page["columns"] for page in PAGES} == {2, 3}
    assert all(len(set(page["order"])) == len(page["order"]) >= 6 for page in PAGES)
