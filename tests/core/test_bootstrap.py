import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.bootstrap import by_group, estimates


def mean(total: np.ndarray) -> np.ndarray:
    return total[..., :1] / total[..., 1:]


def interval(groups: list[str], values: np.ndarray, **options: float) -> tuple[float, float, float]:
    sums = by_group(groups, np.stack([values, np.ones(len(values))], axis=1))
    (found,) = estimates(sums, mean, **{"seed": 0, **options})  # type: ignore[arg-type]
    assert found.low is not None and found.high is not None
    return found.value, found.low, found.high


def test_sums_are_by_group_in_sorted_order() -> None:
    sums = by_group(["b", "a", "b"], np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]))
    assert sums.tolist() == [[2, 20], [4, 40]]


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for trial in range(300):
        values = rng.exponential(size=80)  # mean 1
        _, low, high = interval([str(n) for n in range(80)], values, seed=trial, resamples=400)
        covered += low <= 1 <= high
    # 95 % of 300 is 285; percentile intervals of a skewed mean are a little short: four deviations below 93 %
    assert 261 <= covered < 300


def test_near_duplicates_do_not_make_a_figure_surer() -> None:
    rng = np.random.default_rng(3)
    level = rng.normal(size=50)
    values = np.repeat(level, 20)
    clustered = interval([str(n) for n in np.repeat(np.arange(50), 20)], values)
    single = interval([str(n) for n in range(50)], level)
    by_row = interval([str(n) for n in range(1000)], values)
    assert clustered == pytest.approx(single, abs=1e-12)
    assert by_row[2] - by_row[1] < 0.4 * (clustered[2] - clustered[1])


def test_same_seed_same_interval_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).normal(size=40)
    groups = [str(n) for n in range(40)]
    first = interval(groups, values)
    assert interval(groups, values) == first
    assert interval(groups, values, seed=1) != first
    monkeypatch.setattr("components.core.bootstrap._DRAWN_AT_ONCE", 100)
    assert interval(groups, values) == pytest.approx(first, abs=1e-12)


def test_one_group_has_no_interval() -> None:
    (found,) = estimates(np.array([[6.0, 3.0]]), mean, seed=0)
    assert (found.value, found.low, found.high) == (2, None, None)


def test_resamples_without_anything_counted_are_left_out() -> None:
    # one of five groups has the score: a third of the resamples don't draw it
    sums = np.array([[0.0, 0.0]] * 4 + [[1.5, 3.0]])
    with np.errstate(invalid="ignore"):
        (found,) = estimates(sums, mean, seed=0)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 1)), min_size=2, max_size=30), st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str, float]], random) -> None:
    def found(given: list[tuple[str, float]]):
        sums = by_group([group for group, _ in given], np.array([[value, 1.0] for _, value in given]))
        (one,) = estimates(sums, mean, seed=5, resamples=100)
        return [end for end in (one.value, one.low, one.high) if end is not None]

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert found(shuffled) == pytest.approx(found(rows), abs=1e-9)
