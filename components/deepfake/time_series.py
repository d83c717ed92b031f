"""Numeric helpers for series of measurements over time, without SciPy."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]

_REACH: Final = 4
"""Standard deviations at which a Gaussian window ends."""


def smooth(values: Series, deviation: float) -> Series:
    """Gaussian moving mean along the first axis; the ends are mirrored.

    Args:
        values: (n, ...).
        deviation: of the window, in steps.
    """
    reach = max(1, round(_REACH * deviation))
    steps = np.arange(-reach, reach + 1)
    window = np.exp(-0.5 * (steps / deviation) ** 2)
    window /= window.sum()
    ends = [(reach, reach)] + [(0, 0)] * (values.ndim - 1)
    padded = np.pad(values, ends, "reflect" if len(values) > reach else "edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, len(window), axis=0)
    return np.asarray(views @ window, np.float64)


def detrend(values: Series, deviation: float) -> Series:
    """What is left of a series after its Gaussian moving mean is taken off."""
    return values - smooth(values, deviation)


def standard(values: Series) -> Series:
    """Zero mean and unit deviation along the first axis; zeros where nothing varies."""
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9))


def correlation(first: Series, second: Series) -> float:
    """Pearson's r of two series of one length; 0 where one does not vary."""
    return float((standard(first) * standard(second)).mean())


def lagged_correlations(first: Series, second: Series, most: int) -> Series:
    """Pearson's r of `first[t + lag]` with `second[t]` over their overlap, for lags -most to most.

    A positive lag of the maximum: the first series is late. The correlation of each overlap is
    normalised by itself.

    Returns:
        (2 * most + 1,) from -1 to 1.
    """
    n = len(first)
    return np.array(
        [
            correlation(first[lag:], second[: n - lag])
            if lag >= 0
            else correlation(first[:lag], second[-lag:])
            for lag in range(-most, most + 1)
        ]
    )


def even_grid(seconds: Series, rate: float) -> Series:
    """Times `1 / rate` apart from the first to the last of `seconds`."""
    return np.asarray(seconds[0] + np.arange(int((seconds[-1] - seconds[0]) * rate + 1e-6) + 1) / rate)


def resample(seconds: Series, values: Series, grid: Series) -> Series:
    """Linear interpolation of columns.

    Args:
        seconds: (n,) rising.
        values: (n,) or (n, k).
        grid: (m,) times.

    Returns:
        (m,) or (m, k).
    """
    if values.ndim == 1:
        return np.interp(grid, seconds, values)
    return np.stack([np.interp(grid, seconds, column) for column in values.T], axis=1)


def power_spectrum(values: Series, rate: float, resolution: float = 0.01) -> tuple[Series, Series]:
    """Periodogram under a Hann window, padded with zeros to a fine grid of frequencies.

    Args:
        values: (n,).
        rate: samples a second.
        resolution: Hz between two frequencies; what the length can resolve is 1 / duration.

    Returns:
        Frequencies in Hz and power, from 0 to half the rate.
    """
    size = max(len(values), round(rate / resolution))
    spectrum = np.fft.rfft((values - values.mean()) * np.hanning(len(values)), size)
    return np.asarray(np.fft.rfftfreq(size, 1 / rate), np.float64), np.asarray(np.abs(spectrum) ** 2)


def band_pass(values: Series, rate: float, low: float, high: float) -> Series:
    """The part of a series between two frequencies in Hz, by its Fourier coefficients; zero mean."""
    spectrum = np.fft.rfft(values - values.mean())
    frequencies = np.fft.rfftfreq(len(values), 1 / rate)
    spectrum[(frequencies < low) | (frequencies > high)] = 0
    return np.fft.irfft(spectrum, len(values))


def moving_median(values: Series, reach: int) -> Series:
    """Median of each value and up to `reach` neighbours to either side, along the first axis."""
    return np.stack(
        [np.median(values[max(0, at - reach) : at + reach + 1], axis=0) for at in range(len(values))]
    )
