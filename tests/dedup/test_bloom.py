"""Bloom deduplication as a step: what goes, what stays, and how much memory it takes."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.core.manifest import Counts, Manifest
from components.core.records import Document, Item, table
from components.core.runner import publish, run_step
from components.core.shards import read, read_partition
from components.core.stage import Output, Unit, empty
from components.core.store import open_store
from components.dedup.bloom import BloomStage
from components.dedup.params import BloomParams

VOCABULARY = [f"{a}{b}{c}" for a in "bdfglmnprst" for b in "aeiou" for c in ("", "n", "rk", "st")]
EXACT = BloomParams(enabled=True, false_positive_rate=1e-8)


def prose(seed: int, words: int = 40) -> str:
    return " ".join(random.Random(seed).choices(VOCABULARY, k=words))


def documents(texts: Sequence[str | Sequence[str | None]], first: int = 0) -> pa.Table:
    """Documents of text items; None is an image."""

    def items(text: str | Sequence[str | None]) -> list[Item]:
        parts = [text] if isinstance(text, str) else text
        return [Item("image", image_id="1") if p is None else Item("text", text=p) for p in parts]

    made = [Document(f"{n:032x}", "html", "file:///a", items(text)) for n, text in enumerate(texts, first)]
    return table(made, "documents/1")


def drops(shards: Sequence[pa.Table], params: BloomParams = EXACT) -> list[tuple[int, int, int, int, float]]:
    """(shard, row, item, line, score) of everything that is to go, all shards in one filter."""
    stage = BloomStage(params)
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {}, None, None, {"documents": lambda: enumerate(shards)}), out)  # type: ignore[arg-type,return-value]
    rows = pa.concat_tables([empty("text_drops/1"), *out.tables.get("drops", [])]).to_pylist()
    return [(r["shard"], r["row"], r["item"], r["line"], round(r["score"], 4)) for r in rows]


def by_the_rules(texts: Sequence[str], params: BloomParams) -> list[tuple[int, int, int, int, float]]:
    """BFF's rules word for word, with a set in the place of the filter."""
    seen: set[tuple[str, ...]] = set()
    gone = []
    for row, text in enumerate(texts):
        total = before = 0
        lines = []
        for number, line in enumerate(text.split("\n")):
            words = tuple(line.split())
            ngrams = [words[i : i + params.ngram] for i in range(len(words) - params.ngram + 1)]
            if not ngrams and len(words) >= params.min_ngram:
                ngrams = [words]
            if not ngrams:
                continue
            found = sum(ngram in seen for ngram in ngrams)
            total, before = total + len(ngrams), before + found
            if found / len(ngrams) > params.threshold:
                lines.append((0, row, 0, number, round(found / len(ngrams), 4)))
            else:
                seen.update(ngrams)
        if total and before / total > params.threshold:
            lines = [(0, row, -1, -1, round(before / total, 4))]
        gone += lines
    return gone


def publish_documents(shards: Sequence[pa.Table], root: str) -> Manifest:
    counts = Counts(rows_in=sum(t.num_rows for t in shards), kept=sum(t.num_rows for t in shards))
    return publish("given", "documents", "documents/1", shards, [], counts, root, params={})


def test_a_repeated_line_goes_and_a_repeated_document_goes_as_a_whole() -> None:
    a, b, c, d = (prose(n) for n in range(4))
    shards = [
        documents([f"{a}\n{b}", f"{c}\n{a}\n\n{d}"]),
        documents([[None, b, f"{prose(9)}\n{a}"], f"{a}\n{b}"]),
    ]
    assert drops(shards) == [(0, 1, 0, 1, 1.0), (1, 0, 1, 0, 1.0), (1, 0, 2, 1, 1.0), (1, 1, -1, -1, 1.0)]


def test_a_line_repeated_in_its_own_document_goes() -> None:
    a = prose(1)
    assert drops([documents([[a, f"{prose(2, 200)}\n{a}"]])]) == [(0, 0, 1, 1, 1.0)]


def test_the_threshold_is_strict() -> None:
    first = prose(1, 22)  # ten 13-grams
    words = first.split()
    eight = " ".join([*words[:20], "new", "words"])
    nine = " ".join([*words[:21], "new"])
    for tail, share, at_most in ((eight, 0.8, 0.79), (nine, 0.9, 0.89)):
        texts = [documents([first, f"{tail}\n{prose(5, 100)}"])]
        lower = BloomParams(enabled=True, false_positive_rate=1e-8, threshold=at_most)
        assert drops(texts, lower) == [(0, 1, 0, 0, pytest.approx(share))]
        same = BloomParams(enabled=True, false_positive_rate=1e-8, threshold=share)
        assert drops(texts, same) == []


def test_short_lines_stay_unless_shorter_n_grams_are_asked_for() -> None:
    texts = [documents([f"Skip to the main content\nHome\n{prose(n)}" for n in range(3)])]
    assert drops(texts) == []
    five = BloomParams(enabled=True, false_positive_rate=1e-8, min_ngram=5)
    assert drops(texts, five) == [(0, 1, 0, 0, 1.0), (0, 2, 0, 0, 1.0)]


