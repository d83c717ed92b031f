"""The four text steps together: what a user sees of deduplication."""

import datetime
import itertools
import random
import re
from typing import ClassVar

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.manifest import Counts
from components.core.records import Document, Item, table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.dedup.apply import DropDuplicatesStage
from components.dedup.cluster import ClusterStage
from components.dedup.keys import KeysStage
from components.dedup.match import MatchStage
from components.dedup.params import BoilerplateParams, DedupParams
from components.dedup.reasons import DedupReason
from tests.dedup.samples import deduplicate, documents, edited, jaccard, kept_numbers, port, prose, run, split

BASES = [prose(n, 60) for n in range(4)]
POOL = [*BASES, *(edited(base, 50 + n, 1) for n, base in enumerate(BASES)), "", "short one", "short two"]
INDICES = st.lists(st.integers(0, len(POOL) - 1), max_size=14)
FEW = DedupParams()


def test_copies_and_near_copies_go_the_first_stays() -> None:
    original = prose(1)
    near = edited(original, 1, 1)
    assert jaccard(original, near) > 0.9
    kept, ledger = deduplicate([documents(original, prose(2), near), documents(original, first=3)])
    assert kept_numbers(kept) == [0, 1]
    assert [(int(line["record_id"], 16), line["reason"]) for line in ledger] == [
        (2, "near_text"),
        (3, "exact_text"),
    ]
    assert all(f"duplicate of {0:032x}" in line["detail"] for line in ledger)


@pytest.mark.parametrize(("switch", "kept"), [("exact", [0, 2]), ("near", [0, 1])])
def test_one_kind_can_be_had_alone(switch: str, kept: list[int]) -> None:
    other = {"exact": "near", "near": "exact"}[switch]
    original = prose(1)
    docs = documents(original, original if switch == "exact" else edited(original, 1, 1), prose(2))
    assert kept_numbers(deduplicate([docs], DedupParams(**{other: False}))[0]) == [0, 2]
    if switch == "near":
        assert kept_numbers(deduplicate([docs], DedupParams(near=False))[0]) == [0, 1, 2]


def test_documents_without_text_are_nobodys_duplicates() -> None:
    kept, ledger = deduplicate([documents("", " ", "", "word", "word")])
    assert kept_numbers(kept) == [0, 1, 2, 3]
    assert len(ledger) == 1


@settings(max_examples=40, deadline=None)
@given(INDICES, st.lists(st.integers(0, 14), max_size=4), st.permutations(range(3)))
def test_kept_documents_do_not_depend_on_shards_or_partitions(
    indices: list[int], cuts: list[int], order: list[int]
) -> None:
    docs = documents(*(POOL[i] for i in indices))
    whole, ledger = deduplicate([docs], FEW)
    pieces, pieces_ledger = deduplicate(split(docs, [min(c, len(indices)) for c in cuts]), FEW, order)
    assert kept_numbers(pieces) == kept_numbers(whole)
    assert pieces_ledger == ledger
    assert len(ledger) + len(kept_numbers(whole)) == len(indices)


@settings(max_examples=30, deadline=None)
@given(INDICES)
def test_second_pass_changes_nothing(indices: list[int]) -> None:
    docs = documents(*(POOL[i] for i in indices))
    kept, _ = deduplicate([docs], FEW)
    again, ledger = deduplicate(kept, FEW)
    assert kept_numbers(again) == kept_numbers(kept)
    assert ledger == []


def test_clusters_are_transitive() -> None:
    """Each step of the chain is a near-duplicate of the one before; the ends are not alike."""
    chain = [prose(9, 100)]
    for step in range(12):
        words = chain[-1].split()
        words[step * 8] = f"changed{step}"
        chain.append(" ".join(words))
    assert min(jaccard(a, b) for a, b in itertools.pairwise(chain)) > 0.89
    assert jaccard(chain[0], chain[-1]) < 0.5
    kept, ledger = deduplicate([documents(*chain[7:], *chain[:7])])
    assert kept_numbers(kept) == [0]
    assert all(f"duplicate of {0:032x}" in line["detail"] for line in ledger)


def recall_and_precision(texts: list[str], pairs: list[tuple[int, int]], low: float) -> tuple[float, float]:
    """Over planted pairs at least `low` alike: share dropped; and share of drops that were planted."""
    _, ledger = deduplicate([documents(*texts)], DedupParams(exact=False))
    dropped = {int(line["record_id"], 16): int(line["detail"].split()[2], 16) for line in ledger}
    alike = [b for a, b in pairs if jaccard(texts[a], texts[b]) >= low]
    assert len(alike) >= 50
    planted = {b: a for a, b in pairs}
    right = sum(planted.get(number) == of for number, of in dropped.items())
    return sum(number in dropped for number in alike) / len(alike), right / len(dropped)


def plant(sentences: list[str], count: int) -> tuple[list[str], list[tuple[int, int]]]:
    rng = random.Random(3)
    originals = [" ".join(rng.sample(sentences, min(12, len(sentences)))) for _ in range(count)]
    copies = [edited(text, n, round(len(text.split()) * (n % 5) / 100)) for n, text in enumerate(originals)]
    return originals + copies, [(n, count + n) for n in range(count)]


def test_finds_planted_near_duplicates() -> None:
    """14 bands x 8 rows find a pair of similarity 0.8 with probability 0.92, one of 0.9 with 0.9999."""
    sentences = [prose(n, 15) for n in range(3000)]
    texts, pairs = plant(sentences, 300)
    recall, precision = recall_and_precision(texts, pairs, 0.8)
    assert recall >= 0.97
    assert precision == 1.0


