"""Intervals of figures that are no function of sums, such as an area under a curve: weights are resampled.

Groups (a person, else a source video) are drawn with replacement, never their frames or videos (Davison
and Hinkley 1997, section 3.8), and stratified by the classes that a group has (real, forged or both), so
that no resample is without a class. Intervals are percentiles. `components.core.bootstrap` does the same,
faster, for figures that are functions of sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from components.core.bootstrap import LEVEL, Estimate

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Mapping[str, Floats]]
"""Weights of shape (b, n) to figures of shape (b,)."""

RESAMPLES: Final = 1_000
_AT_ONCE: Final = 1 << 20
"""Weights made at a time: 8 MB, and a few times that for what is computed of them."""


class Clusters:
    """Which samples are drawn together.

    Args:
        labels: n of 1 (forged) or 0 (real).
        groups: group of each of them.
    """

    def __init__(self, labels: npt.NDArray[np.int64], groups: Sequence[str]) -> None:
        names, self._group = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
        forged = np.bincount(self._group, labels == 1, len(names)) > 0
        real = np.bincount(self._group, labels == 0, len(names)) > 0
        self._strata = [np.flatnonzero(which) for which in (forged & ~real, real & ~forged, forged & real)]
        self.groups = len(names)
        present = [int(which.sum()) for which in (forged, real) if which.any()]
        self.enough = bool(present) and min(present) > 1
        """Whether every class that there is has two groups: with one there is no telling how figures vary."""

    def weights(self, seed: int, resamples: int) -> Iterator[Floats]:
        """How often each sample is drawn, a batch of resamples at a time: shape (b, n)."""
        rng = np.random.Generator(np.random.PCG64(seed))
        left, most = resamples, max(1, _AT_ONCE // max(1, len(self._group)))
        while left:
            batch = min(left, most)
            # one resample after the other, so that the batch's size does not matter
            times = np.stack([self._times(rng) for _ in range(batch)])
            yield times[:, self._group].astype(np.float64)
            left -= batch

    def _times(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        times = np.zeros(self.groups, np.int64)
        for stratum in self._strata:
            if len(stratum):
                drawn = rng.integers(len(stratum), size=len(stratum))
                times[stratum] = np.bincount(drawn, minlength=len(stratum))
        return times


def estimates(
    statistic: Statistic, clusters: Clusters, *, samples: int, seed: int, resamples: int = RESAMPLES
) -> dict[str, Estimate]:
    """Figures with their intervals.

    For two detectors on the same samples the statistic is the difference of their figures: both are
    resampled together, which is the paired bootstrap.

    Args:
        samples: n.

    Returns:
        Value and interval by name. The value is NaN where the figure is not defined; there is no interval
        where a class has one group only, or the figure is defined in no resample.
    """
    values = {name: float(value[0]) for name, value in statistic(np.ones((1, samples))).items()}
    if not clusters.enough:
        return {name: Estimate(value, None, None) for name, value in values.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name in values}
    for weights in clusters.weights(seed, resamples):
        for name, found in statistic(weights).items():
            drawn[name].append(found)
    return {name: _estimate(values[name], np.concatenate(found)) for name, found in drawn.items()}


def _estimate(value: float, drawn: Floats) -> Estimate:
    finite = drawn[np.isfinite(drawn)]
    if not len(finite) or not np.isfinite(value):
        return Estimate(value, None, None)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(finite, [tail, 100 - tail])
    return Estimate(value, float(low), float(high))
