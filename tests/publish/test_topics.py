from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from components.core.errors import ConfigurationError
from components.publish.mint_layout import entries, parquet_row, parquet_table
from components.publish.topics import TopicSample
from tests.publish import samples

SPACE = ["planet", "star", "moon", "galaxy", "orbit", "telescope", "comet", "nebula", "eclipse", "asteroid"]
FOOD = ["bread", "butter", "cheese", "kitchen", "oven", "flour", "pepper", "garlic", "recipe", "dinner"]


def released(number: int, words: list[str], source: str) -> Any:
    rng = random.Random(number)
    text = " ".join(rng.choices(words, k=60))
    document = samples.documents_table([samples.document(number, [samples.text(text)], source=source)])
    row = document.to_pylist()[0]
    return parquet_row(row, entries(row, {}))


ROWS = [released(n, SPACE if n % 4 else FOOD, "html" if n % 4 else "pdf") for n in range(80)]


def test_topics_are_found_and_weighed() -> None:
    sample = TopicSample()
    sample.add(parquet_table(ROWS))
    found = sample.topics(2)
    assert found is not None
    assert found.documents == 80
    assert set(found.topics[0].words) <= set(SPACE)
    assert set(found.topics[1].words) <= set(FOOD)
    assert found.topics[0].share == pytest.approx(0.75, abs=0.03)
    assert 1 < found.effective < 2
    assert found.effective_by_source["pdf"] < 1.2


def test_the_order_of_the_shards_does_not_matter() -> None:
    one, other = TopicSample(limit=30), TopicSample(limit=30)
    one.add(parquet_table(ROWS))
    for row in reversed(ROWS):
        other.add(parquet_table([row]))
    assert one.topics(3) == other.topics(3)


def test_a_release_without_words_has_no_topics() -> None:
    sample = TopicSample()
    sample.add(parquet_table([released(1, ["42"], "html")]))
    assert sample.topics(5) is None


def test_without_the_library_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.decomposition", None)
    with pytest.raises(ConfigurationError, match=r"kalemint\[topics\]"):
        TopicSample().topics(2)
