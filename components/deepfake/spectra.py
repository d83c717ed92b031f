"""Statistics of a crop in the frequency domain, of which each is named: no weights, no randomness.

Three published families and one check: the azimuthally averaged power spectrum (Durall et al., arXiv
1911.00686), variances of DCT coefficients of 8x8 blocks, statistics of high-pass residuals (filters of
the spatial rich model: Fridrich and Kodovsky, IEEE TIFS 7(3), 2012) by region of the face, and the
periodic traces of up-sampling (Gallagher, CRV 2005; the spectral peaks of arXiv 2003.01826).

An aligned face was resampled, which removes much of what up-sampling leaves in it; a patch was not.
"""

from __future__ import annotations

import functools
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.face_regions import REGIONS, WHOLE, regions
from components.deepfake.sample import Crop, Pixels

Doubles = npt.NDArray[np.float64]

BINS: Final = 64
"""Of the radial spectrum, from 0 to half a cycle a pixel."""
LEAST_SIDE: Final = 64
"""Pixels below which a crop has too few samples of its frequencies."""
PERIODS: Final = (2, 4, 8)
"""Pixels between the traces that up-sampling by powers of two leaves."""

_BLOCK: Final = 8
_FLOOR: Final = 1e-6
"""Added under a logarithm; luma runs from 0 to 255."""
_CUT: Final = 2
"""Residuals are rounded and truncated here, as in the spatial rich model."""

_FIRST: Final = np.array([[0, 0, 0], [0, -1, 1], [0, 0, 0]], np.float32)
_SECOND: Final = np.array([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]], np.float32) / np.float32(4)
_SQUARE: Final = np.array(
    [
        [-1, 2, -2, 2, -1],
        [2, -6, 8, -6, 2],
        [-2, 8, -12, 8, -2],
        [2, -6, 8, -6, 2],
        [-1, 2, -2, 2, -1],
    ],
    np.float32,
) / np.float32(12)
SRM: Final[dict[str, npt.NDArray[np.float32]]] = {"first": _FIRST, "square3": _SECOND, "square5": _SQUARE}
"""Filters of the spatial rich model: first order, SQUARE 3x3 and SQUARE 5x5 (its figure 1)."""

_STATISTICS: Final = (
    "log_std", "log_mean_abs", "log_kurtosis", "share_0", "share_1", "correlation_x", "correlation_y",
    "cooccurrence",
)  # fmt: skip


def luma(image: Pixels) -> npt.NDArray[np.float32]:
    """BT.601 luma of an RGB picture, (height, width), 0 to 255, not rounded."""
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    grey: npt.NDArray[np.float32] = image.astype(np.float32) @ weights
    return grey


def radial_spectrum(grey: npt.NDArray[np.float32]) -> Doubles:
    """Azimuthally averaged log power spectrum, (BINS,), of a picture under a Hann window.

    The power is divided by its sum, so that neither contrast nor brightness shows.

    Args:
        grey: (height, width), at least LEAST_SIDE each.
    """
    height, width = grey.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    bins, counts = _rings(height, width)
    total = np.bincount(bins.ravel(), power.ravel(), BINS + 1)[:BINS]
    mean = total / counts
    found: Doubles = np.log(mean / max(float(power.mean()), _FLOOR) + _FLOOR)
    return found


def dct_variances(grey: npt.NDArray[np.float32]) -> Doubles:
    """Log variances, (63,), of the AC coefficients of the DCT of 8x8 blocks, row by row."""
    rows, columns = (side // _BLOCK for side in grey.shape)
    cut = grey[: rows * _BLOCK, : columns * _BLOCK].astype(np.float64)
    blocks = cut.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2)
    basis = _dct_basis()
    coefficients = basis @ blocks @ basis.T
    variances = coefficients.reshape(-1, _BLOCK * _BLOCK).var(axis=0)
    found: Doubles = np.log(variances[1:] + _FLOOR)
    return found


