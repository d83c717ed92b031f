"""Where, and by how much, descriptions of one face change for good, beyond what its pose explains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from components.deepfake.time_series import Series

LEAST_PART: Final = 3
"""Frames before and after a step: two could be one odd expression."""
_RIDGE: Final = 0.003
"""Shrinks the slopes of descriptions over pose (in squared distances between the eyes): a face that holds
still has none."""


@dataclass(frozen=True, slots=True)
class Step:
    """The largest lasting change.

    Attributes:
        at: number of the first description after it.
        size: variance that it makes: share of frames before x share after x squared distance of the means.
        distances: (n,) squared distance of each description from the mean of those before the step.
    """

    at: int
    size: float
    distances: Series


def largest_step(descriptions: Series, pose: Series) -> Step | None:
    """Find the largest lasting change of identity.

    For each moment, slopes over pose are fitted to differences of neighbouring frames, all but those
    across that moment, so that a change of person, which shifts the landmarks too, can't pass as a turn.

    Args:
        descriptions: (n, k) of unit length, in order of time.
        pose: (n, p) proxies such as `face_signals.pose`.

    Returns:
        None for fewer than 2 * LEAST_PART descriptions.
    """
    count = len(descriptions)
    if count < 2 * LEAST_PART:
        return None
    changes, turns = np.diff(descriptions, axis=0), np.diff(pose, axis=0)
    ridge = _RIDGE * np.eye(pose.shape[1])
    best: Step | None = None
    for at in range(LEAST_PART, count - LEAST_PART + 1):
        kept = np.arange(count - 1) != at - 1
        slopes = np.linalg.solve(turns[kept].T @ turns[kept] + ridge, turns[kept].T @ changes[kept])
        rest = descriptions - (pose - pose.mean(axis=0)) @ slopes
        before, after = rest[:at].mean(axis=0), rest[at:].mean(axis=0)
        size = at * (count - at) / count**2 * float(np.square(after - before).sum())
        if best is None or size > best.size:
            best = Step(at, size, np.square(rest - before).sum(axis=1))
    return best
