"""Documents for the dedup tests, and the four text steps run one after the other."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from components.core.records import Document, Item, table
from components.core.shards import partition_numbers, rows_for_shard
from components.core.stage import Output, Stage, Unit
from components.dedup.apply import DropDuplicatesStage
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import DedupParams

VOCABULARY = [f"{a}{b}{c}" for a in "bdfglmnprst" for b in "aeiou" for c in ("", "n", "rk", "st")]


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


def partitions(tables: Sequence[pa.Table], column: str, count: int) -> list[pa.Table]:
    """What the runner hands to a stage that works by partition."""
    parts = []
    for number in range(count):
        chosen = [t.filter(pa.array(partition_numbers(t.column(column), count) == number)) for t in tables]
        parts.append(pa.concat_tables(chosen))
    return parts


def deduplicate(
    shards: Sequence[pa.Table], params: DedupParams | None = None, order: Sequence[int] | None = None
) -> tuple[list[pa.Table], list[dict]]:
    """All text steps over shards of documents.

    Args:
        order: in which order the partitions are matched and their edges concatenated.

    Returns:
        The kept documents by shard, and the ledger lines of the last step.
    """
    params = params or DedupParams(partitions=4)
    keys = [first_port(run(KeysStage(params), i, documents=shard)) for i, shard in enumerate(shards)]
    parts = partitions(keys, "key", params.partitions)
    edges = [first_port(run(MatchStage(params), n, keys=parts[n])) for n in order or range(len(parts))]
    duplicates = first_port(run(ClusterStage(params), edges=pa.concat_tables(edges)))
    kept, ledger = [], []
    for index, shard in enumerate(shards):
        mine = rows_for_shard(duplicates, index)
        out = run(DropDuplicatesStage(params), index, documents=shard, duplicates=mine)
        kept.append(first_port(out))
        ledger += out.ledger
    return kept, ledger


def split(docs: pa.Table, cuts: Sequence[int]) -> list[pa.Table]:
    bounds = [0, *sorted(cuts), docs.num_rows]
    return [docs.slice(a, b - a) for a, b in itertools.pairwise(bounds)]


def kept_numbers(kept: Sequence[pa.Table]) -> list[int]:
    return [int(i, 16) for i in np.concatenate([t.column("id").to_pylist() for t in kept])]
