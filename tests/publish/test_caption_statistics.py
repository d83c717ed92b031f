from __future__ import annotations

import itertools
import json
import random
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.publish.caption_statistics import CaptionStatistics, Distinct, caption_numbers
from components.publish.export_captions import released
from tests.publish.kale_runs import SCENES, TEACHER, caption, captions

ROWS = [caption(number) for number in range(len(SCENES))]
TABLE = released(captions(ROWS))


def count(*tables: pa.Table) -> CaptionStatistics:
    found = CaptionStatistics()
    for table in tables:
        found.add(table)
    return found


def words(text: str | None) -> set[str]:
    return set(re.findall(r"[^\W_]+(?:['’][^\W_]+)*", (text or "").lower()))


def test_the_numbers_are_those_of_a_plain_count() -> None:
    found = count(TABLE)
    rows = TABLE.to_pylist()
    claims = [claim for row in rows for claim in row["claims"] or []]
    assert found.captions == len(rows) == 40
    assert found.words.mean == sum(row["words"] for row in rows) / 40
    assert found.stages[1].total == len(TEACHER)
    assert found.stages[2].mean == 11
    assert found.vocabulary.count == len(set().union(*(words(row["caption"]) for row in rows)))
    assert found.judged == {1: len(TEACHER)}
    assert found.knowledge == {1: sum(row["knowledge"] is True for row in rows)}
    assert found.claim_count() == len(claims)
    assert found.claim_count(removed=True) == sum(claim["removed"] for claim in claims)
    for source in ("pixels", "alt_text", "page", "none"):
        assert found.claim_count(source=source) == sum(claim["source"] == source for claim in claims)
    both = [row for row in rows if row["alt_text"] and row["cogvlm_caption"]]
    learnt = [words(r["caption"]) & words(r["alt_text"]) - words(r["cogvlm_caption"]) for r in both]
    assert found.compared == len(both)
    assert found.knowledge_words.sum == sum(map(len, learnt)) > 0


@settings(max_examples=25)
@given(st.lists(st.integers(0, len(ROWS)), max_size=5), st.randoms())
def test_any_split_and_order_gives_the_same(cuts: list[int], order: random.Random) -> None:
    ends = sorted({0, len(ROWS), *cuts})
    parts = [TABLE.slice(a, b - a) for a, b in itertools.pairwise(ends)]
    order.shuffle(parts)
    assert caption_numbers(count(*parts)) == caption_numbers(count(TABLE))


def test_of_nothing_there_are_no_shares() -> None:
    numbers = caption_numbers(count(TABLE.slice(0, 0)))
    assert numbers["captions"] == 0
    assert numbers["knowledge"]["share"] is None
    assert numbers["claims"]["removed_share"] is None
    json.dumps(numbers)


def test_numbers_by_stage_source_and_verdict() -> None:
    numbers = caption_numbers(count(TABLE))
    claims = numbers["claims"]
    assert claims["removed"] == claims["by_source"]["none"]["removed"] == 8
    assert claims["by_verdict"]["supported"] == {
        "claims": 43,
        "share": 0.843137,
        "removed": 0,
        "removed_share": 0.0,
    }
    assert claims["by_stage"]["2"]["claims"] == 0
    assert sum(row["claims"] for row in claims["table"]) == claims["total"]
    assert numbers["knowledge"]["share_by_stage"] == {"1": 0.833333}
    assert numbers["captions_by_captioner"] == {"toys/fuser": 20, "toys/student": 16, "toys/teacher": 4}
    assert numbers["words_per_caption"]["p5"] == 7
    assert numbers["published"]["words_per_caption"] == 67.26


@pytest.mark.parametrize(
    ("text", "alt", "dense", "learnt"),
    [
        ("The Eiffel Tower at night", "eiffel tower", "A tower at night", 1),
        ("L'Étoile à Paris", "l’Étoile, PARIS", "une place", 1),
        ("東京 tower", "東京", "a tower", 1),
        ("Otto Otto Otto", "Otto", "A ball", 1),
        ("A ball", "", "A ball", 0),
    ],
)
def test_words_from_the_alternative_text(text: str, alt: str, dense: str, learnt: int) -> None:
    row = caption(0) | {"text": text, "alt": alt, "dense": dense}
    found = count(released(captions([caption(6), row])))
    other = count(released(captions([caption(6)])))
    assert found.knowledge_words.sum - other.knowledge_words.sum == learnt


def test_a_null_on_either_side_is_not_compared() -> None:
    rows: list[dict[str, Any]] = [caption(0) | {"alt": None}, caption(6) | {"dense": None}]
    assert count(released(captions(rows))).compared == 0


def test_distinct_is_exact_for_few_and_close_for_many() -> None:
    few, many = Distinct(), Distinct()
    few.add(pa.array([f"word{n % 5000}" for n in range(20_000)]))
    assert (few.count, few.exact) == (5000, True)
    for start in range(0, 300_000, 50_000):
        many.add(pa.array([f"word{n}" for n in range(start, start + 60_000)]))
    assert not many.exact
    assert abs(many.count - 310_000) < 0.02 * 310_000
