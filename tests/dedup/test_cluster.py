import random
import resource
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.errors import ConfigurationError
from components.dedup.params import DedupParams
from tests.dedup.samples import documents, run_cluster

Place = tuple[int, int]
Edge = tuple[int, Place, Place]
Known = tuple[Place, int, str, str]
URL, EXACT, NEAR = -2, -1, 0
SHARDS = 4
ROWS = 12


def edge_table(edges: list[Edge]) -> pa.Table:
    rows = [
        {"band": band, "shard_a": a[0], "row_a": a[1], "shard_b": b[0], "row_b": b[1]} for band, a, b in edges
    ]
    return pa.Table.from_pylist(rows, schema=schemas.get("dedup_edges/1"))


def known_table(known: Sequence[Known]) -> pa.Table:
    rows = [
        {"shard": place[0], "row": place[1], "band": band, "id": name, "run": run}
        for place, band, name, run in known
    ]
    return pa.Table.from_pylist(rows, schema=schemas.get("known_matches/1"))


def shards(count: int = SHARDS) -> list[pa.Table]:
    return [documents(*[""] * ROWS, first=ROWS * shard) for shard in range(count)]


def cluster(
    edges: list[Edge], known: Sequence[Known] = (), parts: int = 1, spans: int = 1
) -> dict[Place, tuple[Place | tuple[str, str], str]]:
    """Duplicate → what is kept instead of it, and why."""
    tables = run_cluster(
        shards(),
        [edge_table(edges[part::parts]) for part in range(parts)],
        [known_table(known[part::parts]) for part in range(parts)],
        DedupParams(cluster_spans=spans),
    )
    found = {}
    for line in pa.concat_tables(tables).to_pylist():
        assert int(line["id"], 16) == line["shard"] * ROWS + line["row"]
        kept = (
            (line["duplicate_of"], line["run"])
            if line["run"]
            else divmod(int(line["duplicate_of"], 16), ROWS)
        )
        found[line["shard"], line["row"]] = kept, line["reason"]
    assert list(found) == sorted(found)
    return found


def test_chain_is_one_cluster_and_its_earliest_is_kept() -> None:
    edges = [(NEAR, (1, 0), (1, 1)), (NEAR, (0, 9), (1, 1)), (NEAR, (1, 0), (2, 0))]
    assert cluster(edges) == dict.fromkeys([(1, 0), (1, 1), (2, 0)], ((0, 9), "near_text"))


def test_exact_means_that_an_earlier_document_has_the_same_text() -> None:
    edges = [(EXACT, (0, 1), (0, 2)), (NEAR, (0, 1), (0, 2)), (NEAR, (0, 0), (0, 1))]
    assert cluster(edges) == {(0, 1): ((0, 0), "near_text"), (0, 2): ((0, 0), "exact_text")}


def test_rows_are_numbers_not_words() -> None:
    assert cluster([(EXACT, (0, 9), (0, 10)), (EXACT, (2, 0), (3, 0))]) == {
        (0, 10): ((0, 9), "exact_text"),
        (3, 0): ((2, 0), "exact_text"),
    }


def test_capture_of_the_same_address_goes_and_takes_no_text_with_it() -> None:
    """(0, 1) is the older capture of (0, 0)'s page; (0, 2) has its text, and must not be lost with it."""
    edges = [(URL, (0, 0), (0, 1)), (NEAR, (0, 1), (0, 2)), (EXACT, (0, 2), (0, 3))]
    assert cluster(edges) == {
        (0, 1): ((0, 0), "same_url"),
        (0, 3): ((0, 2), "exact_text"),
    }


def test_latest_capture_is_kept_and_stands_for_its_text() -> None:
    edges = [(URL, (3, 0), (0, 0)), (EXACT, (0, 0), (3, 0))]
    assert cluster(edges) == {(0, 0): ((3, 0), "same_url")}


def test_released_text_stands_for_the_whole_cluster() -> None:
    edges = [(NEAR, (0, 0), (1, 0)), (EXACT, (1, 0), (1, 1)), (NEAR, (2, 0), (2, 1))]
    known = [((1, 0), NEAR, "z", "run-1"), ((1, 0), EXACT, "m", "run-2"), ((1, 0), NEAR, "a", "run-1")]
    assert cluster(edges, known) == {
        (0, 0): (("m", "run-2"), "near_text"),
        (1, 0): (("m", "run-2"), "exact_text"),
        (1, 1): (("m", "run-2"), "exact_text"),
        (2, 1): ((2, 0), "near_text"),
    }


