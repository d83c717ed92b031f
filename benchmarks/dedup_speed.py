"""Speed and recall of text deduplication, beside datatrove, datasketch and rensa on the same documents.

    pip install datasketch rensa
    python3.11 -m venv VENV && VENV/bin/pip install "datatrove[processing]" spacy
    python benchmarks/dedup_speed.py --datatrove VENV/bin/python [--documents 20000] [--corpora FOLDER]

Documents are built from sentences of the real pages of the corpora. One in five is a copy of another
with words replaced, so that the true Jaccard similarity of every planted pair is known; it is
computed from the shingles, not assumed. Sentences in scripts without spaces are left out: split at
white space, as the others see them, a page of Japanese is one word. All use 14 bands x 8 rows of word
5-grams, end with clusters, and are timed in CPU-seconds of one process, alternating; datatrove has
packages that clash with ours and runs in an environment of its own, its start-up apart. Ours includes
what the pipeline adds: from Arrow documents over the keys, match and cluster steps to the table of
duplicates; the others start from Python strings. `all keys` is ours with the keys of addresses and of
whole texts and with the search for boilerplate, as the pipeline runs it.

The bars: >= 100x datatrove, >= 20x datasketch, >= 5x rensa; recall >= 0.98 over the pairs with Jaccard
>= 0.8, pair precision >= 0.999; two processes >= 1.8x one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasketch import MinHash, MinHashLSH
from fastwarc.warc import ArchiveIterator, WarcRecordType
from rensa import RMinHash, RMinHashLSH
from resiliparse.extract.html2text import extract_plain_text

from components.core import schemas
from components.core.records import Document, Item, table
from components.core.scripts import UNSPACED
from components.core.stage import Output, Unit
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import BoilerplateParams, DedupParams

BINS = ((0.9, 1.01), (0.8, 0.9), (0.8, 1.01), (0.7, 0.8), (0.5, 0.7), (0.3, 0.5))
BARS = {"datatrove": 100, "datasketch": 20, "rensa": 5}
PARAMS = DedupParams(url=False, exact=False, boilerplate=BoilerplateParams(enabled=False))
Found = dict[int, int]
"""Document number → number of the document that is kept."""


def sentences(corpora: Path) -> list[str]:
    found: set[str] = set()
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            text = extract_plain_text(record.reader.read().decode("utf-8", "replace"), main_content=True)
            found.update(s for s in re.split(r"(?<=[.!?])\s+", text) if 6 <= len(s.split()) <= 60)
    return sorted(sentence for sentence in found if not UNSPACED.search(sentence))


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


class Sets:
    """Union-find for the peers that have none."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def root(self, node: int) -> int:
        while self.parent[node] != node:
            self.parent[node] = self.parent[self.parent[node]]
            node = self.parent[node]
        return node

    def join(self, one: int, other: int) -> None:
        a, b = sorted((self.root(one), self.root(other)))
        self.parent[b] = a

    def found(self) -> Found:
        return {n: self.root(n) for n in range(len(self.parent)) if self.root(n) != n}


def ours(documents: pa.Table, params: DedupParams = PARAMS) -> Found:
    def run(stage: Any, tables: dict[str, pa.Table], streams: dict[str, pa.Table]) -> Output:
        out = Output(step=stage.name, reasons=stage.reasons)
        iterators = {port: (lambda t=t: iter([(0, t)])) for port, t in streams.items()}
        stage.run(Unit(0, tables, None, streams=iterators), out)  # type: ignore[arg-type]
        return out

    def port(out: Output, name: str, schema: str) -> pa.Table:
        return pa.concat_tables([schemas.get(schema).empty_table(), *out.tables.get(name, [])])

    keys = run(KeysStage(params), {"documents": documents}, {})
    tables = {name: port(keys, name, schema) for name, schema in KeysStage.produces.items()}
    tables["known"] = schemas.get("known_keys/1").empty_table()
    matched = run(MatchStage(params), tables, {})
    ids = documents.select(["id"])
    streams = {name: port(matched, name, MatchStage.produces[name]) for name in ("edges", "known_matches")}
    clusters = run(ClusterStage(params), {}, {"documents": ids, "kept": ids, **streams})
    duplicates = port(clusters, "duplicates", "duplicates/1")
    pairs = zip(duplicates["id"].to_pylist(), duplicates["duplicate_of"].to_pylist(), strict=True)
    return {int(a, 16): int(b, 16) for a, b in pairs}


def datasketch(texts: list[str]) -> Found:
    lsh = MinHashLSH(params=(PARAMS.bands, PARAMS.rows), num_perm=PARAMS.bands * PARAMS.rows)
    sets = Sets(len(texts))
    for number, text in enumerate(texts):
        signature = MinHash(num_perm=PARAMS.bands * PARAMS.rows)
        signature.update_batch([s.encode() for s in shingles(text)])
        for other in lsh.query(signature):
            sets.join(number, other)
        lsh.insert(number, signature)
    return sets.found()