def residual(grey: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """What a filter of SRM leaves of a picture, (height, width)."""
    found = cv2.filter2D(grey, cv2.CV_32F, SRM[name], borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(found, np.float32)


def residual_statistics(
    left: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], across: int = 1
) -> Doubles:
    """Eight statistics of a residual in a region, (8,); zeros where the region has under 64 pixels.

    In order: logarithms of standard deviation, mean magnitude and kurtosis; shares of the rounded,
    truncated residual that are 0 and +-1; correlation with the neighbour to the right and below; share
    of neighbours that are the same after truncation (the diagonal of the co-occurrence matrix).

    Args:
        left: residual, (height, width).
        mask: the region.
        across: pixels to the neighbour.
    """
    values = left[mask].astype(np.float64)
    if len(values) < 64:
        return np.zeros(len(_STATISTICS))
    centred = values - values.mean()
    variance = float((centred**2).mean())
    kurtosis = float((centred**4).mean()) / max(variance**2, _FLOOR)
    cut = np.clip(np.rint(left), -_CUT, _CUT)
    right = mask[:, :-across] & mask[:, across:]
    below = mask[:-across] & mask[across:]
    same = (cut[:, :-across] == cut[:, across:])[right]
    return np.array(
        [
            np.log(variance + _FLOOR) / 2,
            np.log(float(np.abs(values).mean()) + _FLOOR),
            np.log(kurtosis + _FLOOR) if variance > _FLOOR else 0.0,
            float((cut[mask] == 0).mean()),
            float((np.abs(cut[mask]) == 1).mean()),
            _correlation(left[:, :-across][right], left[:, across:][right]),
            _correlation(left[:-across][below], left[across:][below]),
            float(same.mean()) if len(same) else 0.0,
        ]
    )


def upsampling_peaks(grey: npt.NDArray[np.float32]) -> Doubles:
    """How far the traces of up-sampling stand out, (6,): about 0 where there are none.

    For every one of PERIODS: the log ratio of the residual's power at that frequency on both axes to
    the median around it; then the same of the magnitude of second differences averaged over rows and
    columns (interpolation makes their variance periodic).
    """
    high = grey - cv2.blur(grey, (3, 3))  # not a filter of SRM: they are blind on the axes
    spectrum = np.abs(np.fft.fft2(high - high.mean())) ** 2
    peaks = [_axis_peak(spectrum, period) for period in PERIODS]
    second_x = np.abs(np.diff(grey, 2, axis=1)).mean(axis=0)
    second_y = np.abs(np.diff(grey, 2, axis=0)).mean(axis=1)
    traces = [np.abs(np.fft.fft(line - line.mean())) ** 2 for line in (second_x, second_y)]
    periodic = [float(np.mean([_line_peak(trace, period) for trace in traces])) for period in PERIODS]
    return np.array([*peaks, *periodic])


def frequency_features(crop: Crop) -> Doubles:
    """All features of a crop, (n,): as many as `feature_names` has for a face or a patch.

    Raises:
        ValueError: for a crop smaller than LEAST_SIDE.
    """
    grey = luma(crop.image)
    if min(grey.shape) < LEAST_SIDE:
        raise ValueError(f"{grey.shape[1]} x {grey.shape[0]} pixels; at least {LEAST_SIDE} are needed")
    masks = regions(crop)
    statistics = []
    for name in SRM:
        left = residual(grey, name)
        statistics += [residual_statistics(left, mask) for mask in masks.values()]
    return np.concatenate([radial_spectrum(grey), dct_variances(grey), *statistics, upsampling_peaks(grey)])


@functools.cache
def feature_names(face: bool) -> tuple[str, ...]:
    """Names of `frequency_features` in order, of a crop with landmarks (face) or without (patch)."""
    places = REGIONS if face else WHOLE
    return (
        *(f"spectrum_{number:02d}" for number in range(BINS)),
        *(f"dct_{number // _BLOCK}{number % _BLOCK}" for number in range(1, _BLOCK * _BLOCK)),
        *(f"srm_{name}_{place}_{what}" for name in SRM for place in places for what in _STATISTICS),
        *(f"peak_{period}" for period in PERIODS),
        *(f"periodic_{period}" for period in PERIODS),
    )


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    if len(one) < 2:
        return 0.0
    a, b = one.astype(np.float64), other.astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a * a).mean() * (b * b).mean()))
    return float((a * b).mean()) / size if size > _FLOOR else 0.0


def _axis_peak(spectrum: Doubles, period: int) -> float:
    """Mean over both axes and two lines beside each, where a separable up-sampling leaves its trace."""
    near = [-1, 0, 1]
    lines = (spectrum[near].mean(axis=0), spectrum[:, near].mean(axis=1))
    return float(np.mean([_line_peak(line, period) for line in lines]))


def _line_peak(line: Doubles, period: int) -> float:
    """Log ratio of the power at a frequency to the median of up to 8 frequencies on either side.

    Mean over the harmonics that no trace of a shorter period has: the odd ones.
    """
    count = len(line)
    half = line[: count // 2 + 1]
    ratios = []
    for harmonic in range(1, max(period // 2, 2), 2):
        at = round(count * harmonic / period)
        around = np.concatenate([half[max(at - 9, 1) : at - 1], half[at + 2 : at + 10]])
        ratios.append(np.log((half[at - 1 : at + 2].max() + _FLOOR) / (np.median(around) + _FLOOR)))
    return float(np.mean(ratios))


@functools.cache
def _rings(height: int, width: int) -> tuple[npt.NDArray[np.int64], Doubles]:
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])
    bins = np.minimum((radius / 0.5 * BINS).astype(np.int64), BINS)
    counts = np.bincount(bins.ravel(), minlength=BINS + 1)[:BINS].astype(np.float64)
    return bins, np.maximum(counts, 1)


@functools.cache
def _dct_basis() -> Doubles:
    k, n = np.arange(_BLOCK)[:, None], np.arange(_BLOCK)[None, :]
    basis = np.sqrt(2 / _BLOCK) * np.cos(np.pi * (2 * n + 1) * k / (2 * _BLOCK))
    basis[0] /= np.sqrt(2)
    return basis
