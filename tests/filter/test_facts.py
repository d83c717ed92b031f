import numpy as np
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.errors import ConfigurationError
from components.filter.facts import score_columns, score_maps
from tests.filter.samples import text_facts

SCORES = schemas.SCORES


def column(*rows: dict[str, float] | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array([row and list(row.items()) for row in rows], SCORES)], SCORES)


def test_scores_go_to_maps_and_back() -> None:
    scores = {"words": np.array([1.0, 2.0]), "images": np.array([0.0, 3.0])}
    maps = score_maps(column(None, {}), scores)
    assert [list(dict(row)) for row in maps.to_pylist()] == [["words", "images"]] * 2
    back = score_columns(pa.chunked_array([maps]))
    assert {name: values.tolist() for name, values in back.items()} == {"words": [1, 2], "images": [0, 3]}


def test_earlier_scores_stay_where_they_were() -> None:
    before = column({"safety": 0.5, "words": 9.0}, None, {"age": 1.0})
    maps = score_maps(before, {"words": np.array([1.0, 2.0, 3.0])})
    assert [dict(row) for row in maps.to_pylist()] == [
        {"words": 1, "safety": 0.5},
        {"words": 2},
        {"words": 3, "age": 1},
    ]


def test_scores_of_a_slice() -> None:
    chunks = pa.chunked_array([column({"a": 1.0}, {"a": 2.0}).chunk(0).slice(1), column({"b": 3.0}).chunk(0)])
    found = score_columns(chunks)
    assert found["a"][0] == 2
    assert np.isnan(found["a"][1])
    assert found["b"][1] == 3


def test_no_documents() -> None:
    assert score_columns(pa.chunked_array([], SCORES)) == {}
    assert len(score_maps(pa.chunked_array([], SCORES), {"words": np.zeros(0)})) == 0


def test_a_score_that_nobody_made_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="'perplexity'"):
        text_facts("A text.").documents.scores["perplexity"]


def test_same_lines_have_one_number_in_the_whole_shard() -> None:
    lines = text_facts("a\nb\na", "b\na").lines
    assert lines["same_as"].tolist() == [0, 1, 0, 3, 4]


def test_cited_lines_are_seen_once() -> None:
    with_them, without = (text_facts("one[1]\ntwo", without_citations=cut).lines for cut in (False, True))
    assert (with_them["characters"].tolist(), without["characters"].tolist()) == ([6, 3], [3, 3])
