import datetime
import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.stage import Output
from components.dedup.match import MatchStage
from components.dedup.params import DedupParams
from tests.dedup.samples import empty, port, run

# a document has one key in a band
ROWS = st.dictionaries(
    st.tuples(st.integers(-2, 2), st.integers(0, 2), st.integers(0, 3)), st.integers(0, 3), max_size=40
).map(lambda keys: {(band, key, shard, row) for (band, shard, row), key in keys.items()})
Place = tuple[int, int]


def time(day: int | None) -> datetime.datetime | None:
    return day and datetime.datetime(2026, 1, day, tzinfo=datetime.UTC)


def matched(
    rows: list[tuple[int, ...]], known: Sequence[tuple[int, int, str, str]] = (), **params: object
) -> Output:
    """Keys are (band, key, shard, row[, day]), known keys (band, key, id, run)."""
    names = ("band", "key", "shard", "row")
    keys = [
        dict(zip(names, row, strict=False), time=time(*row[4:]))
        if row[4:]
        else dict(zip(names, row, strict=True))
        for row in rows
    ]
    return run(
        MatchStage(DedupParams(**params)),  # type: ignore[arg-type]
        keys=pa.Table.from_pylist(keys, schema=schemas.get("dedup_keys/1")),
        paragraphs=empty("paragraph_keys/1"),
        known=pa.Table.from_pylist(
            [dict(zip(("band", "key", "id", "run"), row, strict=True)) for row in known],
            schema=schemas.get("known_keys/1"),
        ),
    )


def edges(rows: list[tuple[int, ...]], **params: object) -> list[tuple[int, Place, Place]]:
    table = port(matched(rows, **params), "edges")
    schemas.check(table.schema, "dedup_edges/1", producer="dedup_match", consumer="test")
    return [(e["band"], (e["shard_a"], e["row_a"]), (e["shard_b"], e["row_b"])) for e in table.to_pylist()]


def test_group_becomes_a_star_on_its_earliest() -> None:
    found = edges([(0, 9, 1, 0), (0, 9, 0, 5), (0, 9, 2, 2), (1, 9, 0, 1), (0, 8, 0, 2)])
    assert found == [(0, (0, 5), (1, 0)), (0, (0, 5), (2, 2))]


def test_pair_in_many_bands_is_one_edge_and_an_exact_one_goes_first() -> None:
    assert edges([(band, 7, 0, row) for band in (0, 1, 2) for row in (3, 4)]) == [(0, (0, 3), (0, 4))]
    rows = [(band, 7, 0, row) for band in (2, -1, 0) for row in (3, 4)]
    assert edges(rows) == [(-1, (0, 3), (0, 4))]


@pytest.mark.parametrize(
    ("keep", "days", "kept"),
    [
        ("earliest", (3, 2, 5), 1),
        ("latest", (3, 2, 5), 2),
        ("earliest", (None, 2, None), 1),
        ("latest", (None, 2, None), 1),
        ("latest", (4, 4, 4), 0),
        ("earliest", (None, None, None), 0),
    ],
)
def test_captures_of_one_address(keep: str, days: tuple[int | None, ...], kept: int) -> None:
    rows = [(-2, 7, 0, row, day) if day else (-2, 7, 0, row) for row, day in enumerate(days)]
    found = edges(rows, keep=keep)
    assert [(band, a, b[1]) for band, a, b in found] == [
        (-2, (0, kept), row) for row in range(3) if row != kept
    ]


def test_same_address_links_no_texts() -> None:
    rows = [(-2, 7, 0, 0), (-2, 7, 0, 1), (0, 7, 0, 0), (0, 7, 0, 1)]
    assert edges(rows) == [(-2, (0, 0), (0, 1)), (0, (0, 0), (0, 1))]


def test_nothing_in_nothing_out() -> None:
    out = matched([])
    assert [port(out, name).num_rows for name in MatchStage.produces] == [0, 0, 0]


def linked(pairs: list[tuple[Place, Place]]) -> dict[Place, Place]:
    """The least place each place can reach."""
    least = {place: place for pair in pairs for place in pair}
    changed = True
    while changed:
        changed = False
        for a, b in pairs:
            low = min(least[a], least[b])
            changed |= least[a] != low or least[b] != low
            least[a] = least[b] = low
    return least


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_edges_join_what_all_pairs_would_in_any_order(rows, rng: random.Random) -> None:
    stars = set()
    for band, key, shard, row in rows:
        group = sorted((s, r) for b, k, s, r in rows if (b, k) == (band, key))
        if group[0] != (shard, row):
            stars.add((band, group[0], (shard, row)))
    shuffled = sorted(rows)
    rng.shuffle(shuffled)
    found = edges(shuffled)
    assert set(found) <= stars
    assert found == sorted(set(found)) == edges(sorted(rows))
    # exact ones and addresses are all there; of the others, as many as it takes
    assert [e for e in found if e[0] < 0] == sorted(e for e in stars if e[0] < 0)
    text = [(a, b) for band, a, b in found if band > -2]
    least = linked([(a, b) for band, a, b in stars if band > -2])
    assert linked(text) == least
    assert len(text) == len(least) - len(set(least.values()))


def test_known_keys_find_the_released_document() -> None:
    rows = [(-1, 5, 0, 0), (3, 6, 0, 0), (3, 6, 0, 1), (2, 5, 0, 2), (-2, 8, 1, 0), (0, 9, 1, 0)]
    known = [
        (3, 6, "late", "run-2"),
        (3, 6, "b", "run-1"),
        (3, 6, "a", "run-1"),
        (-1, 5, "same", "run-9"),
        (-2, 8, "page", "run-1"),
        (0, 9, "like", "run-1"),
        (1, 5, "other band", "run-1"),
    ]
    found = port(matched(rows, known), "known_matches").to_pylist()
    assert [(m["shard"], m["row"], m["band"], m["id"], m["run"]) for m in found] == [
        (0, 0, -1, "same", "run-9"),
        (0, 1, 3, "a", "run-1"),
        (1, 0, -2, "page", "run-1"),
        (1, 0, 0, "like", "run-1"),
    ]


@settings(deadline=None)
@given(ROWS, ROWS)
def test_known_matches_are_those_of_the_definition(rows, released) -> None:
    known = [(b, k, f"{s}", f"{r}") for b, k, s, r in sorted(released)]
    expected = {}
    for band, key, shard, row in rows:
        for released_band, released_key, name, run_name in known:
            if (band, key) == (released_band, released_key):
                found = (min(band, 0), run_name, name)
                place = (shard, row, band > -2)
                expected[place] = min(expected.get(place, found), found)
    result = port(matched(sorted(rows), known), "known_matches").to_pylist()
    assert {
        (m["shard"], m["row"], m["band"] > -2): (min(m["band"], 0), m["run"], m["id"]) for m in result
    } == expected
    assert len(result) == len(expected)


def test_keys_of_all_sizes() -> None:
    """Keys are unsigned; half of them are above the largest signed number."""
    high = int(np.iinfo(np.uint64).max)
    assert edges([(0, high, 0, 0), (0, high - 1, 0, 1), (0, high, 3, 2**31 - 1)]) == [
        (0, (0, 0), (3, 2**31 - 1))
    ]