def test_released_address_drops_that_document_alone() -> None:
    edges = [(NEAR, (0, 0), (1, 0)), (NEAR, (0, 0), (1, 1)), (URL, (0, 0), (2, 2))]
    known = [((0, 0), URL, "p", "run-1"), ((2, 2), URL, "p", "run-1"), ((3, 3), EXACT, "q", "run-1")]
    assert cluster(edges, known) == {
        (0, 0): (("p", "run-1"), "same_url"),
        (1, 1): ((1, 0), "near_text"),
        (2, 2): (("p", "run-1"), "same_url"),
        (3, 3): (("q", "run-1"), "exact_text"),
    }


def test_known_by_address_and_by_text_is_told_by_its_address() -> None:
    known = [((0, 5), NEAR, "text", "run-1"), ((0, 5), URL, "page", "run-2")]
    assert cluster([(NEAR, (0, 5), (0, 6))], known) == {
        (0, 5): (("page", "run-2"), "same_url"),
        (0, 6): (("text", "run-1"), "near_text"),
    }


def test_nothing_in_nothing_out() -> None:
    assert cluster([]) == {}
    assert run_cluster([], []) == []


@pytest.mark.parametrize(
    "edges",
    [
        [(NEAR, (0, ROWS), (0, ROWS + 1))],  # a row behind the last
        [(NEAR, (0, ROWS), (1, 0))],
        [(NEAR, (5, 0), (0, 1)), (URL, (5, 0), (0, 0))],  # a shard behind the last
    ],
)
def test_documents_that_are_not_those_of_the_keys_are_refused(edges: list[Edge]) -> None:
    with pytest.raises(ConfigurationError, match="the dataset that dedup_keys read"):
        cluster(edges)


def test_scratch_files_that_do_not_fit_are_refused() -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        with pytest.raises(ConfigurationError, match=r"scratch file of 52 bytes.*Set TMPDIR"):
            cluster([(NEAR, (1, 0), (1, 1)), (NEAR, (0, 9), (1, 1)), (NEAR, (0, 0), (0, 10))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def by_definition(edges: list[Edge], known: list[Known]) -> dict:
    places = {p for _, a, b in edges for p in (a, b)} | {k[0] for k in known}
    url = {b: a for band, a, b in edges if band == URL}
    released_url: dict[Place, tuple[str, str]] = {}
    released: dict[Place, tuple[int, str, str]] = {}
    for place, band, name, run in known:
        if band == URL:
            released_url[place] = min(released_url.get(place, (run, name)), (run, name))
        else:
            found = (min(band, 0), run, name)
            released[place] = min(released.get(place, found), found)
    least = {p: p for p in places}
    for _ in places:
        for band, a, b in edges:
            if band != URL:
                least[a] = least[b] = min(least[a], least[b])
    result = {}
    for place in places:
        same = sorted(p for p in places if least[p] == least[place])
        texts = [p for p in same if p in released]
        left = [p for p in same if p not in url and p not in released_url]
        exact = any(band == EXACT and b == place for band, _, b in edges)
        if place in released_url:
            run, name = released_url[place]
            result[place] = (name, run), "same_url"
        elif place in url:
            result[place] = url[place], "same_url"
        elif texts:
            _, run, name = released.get(place, released[texts[0]])
            exact |= released.get(place, (0,))[0] == EXACT
            result[place] = (name, run), "exact_text" if exact else "near_text"
        elif place != left[0]:
            result[place] = left[0], "exact_text" if exact else "near_text"
    return dict(sorted(result.items()))


PLACES = st.tuples(st.integers(0, SHARDS - 1), st.integers(0, ROWS - 1))
TEXT_EDGES = st.tuples(st.sampled_from([EXACT, NEAR, 3]), PLACES, PLACES).map(
    lambda e: (e[0], *sorted(e[1:]))
)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Edge], list[Known]]:
    edges = draw(st.lists(TEXT_EDGES, max_size=25))
    # groups of one address have no document in common, and each has one that is kept
    pages = draw(st.lists(PLACES, unique=True, max_size=12))
    for group in (pages[:3], pages[3:5], pages[5:]):
        edges += [(URL, group[0], other) for other in group[1:]]
    name = st.sampled_from(["a", "b"])
    known = draw(st.lists(st.tuples(PLACES, st.sampled_from([URL, EXACT, NEAR, 2]), name, name), max_size=4))
    return [e for e in edges if e[1] != e[2]], known


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 5), st.integers(1, 5), st.randoms(use_true_random=False))
def test_clusters_are_those_of_the_definition_however_cut(
    graph: tuple[list[Edge], list[Known]], parts: int, spans: int, rng: random.Random
) -> None:
    edges, known = graph
    expected = by_definition(edges, known)
    assert cluster(edges, known) == expected
    rng.shuffle(edges)
    assert cluster(edges, known, parts, spans) == expected