def test_case_and_punctuation_count() -> None:
    a = prose(1)
    assert drops([documents([a, a.capitalize(), a.upper(), a.replace(" ", ", ")])]) == [
        (0, 1, -1, -1, pytest.approx(27 / 28, abs=1e-4))
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 11), max_size=6), max_size=12),
    st.integers(1, 6),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
    st.integers(1, 4),
)
def test_what_goes_is_what_the_published_rules_say(
    choices: list[list[int]], ngram: int, least: int, threshold: float, pieces: int
) -> None:
    pool = [prose(n, 3 * n) for n in range(7)] + [prose(5, 9) + " " + prose(n, 4) for n in range(5)]
    texts = ["\n".join(pool[i] for i in lines) for lines in choices]
    params = BloomParams(
        enabled=True, ngram=ngram, min_ngram=least, threshold=threshold, false_positive_rate=1e-8
    )
    wanted = by_the_rules(texts, params)
    docs = documents(texts)
    size = -(-len(texts) // pieces) or 1
    shards = [docs.slice(at, size) for at in range(0, len(texts), size)]
    got = [(0, shard * size + row, *rest) for shard, row, *rest in drops(shards, params)]
    assert got == [
        (0, row, item, line, pytest.approx(score, abs=1e-4)) for _, row, item, line, score in wanted
    ]


def test_documents_without_text_and_no_documents() -> None:
    assert drops([documents(["", [], [None], "\n\n", " \u3000 "])]) == []
    assert drops([]) == []


def test_false_positives_drop_hardly_anything() -> None:
    """At a rate of 0.01 a new line of 28 n-grams would need 23 false ones to go."""
    texts = [prose(n) for n in range(3000)]
    stage = BloomStage(BloomParams(enabled=True))
    out = Output(step=stage.name, reasons=stage.reasons)
    shards = [documents(texts)]
    stage.run(Unit(0, {}, None, None, {"documents": lambda: enumerate(shards)}), out)  # type: ignore[arg-type,return-value]
    assert sum(t.num_rows for t in out.tables["drops"]) == 0
    assert out.counters["ngrams"] == 3000 * 28
    # the filter fills up while it is read: on the way to 1 % the mean is far below it
    assert 0 < out.counters["ngrams_seen_before"] < 0.005 * out.counters["ngrams"]


def test_through_the_runner(tmp_path) -> None:
    """Two filters over five shards: each finds its own repetitions, and says its size beforehand."""
    texts = [prose(n % 7) for n in range(25)]
    shards = [documents(texts[at : at + 5], at) for at in range(0, 25, 5)]
    root = tmp_path.as_uri()
    given_documents = publish_documents(shards, root)
    params = EXACT.model_copy(update={"filters": 2})
    made = run_step(BloomStage(params), {"documents": given_documents}, root)["drops"]
    store = open_store(root)
    rows = [row for shard in made.shards for row in read(store, shard).to_pylist()]
    first = [row["id"] for row in rows if row["shard"] < 2]
    assert sorted(first) == [f"{n:032x}" for n in range(7, 10)]
    assert sorted(row["id"] for row in rows if row["shard"] >= 2) == [f"{n:032x}" for n in range(17, 25)]
    assert {row["item"] for row in rows} == {-1}
    assert made.partitioning is not None
    assert made.partitioning.column == "shard"
    part = read_partition(store, made, 3, empty("text_drops/1"))
    assert {row["shard"] for row in part.to_pylist()} == {3}
    assert made.counts.counters["filter_bytes"] >= 2 * 64
    other = (tmp_path / "other").as_uri()
    again = run_step(BloomStage(params), {"documents": publish_documents(shards, other)}, other)["drops"]
    assert again.digest == made.digest


def test_the_plan_is_told_before_it_is_refused(capsys) -> None:
    shards = [documents([prose(n, 1000) for n in range(100)])]
    small = BloomParams(enabled=True, max_memory_bytes=1 << 16)
    with pytest.raises(ConfigurationError, match=r"dedup\.bloom\.max_memory_bytes = 65,536"):
        drops(shards, small)
    assert (
        "bloom: filter 0 for 98,800 n-grams at a false positive rate of 0.01: 124,7"
        in capsys.readouterr().out
    )
    halves = [table.slice(at, 50) for table in shards for at in (0, 50)]
    for half in halves:
        assert drops([half], small) == []


def test_too_little_memory_stops_the_run(tmp_path) -> None:
    given_documents = publish_documents([documents([prose(n, 1000) for n in range(100)])], tmp_path.as_uri())
    stage = BloomStage(BloomParams(enabled=True, max_memory_bytes=1 << 16))
    with pytest.raises(ConfigurationError, match=r"2 times as many filters \(dedup\.bloom\.filters\)"):
        run_step(stage, {"documents": given_documents}, tmp_path.as_uri())


def test_off_by_default(tmp_path) -> None:
    given_documents = publish_documents([documents([prose(1), prose(1)])], tmp_path.as_uri())
    made = run_step(BloomStage(BloomParams()), {"documents": given_documents}, tmp_path.as_uri())["drops"]
    assert made.shards == []
