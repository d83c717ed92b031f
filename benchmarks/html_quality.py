"""Quality and speed of HTML main-content extraction: ours against trafilatura and resiliparse.

    python benchmarks/html_quality.py --corpus DIR [--json] [--split dev|held-out|all]

`DIR/web/pages.warc.gz` holds the pages and `DIR/web/gold.jsonl` what each of them should give
(also found if DIR is the `web` folder itself). Two kinds of gold, each scored as its authors do:

- `aeb` (scrapinghub article-extraction-benchmark): the article's body. Precision and recall are
  the means over pages of those of word 4-grams (a multiset); F1 is that of the two means.
- `trafilatura` (its evaluation data): snippets that must and that must not be in the text.
  Precision, recall and F1 of the snippets of all pages together.

Pages are split into dev and held-out halves by a hash of their host. All extractors get the same
bytes, in one process, on one thread; speed is in pages per second of CPU time.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastwarc.warc import ArchiveIterator, WarcRecordType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from components.core.errors import BadRecord, Drop
from components.core.records import Extracted
from components.crawl.html.extractor import HtmlParams, extract_html

Extractor = Callable[[bytes, str], str]
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Page:
    """One page with its gold."""

    url: str
    payload: bytes
    source: str
    gold: dict[str, Any]

    @property
    def half(self) -> str:
        """`dev` or `held-out`, by host, so that no site is in both."""
        host = urlsplit(self.url).hostname or self.url
        return "dev" if hashlib.sha256(host.encode()).digest()[0] % 2 == 0 else "held-out"


@dataclass(slots=True)
class Score:
    """Precision, recall and F1, with the number of pages they are of."""

    precision: float = 0.0
    recall: float = 0.0
    pages: int = 0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_dict(self) -> dict[str, float]:
        return {
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "f1": round(self.f1, 4),
            "pages": self.pages,
        }


@dataclass(slots=True)
class Result:
    """What one extractor reached."""

    name: str
    aeb: Score
    evaldata: Score
    pages_per_s: float
    failed: int
    halves: dict[str, dict[str, Score]] = field(default_factory=dict)


def read_pages(corpus: Path) -> list[Page]:
    """The pages that have gold, in the order of the WARC file."""
    folder = corpus / "web" if (corpus / "web").is_dir() else corpus
    with (folder / "gold.jsonl").open(encoding="utf-8") as lines:
        gold = {record["sha256"]: record for record in map(json.loads, lines)}
    pages = []
    with (folder / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            payload = record.reader.read()
            entry = gold.get(hashlib.sha256(payload).hexdigest())
            if entry is not None:
                pages.append(Page(entry["url"], payload, entry["source"], entry["gold"]))
    return pages


def text_of(extracted: Extracted) -> str:
    """The texts of a document as one string; images are not part of either gold."""
    return "\n".join(item.text for item in extracted.items if item.text)


def _ours(mode: str) -> Extractor:
    params = HtmlParams.model_validate({"mode": mode})

    def run(payload: bytes, url: str) -> str:
        try:
            return text_of(extract_html(payload, url, params=params))
        except (BadRecord, Drop):
            return ""

    return run


def _trafilatura(*, fast: bool) -> Extractor | None:
    try:
        import trafilatura
    except ImportError:
        return None
    import logging

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    return lambda payload, url: trafilatura.extract(payload, include_comments=False, fast=fast) or ""


def _resiliparse() -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    def run(payload: bytes, url: str) -> str:
        page = bytes_to_str(payload, detect_encoding(payload) or "utf-8")
        return extract_plain_text(page, main_content=True, alt_texts=False)

    return run


def extractors() -> dict[str, Extractor]:
    """Every extractor that is installed, ours first."""
    found: dict[str, Extractor | None] = {
        "kalemint main": _ours("main"),
        "kalemint obelics": _ours("obelics"),
        "trafilatura": _trafilatura(fast=False),
        "trafilatura fast": _trafilatura(fast=True),
        "resiliparse main": _resiliparse(),
    }
    return {name: run for name, run in found.items() if run is not None}


def _shingles(text: str, n: int = 4) -> Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    return Counter(tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1)))


def shingle_scores(truth: str, found: str) -> tuple[float, float]:
    """Precision and recall of one page's 4-grams; both 0 where nothing was found."""
    true, pred = _shingles(truth), _shingles(found)
    hit = sum((true & pred).values())
    if not found.strip():
        return 0.0, 0.0
    return hit / max(1, pred.total()), hit / max(1, true.total())


