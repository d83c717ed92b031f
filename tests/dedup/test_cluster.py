import random

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.dedup.cluster import ClusterStage, components
from components.dedup.params import DedupParams
from tests.dedup.samples import first_port, run

Place = tuple[int, int]


def cluster(edges: list[tuple[bool, Place, Place]]) -> list[tuple[int, str, str, bool]]:
    rows = [
        {
            "exact": exact,
            "shard_a": a[0],
            "row_a": a[1],
            "id_a": f"{a[0]}.{a[1]}",
            "shard_b": b[0],
            "row_b": b[1],
            "id_b": f"{b[0]}.{b[1]}",
        }
        for exact, a, b in edges
    ]
    table = pa.Table.from_pylist(rows, schema=schemas.get("dedup_edges/1"))
    result = first_port(run(ClusterStage(DedupParams()), edges=table))
    schemas.check(result.schema, "duplicates/1", producer="dedup_cluster", consumer="test")
    return [(r["shard"], r["id"], r["duplicate_of"], r["exact"]) for r in result.to_pylist()]


def test_chain_is_one_cluster_and_its_earliest_is_kept() -> None:
    edges = [(False, (1, 0), (1, 1)), (False, (0, 9), (1, 1)), (False, (1, 0), (2, 0))]
    assert cluster(edges) == [
        (1, "1.0", "0.9", False),
        (1, "1.1", "0.9", False),
        (2, "2.0", "0.9", False),
    ]


def test_exact_means_that_an_earlier_document_has_the_same_text() -> None:
    edges = [(True, (0, 1), (0, 2)), (False, (0, 1), (0, 2)), (False, (0, 0), (0, 1))]
    assert cluster(edges) == [(0, "0.1", "0.0", False), (0, "0.2", "0.0", True)]


def test_rows_are_numbers_not_words() -> None:
    assert cluster([(True, (0, 9), (0, 10)), (True, (2, 0), (10, 0))]) == [
        (0, "0.10", "0.9", True),
        (10, "10.0", "2.0", True),
    ]


def test_nothing_in_nothing_out() -> None:
    assert cluster([]) == []


def least_reachable(count: int, edges: list[tuple[int, int]]) -> list[int]:
    near: list[set[int]] = [set() for _ in range(count)]
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    least = []
    for node in range(count):
        seen, todo = {node}, [node]
        while todo:
            fresh = near[todo.pop()] - seen
            seen |= fresh
            todo += fresh
        least.append(min(seen))
    return least


def graphs(count: int) -> st.SearchStrategy[tuple[int, list[tuple[int, int]]]]:
    node = st.integers(0, count - 1)
    return st.tuples(st.just(count), st.lists(st.tuples(node, node)))


@settings(deadline=None)
@given(st.integers(1, 30).flatmap(graphs))
def test_components_are_those_of_a_search(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    ends = np.array([sorted(e) for e in edges], np.int64).reshape(-1, 2)
    assert components(count, ends[:, 0], ends[:, 1]).tolist() == least_reachable(count, edges)


def test_long_chain_in_random_order() -> None:
    """A path of 100,000 documents: many rounds would never end, deep recursion would overflow."""
    nodes = list(range(100_000))
    random.Random(5).shuffle(nodes)
    chain = np.array(nodes, np.int64)
    early, late = np.minimum(chain[1:], chain[:-1]), np.maximum(chain[1:], chain[:-1])
    assert not components(len(nodes), early, late).any()
