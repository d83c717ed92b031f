"""Speed and yield of Bloom deduplication, beside dolma's deduper (Rust) on the same documents in one run.

    uv venv dolma && uv pip install -p dolma/bin/python dolma 'numpy<2'
    python benchmarks/bloom_speed.py --corpora FOLDER --dolma dolma/bin/python [--documents 5000]

dolma needs numpy 1, hence an environment of its own. Documents are made of words of the real pages of
the corpora, every sentence shuffled, so that no 13-gram occurs twice unless it was planted. One line in
five repeats an earlier line, with no to 5 % of its words replaced; one document in twenty repeats
another. Both sides work with 13-grams inside lines, a threshold of 0.8 and a false positive rate of 0.01, and
go from a file (ours a Parquet shard, dolma's uncompressed JSON lines) to the list of lines that are to go.
Time is that of the processor; dolma's start-up (imports) is left out, so is our compilation.

The bar: ours / dolma >= 6, all exact repetitions found, and false drops as few as the rate allows: it
is that of an n-gram, so of lines with a single one, up to one in a hundred goes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text

from components.core import shards
from components.core.records import Document, Item, table
from components.core.scripts import UNSPACED
from components.core.stage import Output, Unit
from components.core.store import open_store
from components.dedup.bloom import BloomStage
from components.dedup.params import BloomParams

SIZE, THRESHOLD = 13, 0.8
DOLMA = """
import json, sys, time
from dolma import deduper
config = json.loads(sys.argv[1])
began = time.process_time()
deduper(config)
print(json.dumps(time.process_time() - began))
"""
Line = tuple[int, int]
"""A document's number and that of a line in it."""


def sentences(corpora: Path) -> list[list[str]]:
    found: set[str] = set()
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            text = extract_plain_text(record.reader.read().decode("utf-8", "replace"), main_content=True)
            found.update(s for s in re.split(r"(?<=[.!?])\s+", text) if 6 <= len(s.split()) <= 60)
    # a word of a script without spaces is many tokens, and repeats 13-grams by itself
    spaced = [s for s in sorted(found) if not UNSPACED.search(s) and "\ufffd" not in s]
    return [sentence.split() for sentence in spaced]


def build(pool: list[list[str]], count: int) -> tuple[list[str], dict[Line, float]]:
    """Texts, and the planted lines with the share of their 13-grams that occurred before."""
    rng = random.Random(7)
    words = sorted({word for sentence in pool[:5000] for word in sentence})
    lines: list[list[str]] = []
    texts: list[list[list[str]]] = []
    planted: dict[Line, float] = {}

    def fresh() -> list[str]:
        line: list[str] = []
        for sentence in rng.choices(pool, k=rng.randint(1, 6)):
            line += rng.sample(sentence, len(sentence))
        return line

    while len(texts) < count:
        number = len(texts)
        if texts and rng.random() < 0.05:
            texts.append(texts[rng.randrange(number)])
            for line, copied in enumerate(texts[-1]):
                # a shorter line may still have 13 tokens: it may go or stay
                planted[number, line] = 1.0 if len(copied) >= SIZE else THRESHOLD
            continue
        document = []
        for place in range(rng.randint(2, 9)):
            origin = rng.choice(lines) if lines and rng.random() < 0.2 else []
            if len(origin) >= SIZE:
                copy = list(origin)
                for _ in range(int(len(copy) * rng.choice([0, 0, 0.01, 0.02, 0.05]))):
                    copy[rng.randrange(len(copy))] = rng.choice(words)
                document.append(copy)
                known = {tuple(origin[i : i + SIZE]) for i in range(len(origin) - SIZE + 1)}
                now = [tuple(copy[i : i + SIZE]) for i in range(len(copy) - SIZE + 1)]
                planted[number, place] = sum(ngram in known for ngram in now) / len(now)
            else:
                document.append(fresh())
                lines.append(document[-1])
        texts.append(document)
    return ["\n".join(" ".join(line) for line in document) for document in texts], planted


def write(texts: list[str], folder: Path) -> int:
    """The documents for both sides; returns the bytes of their text."""
    rows = [
        Document(f"{n:032x}", "html", "file:///bench", [Item("text", text=t)]) for n, t in enumerate(texts)
    ]
    data, _ = shards.encode(table(rows, "documents/1"), "documents/1")
    (folder / "documents.parquet").write_bytes(data)
    (folder / "documents").mkdir()
    with (folder / "documents" / "0.jsonl").open("w") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text, "source": "bench"}) + "\n")
    return sum(len(text.encode()) for text in texts)


