"""Confidence intervals by the cluster bootstrap: near-duplicates are drawn together or not at all.

Rows of one group are not independent, so that groups are resampled, not rows (Davison and Hinkley 1997,
section 3.8; Field and Welsh 2007). Intervals are percentiles. With fewer than some 20 groups they are too
short, and a share of which every row has all or nothing gets an interval of no length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RESAMPLES: Final = 2_000
LEVEL: Final = 0.95
_DRAWN_AT_ONCE: Final = 1 << 22
"""Numbers drawn at a time: 32 MB."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with the ends of its interval; those are None where there is one group only."""

    value: float
    low: float | None
    high: float | None


def by_group(groups: Sequence[str], sums: Floats) -> Floats:
    """Rows added up by group, groups in sorted order.

    Args:
        groups: group of each of n rows.
        sums: shape (n, k).

    Returns:
        Shape (groups, k).
    """
    numbers = {group: number for number, group in enumerate(sorted(set(groups)))}
    total = np.zeros((len(numbers), sums.shape[1]))
    np.add.at(total, [numbers[group] for group in groups], sums)
    return total


def estimates(
    sums: Floats,
    statistic: Callable[[Floats], Floats],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> list[Estimate]:
    """Figures that are functions of sums over groups, with their intervals.

    Args:
        sums: shape (groups, k), see `by_group`; at least one group.
        statistic: sums of shape (..., k) to m figures of shape (..., m). A figure may be NaN in resamples
            in which nothing that it counts was drawn: those are left out.
        level: probability that an interval is to cover.

    Returns:
        m estimates.
    """
    groups = len(sums)
    values = statistic(sums.sum(axis=0))
    if groups < 2:
        return [Estimate(float(value), None, None) for value in values]
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = []
    left = resamples
    while left:
        batch = min(left, max(1, _DRAWN_AT_ONCE // groups))
        picks = rng.integers(groups, size=(batch, groups))
        picks += groups * np.arange(batch)[:, None]
        times = np.bincount(picks.ravel(), minlength=batch * groups).reshape(batch, groups)
        drawn.append(statistic(times @ sums))
        left -= batch
    tail = 50 * (1 - level)
    found = np.concatenate(drawn)
    return [
        _estimate(float(value), column[np.isfinite(column)], tail)
        for value, column in zip(values, found.T, strict=True)
    ]


def _estimate(value: float, drawn: Floats, tail: float) -> Estimate:
    if not len(drawn):
        return Estimate(value, None, None)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Estimate(value, float(low), float(high))
