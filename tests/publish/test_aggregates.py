from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.publish import aggregates as agg
from components.publish import mint_layout
from components.publish.aggregates import Aggregates, Distribution, Tally
from tests.publish import samples

NUMBERS = st.lists(st.integers(0, 100_000), min_size=1, max_size=60)


def distribution(values: list[int]) -> Distribution:
    found = Distribution()
    found.add(np.array(values, np.int64))
    return found


@given(NUMBERS, st.sampled_from([0.05, 0.5, 0.95]))
def test_a_quantile_is_within_nine_percent_of_the_true_one(values: list[int], share: float) -> None:
    true = sorted(values)[max(int(np.ceil(share * len(values))), 1) - 1]
    assert distribution(values).quantile(share) == pytest.approx(true, rel=0.095)


@given(NUMBERS)
def test_a_histogram_counts_every_number_once_between_its_edges(values: list[int]) -> None:
    edges, counts = distribution(values).histogram()
    assert len(edges) == len(counts) + 1
    assert edges == sorted(edges)
    assert sum(counts) == len(values)
    assert edges[0] <= min(values)
    assert max(values) <= edges[-1]
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        inside = [v for v in values if low + 1e-6 < v < high - 1e-6]
        assert count >= len(inside)


@given(NUMBERS, NUMBERS)
def test_merged_distributions_are_that_of_all(one: list[int], two: list[int]) -> None:
    merged = distribution(one)
    merged.merge(distribution(two))
    assert vars(merged) == vars(distribution(one + two))


def test_small_numbers_have_a_bar_each() -> None:
    assert distribution([0, 0, 3, 5]).histogram() == ([0, 1, 2, 3, 4, 5, 6], [2, 0, 0, 1, 0, 1])


def test_an_empty_distribution_is_drawable() -> None:
    assert Distribution().histogram() == ([0, 1], [0])
    assert (Distribution().quantile(0.5), Distribution().mean) == (0, 0)


def test_a_tally_folds_its_rarest_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agg, "MAX_NAMES", 4)
    tally = Tally()
    tally.add(pa.array(["a"] * 5 + ["b"] * 3 + ["c", "d", None]))
    assert tally.top(9) == [("a", 5), ("b", 3)]
    assert (tally.other, tally.total) == (3, 11)


def test_hosts() -> None:
    urls = pa.array(["https://User:pw@WWW.Example.org:8080/a?b", "http://e.org", "mailto:x", None])
    assert agg.hosts(urls).to_pylist() == ["www.example.org", "e.org", None, None]


PICTURES = [samples.image_record(samples.jpeg(1)), samples.image_record(samples.png(2))]
DOCUMENTS = samples.documents_table(
    [
        samples.document(n, [samples.text("one two, three's")] * n + [samples.shown(PICTURES[0])] * (n % 3),
                         language=None if n == 4 else "de", source="pdf" if n % 2 else "html", consent=None)
        for n in range(7)
    ]
)  # fmt: skip


def test_documents_and_images_are_counted() -> None:
    found = Aggregates()
    found.add(DOCUMENTS)
    found.add(samples.images_table(PICTURES))
    assert (found.documents, found.words.sum) == (7, 3 * 21)
    assert found.images_per_document.small == {0: 3, 1: 2, 2: 2}
    assert found.languages.counts == {"de": 6, "unknown": 1}
    assert found.sources.counts == {"html": 4, "pdf": 3}
    assert found.domains.top(3) == [("site0.example", 3), ("site1.example", 2), ("site2.example", 2)]
    assert (found.images, found.image_bytes) == (2, sum(p.size for p in PICTURES))
    assert found.formats.counts == {"jpeg": 1, "png": 1}
    assert found.widths.small == found.widths.small.__class__()
    assert found.widths.total == 2
    assert found.first_crawl == found.last_crawl


def test_a_release_gives_the_numbers_of_its_documents() -> None:
    facts = {p.id: mint_layout.ImageFacts(p.format, p.size, p.width, p.height) for p in PICTURES}
    rows = [mint_layout.parquet_row(d, mint_layout.entries(d, facts)) for d in DOCUMENTS.to_pylist()]
    released, direct = Aggregates(), Aggregates()
    released.add(mint_layout.parquet_table(rows))
    direct.add(DOCUMENTS)
    for name in ("words", "images_per_document"):
        assert vars(getattr(released, name)) == vars(getattr(direct, name))
    for name in ("sources", "languages", "licenses", "robots", "domains"):
        assert getattr(released, name).counts == getattr(direct, name).counts
    assert released.images == 6
    assert released.image_bytes == 6 * PICTURES[0].size


@pytest.mark.parametrize("cut", range(8))
def test_any_split_gives_the_same_numbers(cut: int) -> None:
    whole, one, two = Aggregates(), Aggregates(), Aggregates()
    whole.add(DOCUMENTS)
    two.add(DOCUMENTS.slice(0, cut))
    one.add(DOCUMENTS.slice(cut))
    one.merge(two)
    assert one.words.small == whole.words.small
    assert one.domains.counts == whole.domains.counts
    assert (one.documents, one.first_crawl) == (whole.documents, whole.first_crawl)


def test_other_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="neither documents"):
        Aggregates().add(pa.table({"x": [1]}))
