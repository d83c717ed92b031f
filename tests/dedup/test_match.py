import random

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from components.core import schemas
from components.dedup.match import MatchStage
from components.dedup.params import DedupParams
from tests.dedup.samples import first_port, run

ROWS = st.sets(
    st.tuples(st.integers(-1, 2), st.integers(0, 3), st.integers(0, 2), st.integers(0, 3)), max_size=40
)


def keys(rows: list[tuple[int, int, int, int]]) -> pa.Table:
    schema = schemas.get("dedup_keys/1")
    return pa.Table.from_pylist(
        [{"band": b, "key": k, "shard": s, "row": r, "id": f"{s}.{r}"} for b, k, s, r in rows], schema=schema
    )


def match(rows: list[tuple[int, int, int, int]]) -> pa.Table:
    edges = first_port(run(MatchStage(DedupParams()), keys=keys(rows)))
    schemas.check(edges.schema, "dedup_edges/1", producer="dedup_match", consumer="test")
    return edges


def test_group_becomes_a_star_on_its_earliest() -> None:
    edges = match([(0, 9, 1, 0), (0, 9, 0, 5), (0, 9, 2, 2), (1, 9, 0, 1), (0, 8, 0, 2)]).to_pylist()
    assert [(e["exact"], e["id_a"], e["id_b"]) for e in edges] == [
        (False, "0.5", "1.0"),
        (False, "0.5", "2.2"),
    ]


def test_pair_in_many_bands_is_one_edge_and_exact_is_another() -> None:
    rows = [(band, 7, 0, row) for band in (-1, 0, 1, 2) for row in (3, 4)]
    edges = match(rows).to_pylist()
    assert [(e["exact"], e["row_a"], e["row_b"]) for e in edges] == [(False, 3, 4), (True, 3, 4)]


def test_nothing_in_nothing_out() -> None:
    assert match([]).num_rows == 0


@given(ROWS, st.randoms(use_true_random=False))
def test_edges_are_those_of_the_definition_in_any_order(rows, rng: random.Random) -> None:
    expected = set()
    for band, key, shard, row in rows:
        group = sorted((s, r) for b, k, s, r in rows if (b, k) == (band, key))
        if group[0] != (shard, row):
            expected.add((band == -1, *group[0], shard, row))
    shuffled = sorted(rows)
    rng.shuffle(shuffled)
    edges = match(shuffled).to_pylist()
    names = ("exact", "shard_a", "row_a", "shard_b", "row_b")
    assert [tuple(e[n] for n in names) for e in edges] == sorted(expected)
    assert all(e["id_a"] == f"{e['shard_a']}.{e['row_a']}" for e in edges)
    assert all(e["id_b"] == f"{e['shard_b']}.{e['row_b']}" for e in edges)
