"""Speed and recall of text deduplication, beside datasketch on the same documents in the same run.

    pip install datasketch
    python benchmarks/dedup_speed.py [--documents 5000] [--corpora FOLDER]

Documents are built from sentences of the real pages of the corpora. One in five is a copy of another
with words replaced, so that the true Jaccard similarity of every planted pair is known; it is
computed from the shingles, not assumed. Both sides use 14 bands x 8 rows of word 5-grams, start from
the same strings, end with clusters, and are timed in CPU-seconds of one process, alternating. Ours
includes what the pipeline adds: Arrow tables in and out of the keys, match and cluster steps.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import statistics
import time
from pathlib import Path

import pyarrow as pa
from datasketch import MinHash, MinHashLSH
from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text

from components.core.records import Document, Item, table
from components.core.stage import Output, Unit
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import DedupParams

BINS = ((0.9, 1.01), (0.8, 0.9), (0.7, 0.8), (0.5, 0.7), (0.3, 0.5))
PARAMS = DedupParams(exact=False)


def sentences(corpora: Path) -> list[str]:
    found: set[str] = set()
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            text = extract_plain_text(record.reader.read().decode("utf-8", "replace"), main_content=True)
            found.update(s for s in re.split(r"(?<=[.!?])\s+", text) if 6 <= len(s.split()) <= 60)
    return sorted(found)


def build(pool: list[str], count: int) -> tuple[list[str], list[tuple[int, int]]]:
    """Texts of about 400 words, and the planted pairs."""
    rng = random.Random(7)
    words = sorted({word for sentence in pool[:5000] for word in sentence.split()})
    texts: list[str] = []
    pairs: list[tuple[int, int]] = []
    while len(texts) < count:
        if texts and rng.random() < 0.2:
            origin = rng.randrange(len(texts))
            copy = texts[origin].split()
            for _ in range(int(len(copy) * rng.choice([0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12]))):
                copy[rng.randrange(len(copy))] = rng.choice(words)
            pairs.append((origin, len(texts)))
            texts.append(" ".join(copy))
        else:
            texts.append(" ".join(" ".join(rng.choices(pool, k=rng.randint(8, 30))).split()))
    return texts, pairs


def shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[i : i + PARAMS.shingle]) for i in range(len(words) - PARAMS.shingle + 1)}


def ours(documents: pa.Table) -> dict[int, int]:
    """Document number → number of the document that is kept."""

    def run(stage, tables):
        out = Output(step=stage.name, reasons=stage.reasons)
        stage.run(Unit(0, tables, None), out)
        return next(iter(out.tables.values()))[0]

    keys = run(KeysStage(PARAMS), {"documents": documents})
    edges = run(MatchStage(PARAMS), {"keys": keys})
    duplicates = run(ClusterStage(PARAMS), {"edges": edges})
    pairs = zip(duplicates["id"].to_pylist(), duplicates["duplicate_of"].to_pylist(), strict=True)
    return {int(a, 16): int(b, 16) for a, b in pairs}


def datasketch(texts: list[str]) -> dict[int, int]:
    lsh = MinHashLSH(params=(PARAMS.bands, PARAMS.rows), num_perm=PARAMS.bands * PARAMS.rows)
    parent = list(range(len(texts)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for number, text in enumerate(texts):
        signature = MinHash(num_perm=PARAMS.bands * PARAMS.rows)
        signature.update_batch([s.encode() for s in shingles(text)])
        for other in lsh.query(signature):
            a, b = sorted((root(number), root(other)))
            parent[b] = a
        lsh.insert(number, signature)
    return {number: root(number) for number in range(len(texts)) if root(number) != number}


def report(name: str, found: dict[int, int], texts: list[str], pairs: list[tuple[int, int]]) -> None:
    sets = [shingles(text) for text in texts]

    def cluster(number: int) -> int:
        return found.get(number, number)

    line = []
    for low, high in BINS:
        within = [
            cluster(a) == cluster(b)
            for a, b in pairs
            if low <= len(sets[a] & sets[b]) / len(sets[a] | sets[b]) < high
        ]
        recall = f"{statistics.mean(within):.3f}" if within else "-"
        line.append(f"J {low:.1f}-{min(high, 1):.1f}: {recall} of {len(within)}")
    families = list(range(len(texts)))
    for a, b in pairs:
        families[b] = families[a]
    right = sum(families[number] == families[kept] for number, kept in found.items())
    print(f"{name:10} recall {'; '.join(line)}; precision {right / max(len(found), 1):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"), required=False)
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: the documents are built from its pages")
    texts, pairs = build(sentences(Path(options.corpora)), options.documents)
    documents = table(
        [Document(f"{n:032x}", "html", "file:///bench", [Item("text", text=t)]) for n, t in enumerate(texts)],
        "documents/1",
    )
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} documents, {size / 1e6:.1f} MB, {len(pairs)} planted pairs")
    seconds: dict[str, list[float]] = {"ours": [], "datasketch": []}
    results: dict[str, dict[int, int]] = {}
    for _ in range(options.rounds):
        for name, call in (("ours", lambda: ours(documents)), ("datasketch", lambda: datasketch(texts))):
            started = time.process_time()
            results[name] = call()
            seconds[name].append(time.process_time() - started)
    rates = {name: len(texts) / statistics.median(times) for name, times in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:10} {rate:10,.0f} docs/s per CPU-second ({rate * size / len(texts) / 1e6:.1f} MB/s)")
        report(name, results[name], texts, pairs)
    print(f"ours / datasketch = {rates['ours'] / rates['datasketch']:.1f}")


if __name__ == "__main__":
    main()
