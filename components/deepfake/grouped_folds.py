"""Folds of a cross-validation that keep groups whole and classes spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from components.core.hash_share import hash_share


def grouped_folds(
    labels: npt.NDArray[np.int64], groups: Sequence[str], folds: int, purpose: str
) -> npt.NDArray[np.int64]:
    """The fold of each sample, from 0: those of a group share one.

    Groups are dealt out in turn, those with forged ones first and each kind in the order of their hash, so
    that every fold gets its share of both classes.
    """
    kinds: dict[str, set[int]] = {}
    for label, group in zip(labels.tolist(), groups, strict=True):
        kinds.setdefault(group, set()).add(label)
    order = sorted(kinds, key=lambda group: (sorted(kinds[group]), hash_share(group, purpose), group))
    dealt = {group: number % folds for number, group in enumerate(order)}
    return np.array([dealt[group] for group in groups], np.int64)
