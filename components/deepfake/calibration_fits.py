"""Maps from scores to probabilities fitted to labels: Platt, temperature, isotonic.

All are monotone, so that ranks stay; weights carry the share of forged ones that is to be expected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Knots = tuple[Floats, Floats]
"""Rising scores, and the probabilities there."""

_REACH: Final = 9.0
_PIECES: Final = 144
"""A sigmoid is given from -9 to 9 (probability 0.0001 to 0.9999) in steps of 1/8: 0.0002 from the curve."""
_STEPS: Final = 100
_ENOUGH: Final = 1e-10
_RIDGE: Final = 1e-6
_LEAST_SLOPE: Final = 1e-3
"""Slope of log-odds below which a score tells nothing that can be calibrated."""


def platt(scores: Floats, labels: Floats, weights: Floats) -> Knots | None:
    """A sigmoid of a x + b by Newton's method, with smoothed targets (Platt 1999; Lin, Lin, Weng 2007).

    Returns:
        None where the slope is not positive: the detector is not better than chance on these samples, and
        is not turned around.
    """
    forged, real = weights @ labels, weights @ (1 - labels)
    targets = np.where(labels > 0, (forged + 1) / (forged + 2), 1 / (real + 2))
    centre, scale = float(np.mean(scores)), float(np.std(scores)) or 1.0
    x = np.stack([(scores - centre) / scale, np.ones(len(scores))], axis=1)
    slope, shift = _newton(x, targets, weights, np.array([1.0, 0.0]))
    slope, shift = slope / scale, shift - slope * centre / scale
    return _sigmoid(float(slope), float(shift))


def temperature(scores: Floats, labels: Floats, weights: Floats) -> Knots | None:
    """A sigmoid of x / T (Guo and others 2017); None where no positive T is better than none."""
    (slope,) = _newton(scores[:, None], labels, weights, np.array([1.0]))
    return _sigmoid(float(slope), 0.0)


def isotonic(scores: Floats, labels: Floats, weights: Floats) -> Knots | None:
    """The rising steps of least squares, by pooling adjacent violators (Zadrozny and Elkan 2002).

    Kept from 0 and 1 by what one sample more could change. None where all of it is one step.
    """
    values, inverse = np.unique(scores, return_inverse=True)
    mass = np.bincount(inverse, weights)
    mean = np.bincount(inverse, weights * labels) / mass
    blocks: list[tuple[float, float, int]] = []  # mean, mass, last value
    for number in range(len(values)):
        level, heavy = float(mean[number]), float(mass[number])
        while blocks and blocks[-1][0] >= level:
            before, more, _ = blocks.pop()
            level = (before * more + level * heavy) / (more + heavy)
            heavy += more
        blocks.append((level, heavy, number))
    if len(blocks) == 1:
        return None
    least = 1 / (len(scores) + 2)
    knots: list[float] = []
    steps: list[float] = []
    first = 0
    for level, _, last in blocks:
        for place in dict.fromkeys((first, last)):
            knots.append(float(values[place]))
            steps.append(min(max(level, least), 1 - least))
        first = last + 1
    return np.array(knots), np.array(steps)


FITS: Final[dict[str, Callable[[Floats, Floats, Floats], Knots | None]]] = {
    "platt": platt,
    "temperature": temperature,
    "isotonic": isotonic,
}


def _newton(x: Floats, targets: Floats, weights: Floats, start: Floats) -> Floats:
    """Coefficients of least weighted log-loss; halved steps where a full one would not lower it."""

    def loss(at: Floats) -> float:
        z = x @ at
        return float(weights @ (np.logaddexp(0, z) - targets * z)) + _RIDGE * float(at @ at) / 2

    at, value = start, loss(start)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ at, -500, 500)))
        gradient = x.T @ (weights * (p - targets)) + _RIDGE * at
        curvature = (x * (weights * p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(len(at))
        step = np.linalg.solve(curvature, gradient)
        share = 1.0
        while share > _ENOUGH and loss(at - share * step) > value:
            share /= 2
        if share <= _ENOUGH:
            break
        at = at - share * step
        before, value = value, loss(at)
        if before - value < _ENOUGH * max(1.0, abs(before)):
            break
    return at


def _sigmoid(slope: float, shift: float) -> Knots | None:
    if slope < _LEAST_SLOPE:
        return None
    z = np.linspace(-_REACH, _REACH, _PIECES + 1)
    return (z - shift) / slope, 1 / (1 + np.exp(-z))