@pytest.mark.corpora
def test_finds_planted_near_duplicates_of_real_sentences(corpora) -> None:
    from fastwarc.warc import ArchiveIterator, WarcRecordType
    from resiliparse.extract.html2text import extract_plain_text

    sentences: set[str] = set()
    with (corpora / "web" / "pages.warc.gz").open("rb") as stream:
        for record in itertools.islice(ArchiveIterator(stream, record_types=WarcRecordType.response), 150):
            text = extract_plain_text(record.reader.read().decode("utf-8", "replace"), main_content=True)
            sentences.update(s for s in re.split(r"(?<=[.!?])\s+", text) if 6 <= len(s.split()) <= 60)
    texts, pairs = plant(sorted(sentences), 300)
    recall, precision = recall_and_precision(texts, pairs, 0.8)
    assert recall >= 0.97
    assert precision >= 0.99


def test_captures_of_one_page_and_what_is_like_them() -> None:
    """The later capture goes for its address; a document with its text stays: the first has another."""

    def page(number: int, url: str, text: str) -> Document:
        day = datetime.datetime(2026, 1, 1 + number, tzinfo=datetime.UTC)
        return Document(
            f"{number:032x}", "html", "file:///x", [Item("text", text=text)], url=url, crawl_time=day
        )

    docs = table(
        [
            page(0, "https://example.com/a", prose(1)),
            page(1, "HTTPS://example.com:443/a#top", prose(2)),
            page(2, "https://example.com/b", edited(prose(2), 1, 1)),
        ],
        "documents/1",
    )
    kept, ledger = deduplicate([docs])
    assert kept_numbers(kept) == [0, 2]
    assert [(line["reason"], line["detail"].split()[2]) for line in ledger] == [("same_url", f"{0:032x}")]
    kept, ledger = deduplicate([docs], DedupParams(keep="latest"))
    assert kept_numbers(kept) == [1]
    assert [(line["reason"], line["detail"].split()[2]) for line in ledger] == [
        ("same_url", f"{1:032x}"),
        ("near_text", f"{1:032x}"),
    ]
    assert kept_numbers(deduplicate([docs], DedupParams(url=False))[0]) == [0, 1]


def test_a_second_crawl_is_deduplicated_against_a_released_one() -> None:
    released = run(KeysStage(FEW), documents=documents(prose(1), prose(2)))
    rows = [
        {"band": row["band"], "key": row["key"], "id": f"released-{row['row']}", "run": "first"}
        for row in port(released, "keys").to_pylist()
    ]
    known = pa.Table.from_pylist(rows, schema=schemas.get("known_keys/1"))
    kept, ledger = deduplicate([documents(edited(prose(2), 1, 1), prose(3), prose(1))], FEW, known=known)
    assert kept_numbers(kept) == [1]
    assert [(line["reason"], *line["detail"].split()[2:6]) for line in ledger] == [
        ("near_text", "released-1", "of", "run", "first"),
        ("exact_text", "released-0", "of", "run", "first"),
    ]


def test_boilerplate_of_all_shards_is_stripped_from_all() -> None:
    params = DedupParams(boilerplate=BoilerplateParams(sample=1, min_documents=3))
    shards = [documents(f"Skip to content\n{prose(n)}", first=n) for n in range(4)]
    kept, ledger = deduplicate([*shards, documents("Skip to content", first=4)], params)
    assert [row["items"][0]["text"] for t in kept for row in t.to_pylist()] == [prose(n) for n in range(4)]
    assert [line["reason"] for line in ledger] == ["boilerplate"] * 4 + ["only_boilerplate"]


class NoneStage(Stage[DedupParams]):
    """The steps that are not run here: no registry, no Bloom filter."""

    name = "none"
    consumes: ClassVar = {"documents": "documents/1"}
    produces: ClassVar = {"known": "known_keys/1", "drops": "text_drops/1"}
    reasons = DedupReason
    partitioned: ClassVar = {"known": "key", "drops": "shard"}
    enabled = False

    def run(self, unit: Unit, out: Output) -> None:
        raise AssertionError


@pytest.mark.parametrize("spans", [1, 3])
def test_the_runner_gives_what_the_steps_give(tmp_path, spans: int) -> None:
    """Through the real store, partitions and manifests, with 4 shards, one of them empty."""
    params = DedupParams(cluster_spans=spans)
    texts = [POOL[n % len(POOL)] for n in range(30)]
    given = split(documents(*texts), [8, 8, 21])
    root = tmp_path.as_uri()
    counts = Counts(rows_in=30, kept=30)
    docs = publish("given", "documents", "documents/1", given, [], counts, root, params={})
    keys = run_step(KeysStage(params), {"documents": docs}, root)
    none = run_step(NoneStage(params), {"documents": docs}, root)
    matched = run_step(MatchStage(params), {**keys, "known": none["known"]}, root)
    inputs = {
        "documents": docs,
        "kept": docs,
        "edges": matched["edges"],
        "known_matches": matched["known_matches"],
    }
    duplicates = run_step(ClusterStage(params), inputs, root)
    inputs = {"documents": docs, **duplicates, "drops": none["drops"], "boilerplate": matched["boilerplate"]}
    outputs = run_step(DropDuplicatesStage(params), inputs, root)
    manifest = outputs["documents"]
    store = open_store(root)
    kept, ledger = deduplicate(given, FEW)
    assert kept_numbers([read(store, shard) for shard in manifest.shards]) == kept_numbers(kept)
    lines = [line for shard in manifest.ledger for line in read(store, shard).to_pylist()]
    assert [(r["record_id"], r["reason"]) for r in lines] == [(r["record_id"], r["reason"]) for r in ledger]
    assert manifest.counts.rows_in == 30
    assert manifest.counts.total_dropped == len(ledger) > 0
