import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.time_series import (
    band_pass,
    correlation,
    detrend,
    even_grid,
    lagged_correlations,
    moving_median,
    power_spectrum,
    resample,
    smooth,
    standard,
)


def test_a_constant_stays_and_a_trend_goes() -> None:
    assert smooth(np.full(30, 2.5), 3) == pytest.approx(np.full(30, 2.5))
    ramp = np.arange(200, dtype=float)
    assert detrend(ramp, 4)[20:-20] == pytest.approx(np.zeros(160), abs=1e-9)
    assert smooth(np.zeros((40, 3, 2)), 2).shape == (40, 3, 2)
    assert smooth(np.array([1.0, 2.0]), 5).shape == (2,)


@given(st.integers(-8, 8))
def test_the_lag_of_a_late_series_is_positive(late: int) -> None:
    whole = np.random.Generator(np.random.PCG64(5)).normal(size=120)
    sound = whole[20:100]
    mouth = whole[20 - late : 100 - late]
    found = lagged_correlations(mouth, sound, 10)
    assert int(np.argmax(found)) - 10 == late
    assert found.max() == pytest.approx(1)


def test_correlation_is_that_of_numpy_and_zero_for_a_constant() -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    first, second = rng.normal(size=(2, 50))
    assert correlation(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert correlation(first, np.ones(50)) == 0
    assert standard(np.ones((5, 2))).tolist() == np.zeros((5, 2)).tolist()


def test_a_tone_is_found_passed_and_stopped() -> None:
    times = np.arange(250) / 25
    tone = np.sin(2 * np.pi * 1.3 * times)
    frequencies, power = power_spectrum(tone, 25)
    assert frequencies[np.argmax(power)] == pytest.approx(1.3, abs=0.02)
    assert band_pass(tone, 25, 0.7, 3) == pytest.approx(tone, abs=1e-6)
    assert band_pass(tone, 25, 2, 3) == pytest.approx(np.zeros(250), abs=1e-6)


def test_uneven_times_are_put_on_a_grid() -> None:
    uneven = np.array([0.0, 0.1, 0.15, 0.4])
    grid = even_grid(uneven, 10)
    assert grid == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert resample(uneven, 2 * uneven, grid) == pytest.approx(2 * grid)
    assert resample(uneven, np.stack([uneven, -uneven], axis=1), grid)[:, 1] == pytest.approx(-grid)


def test_a_moving_median_ignores_a_dip() -> None:
    values = np.ones((21, 2))
    values[10] = 0
    assert moving_median(values, 3).tolist() == np.ones((21, 2)).tolist()
