"""Documents for the dedup tests, and the four text steps run one after the other."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from components.core import schemas
from components.core.records import Document, Item, table
from components.core.shards import partition_numbers, rows_for_shard
from components.core.stage import Output, Stage, Unit
from components.dedup.apply import DropDuplicatesStage
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import DedupParams

VOCABULARY = [f"{a}{b}{c}" for a in "bdfglmnprst" for b in "aeiou" for c in ("", "n", "rk", "st")]

PARTITIONS = 3

PORTS = {**KeysStage.produces, **MatchStage.produces}


def prose(seed: int, words: int = 120) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choices(VOCABULARY, k=words))


def edited(text: str, seed: int, edits: int) -> str:
    """The text with some words replaced by words that occur nowhere else."""
    rng = random.Random(seed)
    words = text.split()
    for place in rng.sample(range(len(words)), edits):
        words[place] = f"edit{seed}x{place}"
    return " ".join(words)


def jaccard(a: str, b: str, n: int = 5) -> float:
    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    return len(shingles(a) & shingles(b)) / len(shingles(a) | shingles(b))


def documents(*texts: str, first: int = 0) -> pa.Table:
    return table(
        [
            Document(f"{n:032x}", "html", "file:///crawl.warc.gz", [Item("text", text=text)], n * 10)
            for n, text in enumerate(texts, first)
        ],
        "documents/1",
    )


def run(stage: Stage, index: int = 0, **tables: pa.Table) -> Output:
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(index, tables, None), out)  # type: ignore[arg-type]
    return out


def first_port(out: Output) -> pa.Table:
    return pa.concat_tables(next(iter(out.tables.values())))


def port(out: Output, name: str) -> pa.Table:
    return pa.concat_tables([empty(PORTS[name]), *out.tables.get(name, [])])


def partitions(tables: Sequence[pa.Table], column: str, count: int) -> list[pa.Table]:
    """What the runner hands to a stage that works by partition."""
    parts = []
    for number in range(count):
        chosen = [t.filter(pa.array(partition_numbers(t.column(column), count) == number)) for t in tables]
        parts.append(pa.concat_tables(chosen))
    return parts


def empty(schema: str) -> pa.Table:
    return schemas.get(schema).empty_table()


def run_cluster(
    documents: Sequence[pa.Table],
    edges: Sequence[pa.Table],
    known: Sequence[pa.Table] = (),
    params: DedupParams | None = None,
) -> list[pa.Table]:
    """`duplicates/1` of each unit; a unit gets its span of documents as the runner cuts them."""
    stage = ClusterStage(params or DedupParams())
    outputs = []
    for index in range(count := min(stage.spans, len(documents))):
        span = range(len(documents) * index // count, len(documents) * (index + 1) // count)
        numbered = {
            "documents": [(n, documents[n].select(["id"])) for n in span],
            "edges": list(enumerate(edges)),
            "known_matches": list(enumerate(known)),
            "kept": [(n, table.select(["id"])) for n, table in enumerate(documents)],
        }
        out = Output(step=stage.name, reasons=stage.reasons)
        streams = {port: (lambda tables=tables: iter(tables)) for port, tables in numbered.items()}
        stage.run(Unit(index, {}, None, streams=streams), out)  # type: ignore[arg-type]
        outputs.append(first_port(out))
    return outputs


def deduplicate(
    shards: Sequence[pa.Table],
    params: DedupParams | None = None,
    order: Sequence[int] | None = None,
    known: pa.Table | None = None,
) -> tuple[list[pa.Table], list[dict]]:
    """All text steps over shards of documents.

    Args:
        order: in which order the partitions are matched and their edges read.
        known: `known_keys/1` of earlier runs.

    Returns:
        The kept documents by shard, and the ledger lines of the last step.
    """
    params = params or DedupParams()
    made = [run(KeysStage(params), i, documents=shard) for i, shard in enumerate(shards)]
    parts, paragraphs, released = (
        partitions(tables, "key", PARTITIONS)
        for tables in (
            [port(out, "keys") for out in made],
            [port(out, "paragraphs") for out in made],
            [empty("known_keys/1") if known is None else known],
        )
    )
    matched = [
        run(MatchStage(params), n, keys=parts[n], paragraphs=paragraphs[n], known=released[n])
        for n in order or range(len(parts))
    ]
    edges, matches, boilerplate = (
        [port(out, name) for out in matched] for name in ("edges", "known_matches", "boilerplate")
    )
    duplicates = pa.concat_tables(run_cluster(shards, edges, matches, params) or [empty("duplicates/1")])
    kept, ledger = [], []
    for index, shard in enumerate(shards):
        out = run(
            DropDuplicatesStage(params),
            index,
            documents=shard,
            duplicates=rows_for_shard(duplicates, index),
            drops=empty("text_drops/1"),
            boilerplate=pa.concat_tables(boilerplate).select(["key"]),
        )
        kept.append(first_port(out))
        ledger += out.ledger
    return kept, ledger


def split(docs: pa.Table, cuts: Sequence[int]) -> list[pa.Table]:
    bounds = [0, *sorted(cuts), docs.num_rows]
    return [docs.slice(a, b - a) for a, b in itertools.pairwise(bounds)]


def kept_numbers(kept: Sequence[pa.Table]) -> list[int]:
    return [int(i, 16) for i in np.concatenate([t.column("id").to_pylist() for t in kept])]
