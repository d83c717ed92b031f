"""Speed and decisions of the text filters, beside datatrove's on the same texts.

    python -m venv /tmp/venv-datatrove
    /tmp/venv-datatrove/bin/pip install "datatrove[processing]" spacy
    python benchmarks/filter_speed.py --datatrove /tmp/venv-datatrove/bin/python [--corpora FOLDER]

Texts are those that our extractor finds in the real pages of the corpora. Both sides judge the pages
in English with the filters of FineWeb: Gopher repetition, Gopher quality, C4 but for its rule on terminal
punctuation, FineWeb's own. Ours start from Arrow documents and end with Arrow documents: annotate
(without language identification) and decide with the preset `fineweb`, rules on images and addresses
included. Theirs start from strings and end with decisions (`datatrove_filters.py`). The sides take turns;
CPU-seconds of one process each, without start-up.

Then every filter by itself, and C4 in full: the share of pages in English on which both decide alike,
and every page on which they do not. Pages in Chinese, Japanese, Korean and Thai are not compared:
datatrove's English tokenizer takes a clause for a word there. What both say is printed.

Bars: 50 x datatrove, 99 % like decisions of the chain and of each filter, two processes 1.8 x one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType

from components.core.columns import texts
from components.core.errors import BadRecord, Drop
from components.core.records import Document, record_id, table
from components.core.stage import Output, Unit
from components.crawl.html.extractor import extract_html
from components.filter.annotate import AnnotateStage
from components.filter.decide import DecideStage
from components.filter.params import AnnotateParams, DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules.c4 import C4Params
from components.filter.rules.fineweb import FineWebParams
from components.filter.rules.gopher_quality import GopherQualityParams
from components.filter.rules.gopher_repetition import GopherRepetitionParams
from components.filter.rules.refinedweb import RefinedWebParams
from components.filter.rules.word_count import WordCountParams
from pipelines.config import load_config

REPEATS = 5
"""Ours judges every page so often a round, as it takes a tenth of a second."""
UNSPACED = ("zh", "ja", "ko", "th", "yue", "wuu")
ALONE = {"language": [], "url_domains": False, "url_words": False, "emails": False, "ips": False}
"""What the preset does beside the compared filters."""
NO_IMAGES = {"require_images": False, "max_images": 10**9}


def pages(corpora: Path) -> pa.Table:
    documents = []
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            url = record.headers.get("WARC-Target-URI") or ""
            try:
                page = extract_html(record.reader.read(), url, content_type=record.http_content_type)
            except (BadRecord, Drop):
                continue
            documents.append(
                Document(
                    record_id(url, str(len(documents))), "html", "file:///pages.warc.gz", page.items, url=url
                )
            )
    return table(documents, "documents/1")


def annotate(documents: pa.Table, **params: Any) -> dict[str, pa.Table]:
    out = Output("annotate", FilterReason)
    AnnotateStage(AnnotateParams(**params)).run(Unit(0, {"documents": documents}, None), out)  # type: ignore[arg-type]
    return {port: pa.concat_tables(tables) for port, tables in out.tables.items()}


def decide(tables: dict[str, pa.Table], params: DecideParams) -> Output:
    out = Output("decide", FilterReason)
    DecideStage(params).run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    return out


def preset() -> dict[str, Any]:
    return load_config("mint", None, [], preset="fineweb").filter.decide.model_dump()  # type: ignore[attr-defined]


def filters() -> dict[str, DecideParams]:
    """Parameters with which decide does what one filter of datatrove does."""
    values = preset()
    names = {
        "GopherRepetition": [GopherRepetitionParams],
        "GopherQuality": [GopherQualityParams, WordCountParams],
        "C4 but terminal punctuation": [C4Params],
        "C4": [C4Params],
        "FineWebQuality": [FineWebParams],
    }
    off: dict[str, Any] = {"min_words": 0, "max_words": None}
    for rule in (GopherRepetitionParams, GopherQualityParams, C4Params, FineWebParams, RefinedWebParams):
        for name, field in rule.model_fields.items():
            if field.annotation is bool:
                off[name] = False
            elif "None" in str(field.annotation):
                off[name] = None
    found = {"chain": DecideParams(**values | ALONE | NO_IMAGES)}
    for filter_name, rules in names.items():
        on = {name: values[name] for rule in rules for name in rule.model_fields}
        found[filter_name] = DecideParams(**values | ALONE | NO_IMAGES | off | on)
    found["C4"] = found["C4"].model_copy(update={"c4_terminal_punctuation": True})
    return found


def reasons(out: Output, ids: list[str]) -> list[str | None]:
    found: dict[str, str] = {}
    for line in out.ledger:
        if line["action"] == "dropped":
            score = "" if line["score"] is None else f" {line['score']:.4f}"
            found[line["record_id"]] = f"{line['reason']}{score} {line['detail'] or ''}"
    return [found.get(key) for key in ids]


def datatrove(python: str, strings: list[str], *arguments: str) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(text) + "\n" for text in strings)
        file.flush()
        program = str(Path(__file__).with_name("datatrove_filters.py"))
        done = subprocess.run(
            [python, program, file.name, *arguments], capture_output=True, text=True, check=True
        )
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def ours(documents: pa.Table, params: DecideParams) -> tuple[float, float]:
    """CPU-seconds of annotate and of decide, once over all documents."""
    start = time.process_time()
    for _ in range(REPEATS):
        tables = annotate(documents, identify_language=False)
    middle = time.process_time()
    for _ in range(REPEATS):
        decide(tables, params)
    return (middle - start) / REPEATS, (time.process_time() - middle) / REPEATS


def _worker(documents: pa.Table, barrier: Any, seconds: float, done: Any) -> None:
    annotate(documents, identify_language=False)
    barrier.wait()
    end, count, start = time.perf_counter() + seconds, 0, time.process_time()
    while time.perf_counter() < end:
        annotate(documents, identify_language=False)
        count += 1
    done.put((count, time.process_time() - start))


def together(documents: pa.Table, processes: int, seconds: float = 4) -> tuple[float, float]:
    """How often so many processes at a time annotate the documents, a second and a CPU-second of each."""
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_worker, args=(documents, barrier, seconds, done)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    counts = [done.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sum(count for count, _ in counts) / seconds, sum(count / cpu for count, cpu in counts)


def main() -> None:
    parser = argparse.ArgumentParser(description="Text filters: ours and datatrove's.")
    parser.add_argument("--datatrove", required=True, help="python of the environment that has datatrove")
    parser.add_argument("--corpora", type=Path, default=Path(os.environ.get("KALEMINT_CORPORA", "corpora")))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    documents = pages(options.corpora)
    languages = annotate(documents)["documents"].column("language").to_pylist()
    english = documents.filter(pa.array([language == "en" for language in languages]))
    strings, judged_by = texts(english), filters()
    size = sum(len(text.encode()) for text in strings) / len(strings)
    print(f"{len(documents)} pages, {len(strings)} in English of {size:,.0f} bytes of text on average")
    ours(english, judged_by["chain"])  # compiles
    taken: dict[str, list[float]] = {"ours": [], "datatrove": []}
    for number in range(options.rounds):
        first, second = ours(english, judged_by["chain"])
        taken["ours"].append(first + second)
        taken["datatrove"].append(datatrove(options.datatrove, strings)["seconds"])
        print(
            f"round {number}: ours {first:.3f} + {second:.3f}, datatrove {taken['datatrove'][-1]:.2f} CPU-s",
            flush=True,
        )
    rates = {name: len(strings) / statistics.median(times) for name, times in taken.items()}
    for name, rate in rates.items():
        print(f"{name:10} {rate:8,.1f} docs/s per CPU-second ({rate * size / 1e6:.2f} MB/s)")
    print(f"ours / datatrove = {rates['ours'] / rates['datatrove']:.0f} (bar: 50)")

    everything = texts(documents)
    theirs = datatrove(options.datatrove, everything, "--reasons")["reasons"]
    tables = annotate(documents, identify_language=False)
    ids = documents.column("id").to_pylist()
    for name, params in judged_by.items():
        mine = reasons(decide(tables, params), ids)
        pairs = [
            (url, a, b)
            for url, language, a, b in zip(
                documents.column("url").to_pylist(), languages, mine, theirs[name], strict=True
            )
            if language == "en"
        ]
        unlike = [pair for pair in pairs if (pair[1] is None) != (pair[2] is None)]
        dropped = sum(b is not None for _, _, b in pairs)
        print(
            f"{name}: {1 - len(unlike) / len(pairs):.2%} alike (bar: 99 %); "
            f"datatrove drops {dropped} of {len(pairs)}"
        )
        for url, a, b in unlike:
            print(f"  {url}: ours {a}, datatrove {b}")
    tables = annotate(documents)
    mine = reasons(decide(tables, judged_by["chain"]), ids)
    for code in UNSPACED:
        rows = [row for row, language in enumerate(languages) if language == code]
        if rows:
            for side, found in (("ours", mine), ("datatrove", theirs["chain"])):
                why = Counter((found[row] or "kept").split()[0] for row in rows)
                print(f"{code} ({len(rows)} pages), {side}: {dict(why.most_common())}")
    one, two = together(english, 1), together(english, 2)
    print(
        f"annotate, two processes / one = {two[0] / one[0]:.2f} by the clock, {two[1] / one[1]:.2f} by "
        "CPU-seconds (bar: 1.8)"
    )


if __name__ == "__main__":
    main()
