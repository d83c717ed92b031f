"""Reading order, speed and images of the PDF reader beside pypdfium2's and pdfplumber's text.

    python benchmarks/pdf_quality.py CORPUS

CORPUS holds PDF files anywhere below it, and for some of them `groundtruth/NAME.md`, the text in
reading order (the layout of docling's test data). Scores compare words (letters and digits, lower case,
hyphens at line ends joined in neither):

- order: 1 - edits / words, where edits turn one word sequence into the other (insert and delete only);
- 4-gram F1: of the multisets of four words in a row.

Pages of several columns are also held against an order that a person wrote down from looking at them
(`tests/data/pdf/reading_order.json`: the first words of paragraphs and headings): the longest part of these
that a reader gives in order, over all of them. Each page is read alone.
"""

from __future__ import annotations

import argparse
import bisect
import collections
import difflib
import io
import json
import re
import statistics
import sys
import time
from pathlib import Path

import pdfplumber
import pypdfium2

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted
from components.crawl.pdf.extractor import PdfParams, extract_pdf

GOLDEN = Path(__file__).parents[1] / "tests" / "data" / "pdf" / "reading_order.json"
WORD = re.compile(r"[\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")


def words(text: str) -> list[str]:
    """Words, or single characters of scripts without spaces, that both sides are compared by."""
    return WORD.findall(re.sub(r"<!--.*?-->|&[a-z]+;|\\_", " ", text).lower())


def order(mine: list[str], truth: list[str]) -> float:
    """2 * common subsequence / all words: 1 - edits / words where edits insert and delete only."""
    return difflib.SequenceMatcher(None, mine, truth, autojunk=False).ratio()


def four_gram_f1(mine: list[str], truth: list[str]) -> float:
    def grams(tokens: list[str]) -> collections.Counter[tuple[str, ...]]:
        return collections.Counter(tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3))

    one, other = grams(mine), grams(truth)
    both = sum((one & other).values())
    return 2 * both / max(one.total() + other.total(), 1)


def plain(payload: bytes) -> str:
    """What pypdfium2's own text extraction gives."""
    pdf = pypdfium2.PdfDocument(payload)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in pdf)
    finally:
        pdf.close()


def flat(found: Extracted) -> str:
    return "\n".join(item.text or item.caption or "" for item in found.items)


def quality(corpus: Path) -> None:
    print(f"{'file':34} {'words':>6} | {'order':>6} {'plain':>6} | {'4-gram':>6} {'plain':>6}")
    rows = []
    for truth_path in sorted(corpus.rglob("groundtruth/*.md")):
        source = next(iter(sorted(corpus.rglob(f"{truth_path.stem}.pdf"))), None)
        if source is None:
            continue
        payload = source.read_bytes()
        truth = words(truth_path.read_text())
        mine = words(flat(extract_pdf(payload)))
        theirs = words(plain(payload).replace("\u0002", "-"))
        row = (
            order(mine, truth),
            order(theirs, truth),
            four_gram_f1(mine, truth),
            four_gram_f1(theirs, truth),
        )
        rows.append(row)
        print(
            f"{truth_path.stem:34} {len(truth):6} | {row[0]:6.3f} {row[1]:6.3f} | {row[2]:6.3f} {row[3]:6.3f}"
        )
    means = [statistics.mean(column) for column in zip(*rows, strict=True)]
    print(f"{'mean':34} {'':6} | {means[0]:6.3f} {means[1]:6.3f} | {means[2]:6.3f} {means[3]:6.3f}")


def one_page(payload: bytes, number: int) -> bytes:
    """A PDF of one page of another, counted from 1."""
    source, single = pypdfium2.PdfDocument(payload), pypdfium2.PdfDocument.new()
    single.import_pages(source, [number - 1])
    out = io.BytesIO()
    single.save(out)
    return out.getvalue()


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text.replace("\u0002", "").lower()))


def in_order(text: str, snippets: list[str]) -> float:
    """Share of the snippets that are found one after the other."""
    flat_text = letters(text)
    places = [place for snippet in snippets if (place := flat_text.find(letters(snippet))) >= 0]
    ends: list[int] = []  # the least end of an increasing part of each length
    for place in places:
        at = bisect.bisect_left(ends, place)
        ends[at : at + 1] = [place]
    return len(ends) / len(snippets)


def plumbed(payload: bytes) -> str:
    with pdfplumber.open(io.BytesIO(payload)) as pdf:
        return "\n".join(page.extract_text() for page in pdf.pages)


def columns(corpus: Path) -> None:
    print(f"{'page of several columns':50} {'ours':>6} {'pypdfium2':>10} {'pdfplumber':>11}")
    rows = []
    for page in json.loads(GOLDEN.read_text()):
        path = next(iter(corpus.rglob(page["file"])), None)
        if path is None:
            print(f"{page['file']}: not there")
            continue
        payload = one_page(path.read_bytes(), page["page"])
        texts = flat(extract_pdf(payload)), plain(payload), plumbed(payload)
        rows.append([in_order(text, page["order"]) for text in texts])
        print(
            f"{page['file'][:42] + ' ' + str(page['page']):50} "
            + "{:6.2f} {:10.2f} {:11.2f}".format(*rows[-1])
        )
    if rows:
        means = [statistics.mean(column) for column in zip(*rows, strict=True)]
        print(f"{'mean of ' + str(len(rows)):50} " + "{:6.3f} {:10.3f} {:11.3f}".format(*means))


def speed(corpus: Path) -> None:
    outcomes: collections.Counter[str] = collections.Counter()
    pages = images = captions = 0
    seconds = {"ours": 0.0, "ours, no drawings": 0.0, "plain": 0.0}
    for path in sorted(corpus.rglob("*.pdf")):
        payload = path.read_bytes()
        start = time.perf_counter()
        try:
            found = extract_pdf(payload)
        except (BadRecord, Drop) as error:
            outcomes[f"{type(error).__name__} {error.reason}"] += 1
            continue
        seconds["ours"] += time.perf_counter() - start
        start = time.perf_counter()
        extract_pdf(payload, params=PdfParams(render_vector_figures=False))
        seconds["ours, no drawings"] += time.perf_counter() - start
        start = time.perf_counter()
        plain(payload)
        seconds["plain"] += time.perf_counter() - start
        pages += len(pypdfium2.PdfDocument(payload))
        images += len(found.images)
        captions += sum(item.caption is not None for item in found.items)
        outcomes["read"] += 1
    for outcome, count in outcomes.most_common():
        print(f"{count:5} {outcome}")
    print(f"{pages} pages, {images} images, {captions} captions")
    for name, spent in seconds.items():
        print(f"{name}: {pages / spent:.0f} pages/s")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    corpus = parser.parse_args().corpus
    quality(corpus)
    columns(corpus)
    speed(corpus)
    return 0


if __name__ == "__main__":
    sys.exit(main())
