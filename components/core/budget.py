"""Stop a run that would use more than it may, as soon as its own figures say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from components.core.manifest import find
from components.core.plan import StepPlan
from components.core.store import Store

if TYPE_CHECKING:
    from components.core.execute import Marker
    from components.core.runner import RunParams

_LEAST_UNITS: Final = 3
"""Units seen before their mean is taken for that of the rest."""
_GIB: Final = 1 << 30


class BudgetGuard:
    """Projects a step's use from the units done so far, on top of what the steps before it used.

    The rest of a step is taken to cost, unit for unit, what its finished units cost on average; the
    steps after it count nothing, so that the guard never stops a run that could still keep to its
    budget. `kalemint plan` forecasts the whole.

    Args:
        mine: how many units this worker has; all workers' units are taken to be alike.
    """

    def __init__(self, plan: StepPlan, store: Store, params: RunParams, mine: int) -> None:
        self._step, self._units, self._mine = plan.stage.name, len(plan.units), mine
        self._params = params
        self._cpu_seconds = self._bytes = 0.0
        self._seen = 0
        self._cpu_before = self._bytes_before = 0.0
        if self.active:
            steps: dict[str, float] = {}
            for manifest in find(store):
                if manifest.step != self._step:
                    steps[manifest.step] = manifest.cpu_seconds
                    self._bytes_before += manifest.total_bytes
            self._cpu_before = sum(steps.values())

    @property
    def active(self) -> bool:
        """Whether the run has a budget at all."""
        return self._params.max_cpu_hours is not None or self._params.max_storage_gib is not None

    def exceeded(self, marker: Marker) -> str | None:
        """Count a finished unit; the sentence that stops the run, or None."""
        if not self.active:
            return None
        self._seen += 1
        self._cpu_seconds += marker.cpu_seconds
        written = [*marker.ports.values(), *marker.files, *([marker.ledger] if marker.ledger else [])]
        self._bytes += sum(shard.bytes for shard in written)
        if self._seen < min(_LEAST_UNITS, self._mine):
            return None
        share = self._units / self._seen
        for name, limit, before, projected, unit in (
            (
                "run.max_cpu_hours",
                self._params.max_cpu_hours,
                self._cpu_before / 3600,
                self._cpu_seconds * share / 3600,
                "processor hours",
            ),
            (
                "run.max_storage_gib",
                self._params.max_storage_gib,
                self._bytes_before / _GIB,
                self._bytes * share / _GIB,
                "GiB",
            ),
        ):
            if limit is not None and before + projected > limit:
                return (
                    f"the steps before it took {before:.4g} {unit} and it would take {projected:.4g} more "
                    f"(judged by {self._seen} of its {self._units} units), above {name}={limit:g}. "
                    "What is done stays; raise the limit and run the same command to go on."
                )
        return None