def score_aeb(pages: Iterable[tuple[Page, str]]) -> Score:
    """Mean precision and recall over pages."""
    values = [shingle_scores(page.gold["articleBody"], text) for page, text in pages if page.source == "aeb"]
    if not values:
        return Score()
    precision = sum(p for p, _ in values) / len(values)
    recall = sum(r for _, r in values) / len(values)
    return Score(precision, recall, len(values))


def score_evaldata(pages: Iterable[tuple[Page, str]]) -> Score:
    """Precision and recall over all snippets."""
    hit = missed = wrong = count = 0
    for page, text in pages:
        if page.source != "trafilatura":
            continue
        count += 1
        for snippet in page.gold["with"]:
            if snippet in text:
                hit += 1
            else:
                missed += 1
        wrong += sum(snippet in text for snippet in page.gold["without"])
    return Score(hit / max(1, hit + wrong), hit / max(1, hit + missed), count)


def measure(name: str, run: Extractor, pages: list[Page]) -> Result:
    """Run one extractor over all pages and score what it gives."""
    run(pages[0].payload, pages[0].url)
    gc.collect()
    begun = time.process_time()
    texts = [run(page.payload, page.url) for page in pages]
    seconds = time.process_time() - begun
    both = list(zip(pages, texts, strict=True))
    halves = {}
    for half in ("dev", "held-out"):
        part = [(page, text) for page, text in both if page.half == half]
        halves[half] = {"aeb": score_aeb(part), "evaldata": score_evaldata(part)}
    failed = sum(not text.strip() for text in texts)
    return Result(name, score_aeb(both), score_evaldata(both), len(pages) / seconds, failed, halves)


def as_json(results: list[Result], pages: int) -> dict[str, Any]:
    """Everything measured, for a machine."""
    base = next((r.pages_per_s for r in results if r.name == "trafilatura"), None)
    return {
        "pages": pages,
        "extractors": {
            r.name: {
                "aeb": r.aeb.as_dict(),
                "evaldata": r.evaldata.as_dict(),
                "halves": {h: {k: s.as_dict() for k, s in v.items()} for h, v in r.halves.items()},
                "pages_per_cpu_s": round(r.pages_per_s, 1),
                "speed_over_trafilatura": round(r.pages_per_s / base, 2) if base else None,
                "empty": r.failed,
            }
            for r in results
        },
    }


def as_table(results: list[Result], pages: int) -> str:
    """Everything measured, for a person."""
    base = next((r.pages_per_s for r in results if r.name == "trafilatura"), None)
    lines = [
        f"{pages} pages with gold; P/R/F1 in %; speed in pages per CPU second",
        "",
        f"{'':18}{'AEB (4-grams)':^21}  {'evaldata (snippets)':^21}  "
        f"{'pages/s':>8} {'ratio':>6} {'empty':>6}",
        f"{'':18}{'P':>7}{'R':>7}{'F1':>7}  {'P':>7}{'R':>7}{'F1':>7}",
    ]

    def row(label: str, aeb: Score, evaldata: Score) -> str:
        numbers = [f"{100 * s.precision:7.2f}{100 * s.recall:7.2f}{100 * s.f1:7.2f}" for s in (aeb, evaldata)]
        return f"{label:18}" + "  ".join(numbers)

    for r in results:
        ratio = f"{r.pages_per_s / base:5.1f}x" if base else ""
        lines.append(f"{row(r.name, r.aeb, r.evaldata)}  {r.pages_per_s:8.1f} {ratio:>6} {r.failed:>6}")
        lines += [row(f"  {half}", s["aeb"], s["evaldata"]) for half, s in r.halves.items()]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Quality and speed of HTML main-content extraction.")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of the research corpora")
    parser.add_argument("--only", action="append", help="an extractor's name; may be given several times")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args(argv)
    pages = read_pages(arguments.corpus)
    if not pages:
        parser.error(f"{arguments.corpus} holds no page that has gold")
    chosen = {n: run for n, run in extractors().items() if not arguments.only or n in arguments.only}
    results = [measure(name, run, pages) for name, run in chosen.items()]
    if arguments.json:
        print(json.dumps(as_json(results, len(pages)), indent=2))
    else:
        print(as_table(results, len(pages)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
