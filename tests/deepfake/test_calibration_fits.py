import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from components.deepfake.calibration_fits import isotonic, platt, temperature


def logistic(
    slope: float, shift: float, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores and labels whose probability is a sigmoid of slope * score + shift."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(scale=2, size=count)
    labels = (rng.random(count) < 1 / (1 + np.exp(-(slope * scores + shift)))).astype(float)
    return scores, labels, np.ones(count)


def test_platt_finds_the_sigmoid_and_agrees_with_scikit_learn() -> None:
    scores, labels, weights = logistic(0.5, -1.0, 4000)
    knots, values = platt(scores, labels, weights)
    at = np.linspace(-4, 4, 9)
    found = np.interp(at, knots, values)
    assert found == pytest.approx(1 / (1 + np.exp(-(0.5 * at - 1))), abs=0.04)
    model = LogisticRegression(C=1e6, tol=1e-10).fit(scores[:, None], labels)
    # smoothed targets and straight pieces make the rest
    assert found == pytest.approx(model.predict_proba(at[:, None])[:, 1], abs=2e-3)


def test_weights_carry_the_prior() -> None:
    scores, labels, _ = logistic(0.8, -2.0, 3000)
    share = labels.mean()
    weights = np.where(labels > 0, 0.5 / share, 0.5 / (1 - share))
    knots, values = platt(scores, labels, weights)
    assert weights @ np.interp(scores, knots, values) / weights.sum() == pytest.approx(0.5, abs=5e-3)


def test_platt_survives_perfect_separation_and_huge_scores() -> None:
    scores = np.array([-900.0, -800, 700, 1000])
    knots, values = platt(scores, np.array([0.0, 0, 1, 1]), np.ones(4))
    found = np.interp(scores, knots, values)
    assert np.isfinite(found).all()
    assert found[:2].max() < 0.5 < found[2:].min()
    assert (np.diff(knots) > 0).all()


def test_a_detector_below_chance_is_not_turned_around() -> None:
    scores, labels, weights = logistic(1.0, 0.0, 200)
    assert platt(-scores, labels, weights) is None
    assert temperature(-scores, labels, weights) is None
    assert isotonic(np.sort(scores)[::-1], np.sort(labels), weights) is None


def test_temperature_finds_the_temperature_and_leaves_zero_alone() -> None:
    scores, labels, weights = logistic(0.25, 0.0, 4000)
    knots, values = temperature(scores, labels, weights)
    assert np.interp(0.0, knots, values) == pytest.approx(0.5)
    assert np.interp(4.0, knots, values) == pytest.approx(1 / (1 + np.exp(-1)), abs=0.03)


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans(), st.integers(1, 3)), min_size=2, max_size=40))
def test_isotonic_agrees_with_scikit_learn(rows) -> None:
    scores, labels, weights = (np.array(column, float) for column in zip(*rows, strict=True))
    expected = IsotonicRegression().fit(scores, labels, sample_weight=weights).predict(scores)
    found = isotonic(scores, labels, weights)
    if found is None:
        assert np.ptp(expected) == pytest.approx(0)
    else:
        knots, values = found
        least = 1 / (len(scores) + 2)
        assert (np.diff(knots) > 0).all()
        assert np.interp(scores, knots, values) == pytest.approx(np.clip(expected, least, 1 - least))