def rensa(texts: list[str]) -> Found:
    count = PARAMS.bands * PARAMS.rows
    signatures = RMinHash.from_token_sets([list(shingles(text)) for text in texts], count, 1)
    lsh = RMinHashLSH(0.8, count, PARAMS.bands)
    lsh.insert_many(signatures)
    sets = Sets(len(texts))
    for number, others in enumerate(lsh.query_all(signatures)):
        for other in others:
            sets.join(number, other)
    return sets.found()


def datatrove(interpreter: Path, texts: list[str]) -> tuple[float, Found]:
    script = Path(__file__).with_name("datatrove_minhash.py")
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("\n".join(map(json.dumps, texts)))
        file.flush()
        done = subprocess.run(
            [interpreter, script, file.name], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    result = json.loads(done.stdout.splitlines()[-1])
    first: dict[int, int] = {}
    for number, cluster in result["clusters"]:
        first[cluster] = min(first.get(cluster, number), number)
    return result["seconds"], {n: first[c] for n, c in result["clusters"] if first[c] != n}


def report(name: str, found: Found, sets: list[set[str]], pairs: list[tuple[int, int]]) -> None:
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
    families = list(range(len(sets)))
    for a, b in pairs:
        families[b] = families[a]
    right = sum(families[number] == families[kept] for number, kept in found.items())
    print(f"{name:10} recall {'; '.join(line)}; precision {right / max(len(found), 1):.4f}")


def as_table(texts: list[str]) -> pa.Table:
    return table(
        [Document(f"{n:032x}", "html", "file:///bench", [Item("text", text=t)]) for n, t in enumerate(texts)],
        "documents/1",
    )


def _repeat(documents: pa.Table, barrier: Any, rates: Any) -> None:
    ours(documents)
    barrier.wait()
    wall, processor = time.monotonic(), time.process_time()
    for _ in range(5):
        ours(documents)
    count = 5 * documents.num_rows
    rates.put((count / (time.monotonic() - wall), count / (time.process_time() - processor)))


def together(documents: pa.Table, processes: int) -> tuple[float, float]:
    """Documents a second of all processes that run at once: by the clock, and by their CPU-seconds."""
    context = multiprocessing.get_context("fork")
    barrier, rates = context.Barrier(processes), context.Queue()
    workers = [context.Process(target=_repeat, args=(documents, barrier, rates)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    found = [rates.get() for _ in workers]
    for worker in workers:
        worker.join()
    return sum(wall for wall, _ in found), sum(processor for _, processor in found)


def timed(call: Callable[[], Found]) -> tuple[float, Found]:
    started = time.process_time()
    found = call()
    return time.process_time() - started, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--datatrove", type=Path, help="interpreter of an environment with datatrove")
    parser.add_argument("--datatrove-rounds", type=int, help="default: --rounds; a round takes minutes")
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"), required=False)
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: the documents are built from its pages")
    texts, pairs = build(sentences(Path(options.corpora)), options.documents)
    documents = as_table(texts)
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} documents, {size / 1e6:.1f} MB, {len(pairs)} planted pairs")
    ours(as_table(texts[:10]))  # compiles
    calls: dict[str, Callable[[], tuple[float, Found]]] = {
        "ours": lambda: timed(lambda: ours(documents)),
        "all keys": lambda: timed(lambda: ours(documents, DedupParams())),
        "rensa": lambda: timed(lambda: rensa(texts)),
        "datasketch": lambda: timed(lambda: datasketch(texts)),
    }
    if options.datatrove:
        calls["datatrove"] = lambda: datatrove(options.datatrove, texts)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    results: dict[str, Found] = {}
    most = options.rounds if options.datatrove_rounds is None else options.datatrove_rounds
    for number in range(options.rounds):
        for name, call in calls.items():
            if name != "datatrove" or number < most:
                taken, results[name] = call()
                print(f"round {number}: {name} {taken:.2f} CPU-s", flush=True)
                seconds[name].append(taken)
    rates = {name: len(texts) / statistics.median(times) for name, times in seconds.items()}
    sets = [shingles(text) for text in texts]
    for name, rate in rates.items():
        print(
            f"{name:10} {rate:10,.0f} docs/s per CPU-second ({rate * size / len(texts) / 1e6:.1f} MB/s, "
            f"{len(seconds[name])} rounds)"
        )
        report(name, results[name], sets, pairs)
    for name, bar in BARS.items():
        if name in rates:
            print(f"ours / {name} = {rates['ours'] / rates[name]:.1f} (bar: {bar})")
    one, two = together(documents, 1), together(documents, 2)
    print(f"two processes / one = {two[0] / one[0]:.2f} by the clock, {two[1] / one[1]:.2f} by CPU-seconds")


if __name__ == "__main__":
    main()
