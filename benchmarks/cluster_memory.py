"""Peak memory of clustering as edges and documents grow: 1x, 10x, 100x.

    python benchmarks/cluster_memory.py [--edges 100000] [--corpora FOLDER]

The edges are those that keys and match find among 20,000 documents built from real sentences (see
dedup_speed.py), copied over as many shards of 20,000 documents as it takes; they come in partitions of
100,000 edges, as matching gives them, and duplicates are listed for runs of 40 shards. Each size
runs in a process of its own. Prints the most memory that cannot be paged out (anonymous, over what
the process had before); the pages of files that were in memory, of libraries and of the scratch files
(the system takes them back when it is short); and the processor seconds of one unit of the step.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from dedup_speed import as_table, build, sentences

from components.core import schemas
from components.core.stage import Output, Unit
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import DedupParams

DOCUMENTS = 20_000
PARTITION = 100_000
SPAN = 40


def real_edges(corpora: Path) -> pa.Table:
    """`dedup_edges/1` of one shard of documents."""

    def run(stage: Any, tables: dict[str, pa.Table]) -> Output:
        out = Output(step=stage.name, reasons=stage.reasons)
        stage.run(Unit(0, tables, None), out)  # type: ignore[arg-type]
        return out

    texts, _ = build(sentences(corpora), DOCUMENTS)
    keys = run(KeysStage(DedupParams()), {"documents": as_table(texts)}).tables
    tables = {name: pa.concat_tables(keys[name]) for name in keys}
    tables["known"] = schemas.get("known_keys/1").empty_table()
    return pa.concat_tables(run(MatchStage(DedupParams()), tables).tables["edges"])


def partition(edges: pa.Table, copies: int, partitions: int, number: int) -> pa.Table:
    """One partition of the edges of all shards: of every shard, each `partitions`-th edge."""
    rows = np.arange(edges.num_rows)
    chosen = [rows[(number - copy) % partitions :: partitions] for copy in range(copies)]
    shard = pa.array(np.repeat(np.arange(copies, dtype=np.int32), [len(part) for part in chosen]))
    table = edges.take(pa.array(np.concatenate(chosen)))
    for name in ("shard_a", "shard_b"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), shard)
    return table


def memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    return 0


def measure(edges: pa.Table, wanted: int, result: Any) -> None:
    copies = max(round(wanted / edges.num_rows), 1)
    partitions = max(round(wanted / PARTITION), 1)
    ids = pa.table({"id": [f"{n:032x}" for n in range(DOCUMENTS)]})

    def documents(shards: range) -> Iterator[tuple[int, pa.Table]]:
        return ((shard, ids) for shard in shards)

    streams = {
        "documents": lambda: documents(range(max(copies - SPAN, 0), copies)),
        "kept": lambda: documents(range(copies)),
        "edges": lambda: ((n, partition(edges, copies, partitions, n)) for n in range(partitions)),
        "known_matches": lambda: iter(()),
    }
    base = memory("RssAnon")
    peak = {"RssAnon": 0, "RssFile": 0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            for name, most in peak.items():
                peak[name] = max(most, memory(name))

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.process_time()
    stage = ClusterStage(DedupParams())
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {}, None, streams=streams), out)  # type: ignore[arg-type]
    done.set()
    watcher.join()
    result.put(
        {
            "edges": edges.num_rows * copies,
            "documents": copies * DOCUMENTS,
            "duplicates": sum(t.num_rows for t in out.tables["duplicates"]),
            "anonymous": peak["RssAnon"] - base,
            "scratch": peak["RssFile"],
            "seconds": time.process_time() - started,
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--edges", type=int, default=100_000, help="edges at 1x")
    parser.add_argument("--corpora", type=Path, default=os.environ.get("KALEMINT_CORPORA"), required=False)
    options = parser.parse_args()
    if options.corpora is None:
        parser.error("give --corpora or set KALEMINT_CORPORA: the edges are those of documents built from it")
    edges = real_edges(Path(options.corpora))
    context = multiprocessing.get_context("spawn")
    for factor in (1, 10, 100):
        result = context.Queue()
        worker = context.Process(target=measure, args=(edges, options.edges * factor, result))
        worker.start()
        found = result.get()
        worker.join()
        print(
            f"{factor:4}x: {found['edges']:11,} edges of {found['documents']:11,} documents: "
            f"{found['anonymous'] / 1e6:7.1f} MB anonymous, {found['scratch'] / 1e6:7.1f} MB file pages, "
            f"{found['duplicates']:,} duplicates listed, {found['seconds']:.1f} CPU-s"
        )


if __name__ == "__main__":
    main()