def ours(folder: Path, texts: list[str], rate: float) -> tuple[float, set[Line], float]:
    """CPU-seconds, the lines that go, and how many n-grams there are."""
    stage = BloomStage(BloomParams(enabled=True, ngram=SIZE, threshold=THRESHOLD, false_positive_rate=rate))
    out = Output(step=stage.name, reasons=stage.reasons)
    data = (folder / "documents.parquet").read_bytes()
    shard = shards.describe("documents.parquet", data, len(texts))
    store = open_store(str(folder))
    began = time.process_time()
    streams = {"documents": lambda: iter([(0, shards.read(store, shard, stage.columns["documents"]))])}
    stage.run(Unit(0, {}, None, None, streams), out)
    rows = pa.concat_tables(out.tables["drops"])
    spent = time.process_time() - began
    gone: set[Line] = set()
    for row in rows.to_pylist():
        lines = range(texts[row["row"]].count("\n") + 1) if row["line"] < 0 else [row["line"]]
        gone.update((row["row"], line) for line in lines)
    return spent, gone, out.counters["ngrams"]


def dolma(folder: Path, texts: list[str], rate: float, python: str, ngrams: float) -> tuple[float, set[Line]]:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        config: dict[str, Any] = {
            "documents": [str(folder / "documents" / "*.jsonl")],
            "dedupe": {
                "name": "bloom",
                "skip_empty": True,
                "min_length": 0,
                "min_words": 0,
                "num_partitions": 1,
                "partition_index": 0,
                "file_partition": False,
                "document_dir": "documents",
                "paragraphs": {
                    "attribute_name": "repeated",
                    "paragraph_separator": "\n",
                    "by_ngram": {
                        "ngram_length": SIZE,
                        "stride": 1,
                        "overlap_threshold": THRESHOLD,
                        "skip_short_paragraphs": True,
                    },
                },
            },
            "bloom_filter": {
                "file": f"{work}/filter.bin",
                "read_only": False,
                "size_in_bytes": 0,
                "estimated_doc_count": int(ngrams),
                "desired_false_positive_rate": rate,
            },
            "is_s3_volume": False,
            "work_dir": {"input": f"{work}/in", "output": f"{work}/out"},
            "processes": 1,
            "compression": {"input": None, "output": None},
        }
        ended = subprocess.run(
            [python, "-c", DOLMA, json.dumps(config)], capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise SystemExit(f"dolma failed:\n{ended.stderr[-2000:]}")
    spent = float(ended.stdout.strip().splitlines()[-1])
    gone: set[Line] = set()
    found = folder / "attributes" / "bloom" / "0.jsonl"
    with found.open() as file:
        for text, line in zip(texts, file, strict=True):
            row = json.loads(line)
            starts = {0: 0}
            for number, match in enumerate(re.finditer("\n", text), 1):
                starts[len(text[: match.end()])] = number
            for start, _, share in row["attributes"]["repeated"]:
                if share >= THRESHOLD:
                    gone.add((int(row["id"]), starts[start]))
    found.unlink()
    return spent, gone


def quality(name: str, gone: set[Line], planted: dict[Line, float], texts: list[str]) -> None:
    def whole_document(number: int) -> bool:
        """The document goes as a whole, with the few lines of its own that it has."""
        return all((number, line) in gone for line in range(texts[number].count("\n") + 1))

    exact = [line for line, share in planted.items() if share == 1]
    near = [line for line, share in planted.items() if THRESHOLD < share < 1]
    # planted shares are of words, but both sides count punctuation, too: near the threshold they may differ
    false = [(n, line) for n, line in gone if planted.get((n, line), 0) < 0.7 and not whole_document(n)]
    found = [sum(line in gone for line in lines) / len(lines) for lines in (exact, near)]
    print(
        f"{name:6} exact repetitions found {found[0]:.4f} of {len(exact)}; near ones (more than "
        f"{THRESHOLD:.0%} of the 13-grams) {found[1]:.4f} of {len(near)}; false drops {len(false)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.01, help="false positive rate of an n-gram")
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"))
    parser.add_argument("--dolma", required=True, help="the Python of an environment with dolma")
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: the documents are built from its pages")
    texts, planted = build(sentences(Path(options.corpora)), options.documents)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write(texts, folder)
        _, gone, ngrams = ours(folder, texts, options.rate)  # compiles
        print(f"{len(texts)} documents, {size / 1e6:.1f} MB, {ngrams:,.0f} 13-grams, {len(planted)} planted")
        seconds: dict[str, list[float]] = {"ours": [], "dolma": []}
        for _ in range(options.rounds):
            spent, gone, _ = ours(folder, texts, options.rate)
            seconds["ours"].append(spent)
            spent, theirs = dolma(folder, texts, options.rate, options.dolma, ngrams)
            seconds["dolma"].append(spent)
    rates = {side: len(texts) / statistics.median(times) for side, times in seconds.items()}
    for side, rate in rates.items():
        print(f"{side:6} {rate:10,.0f} documents per CPU-second ({rate * size / len(texts) / 1e6:.1f} MB/s)")
    quality("ours", gone, planted, texts)
    quality("dolma", theirs, planted, texts)
    print(f"ours / dolma = {rates['ours'] / rates['dolma']:.1f} (bar: 6)")


if __name__ == "__main__":
    main()
