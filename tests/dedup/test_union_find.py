import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.dedup.union_find import join


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


def roots(up: np.ndarray) -> list[int]:
    found = []
    for node in range(len(up)):
        root = node
        while up[root]:
            root -= int(up[root])
        found.append(root)
    return found


def graphs(count: int) -> st.SearchStrategy[tuple[int, list[tuple[int, int]]]]:
    node = st.integers(0, count - 1)
    return st.tuples(st.just(count), st.lists(st.tuples(node, node)))


@settings(deadline=None)
@given(st.integers(1, 30).flatmap(graphs), st.sampled_from([np.int32, np.int64]))
def test_components_are_those_of_a_search(graph: tuple[int, list[tuple[int, int]]], kind: type) -> None:
    count, edges = graph
    ends = np.array(edges, np.int64).reshape(-1, 2)
    up, joined = np.zeros(count, kind), np.zeros(len(edges), np.bool_)
    join(up, ends[:, 0], ends[:, 1], joined)
    least = least_reachable(count, edges)
    assert roots(up) == least
    forest = [edge for edge, used in zip(edges, joined, strict=True) if used]
    assert least_reachable(count, forest) == least
    assert len(forest) == count - len(set(least))


def test_long_chain_in_random_order() -> None:
    """A path of 300,000 documents: what is quadratic would never end, deep recursion would overflow."""
    nodes = np.random.default_rng(5).permutation(300_000)
    up = np.zeros(len(nodes), np.int32)
    joined = np.zeros(len(nodes) - 1, np.bool_)
    join(up, nodes[1:], nodes[:-1], joined)
    assert joined.all()
    assert set(roots(up)[:: random.Random(1).randrange(50, 99)]) == {0}
