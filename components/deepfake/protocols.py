"""Which samples a figure is over: one detector, one data set, one family; never a mixture of families.

Real ones to compare with are those of the same data set. A data set without any is compared with those of
all data sets of the run, and its figures are remarked as `other_reals`, but where the forgeries were made
from them (pseudo-fakes): a detector may then tell the sources from each other rather than what was forged.

- `untrained`: the detector has no weights.
- `within`: trained on that data set's training split.
- `cross_dataset`: trained, but not on that data set.
- `leave_generator_out`: scores of the model that never saw the method, for real ones, too. By method only:
  scores of different models can't be ranked together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from components.deepfake.benchmark_samples import CLEAN, Key, attributes, family

Protocol = Literal["within", "cross_dataset", "leave_generator_out", "untrained"]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Against:
    """Forged ones of one data set and family, and the real ones they are told from, by number."""

    dataset: str
    family: str
    method: str | None
    slice: str | None
    forged: Numbers
    real: Numbers
    other_reals: bool = False

    @property
    def all(self) -> Numbers:
        """Forged ones, then real ones."""
        return np.concatenate([self.forged, self.real])


@dataclass(frozen=True, slots=True)
class Cell:
    """What one set of figures is over."""

    detector: str
    protocol: Protocol
    fold: str | None
    variant: str
    against: Against


def comparisons(samples: Sequence[Mapping[str, Any]]) -> list[Against]:
    """Each family of each data set, whole and by method, against real ones; sorted.

    Args:
        samples: rows of samples/1, those that are tested on.
    """
    by_family: dict[tuple[str, str], list[int]] = {}
    reals: dict[str, list[int]] = {}
    for number, row in enumerate(samples):
        if row["label"] == 1:
            by_family.setdefault((row["dataset"], family(row)), []).append(number)
        elif row["label"] == 0:
            reals.setdefault(row["dataset"], []).append(number)
    every = sorted(number for numbers in reals.values() for number in numbers)
    real_groups = {samples[number]["group"] for number in every}
    found = []
    for (dataset, kind), forged in sorted(by_family.items()):
        real = reals.get(dataset, every)
        made_of_them = all(samples[number]["group"] in real_groups for number in forged)
        whole = Against(
            dataset, kind, None, None, np.array(forged), np.array(real, np.int64),
            dataset not in reals and not made_of_them,
        )  # fmt: skip
        found.append(whole)
        by_method: dict[str, list[int]] = {}
        for number in forged:
            if samples[number]["method"] is not None:
                by_method.setdefault(samples[number]["method"], []).append(number)
        found += [
            replace(whole, method=method, forged=np.array(numbers))
            for method, numbers in sorted(by_method.items())
        ]
    return found


def slices(whole: Against, samples: Sequence[Mapping[str, Any]], most: int) -> Iterator[Against]:
    """The parts of a comparison by the value of each labelled attribute, such as gender=female.

    A sample counts where it has the value, forged or real. Attributes with one value, or more than `most`,
    are left out.
    """
    known = {int(number): attributes(samples[number]) for number in whole.all}
    values: dict[str, set[str]] = {}
    for labels in known.values():
        for name, value in labels.items():
            values.setdefault(name, set()).add(value)
    for name, found in sorted(values.items()):
        if 1 < len(found) <= most:
            for value in sorted(found):
                forged, real = (
                    np.array([n for n in part.tolist() if known[n].get(name) == value], np.int64)
                    for part in (whole.forged, whole.real)
                )
                yield replace(whole, slice=f"{name}={value}", forged=forged, real=real)


def cells(
    wholes: Sequence[Against],
    keys: Collection[Key],
    untrained: Collection[str],
    trained_on: Mapping[str, Collection[str]],
) -> Iterator[Cell]:
    """Every cell that there are scores for: variants of the model of all, and clean folds.

    Args:
        wholes: what `comparisons` gave.
        keys: of the scores.
        untrained: detectors without weights.
        trained_on: detector to data sets whose training split it was trained on.
    """
    variants: dict[str, set[str]] = {}
    for detector, fold, variant in keys:
        if fold is None:
            variants.setdefault(detector, set()).add(variant)
    for detector in sorted({detector for detector, _, _ in keys}):
        for against in wholes:
            if detector in untrained:
                protocol: Protocol = "untrained"
            elif against.dataset in trained_on.get(detector, ()):
                protocol = "within"
            else:
                protocol = "cross_dataset"
            for variant in sorted(variants.get(detector, ()), key=lambda name: (name != CLEAN, name)):
                if variant == CLEAN or against.method is None:
                    yield Cell(detector, protocol, None, variant, against)
            if against.method is not None and (detector, against.method, CLEAN) in keys:
                yield Cell(detector, "leave_generator_out", against.method, CLEAN, against)
