"""What a KFP component calls: one line between the typed interface and a stage.

A component passes the import path of its stage (`components.filter.decide:DecideStage`), the local
paths of its input artifacts (each holds a manifest) and its parameters; this module does the rest and
never imports kfp, so that a pod, a container and a subprocess do the same.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from components import __version__
from components.core import runner
from components.core.errors import BudgetExceeded, ConfigurationError, GateFailed, KalemintError
from components.core.manifest import Manifest, concatenate, load
from components.core.progress import EVENTS_VARIABLE, emit
from components.core.sandbox import die_with_parent
from components.core.stage import Stage

BASE_IMAGE: Final = os.environ.get("KALEMINT_IMAGE", f"kalemint/base-python:{__version__}")
"""Image of the `base` dependency set that components are compiled with."""
TORCH_IMAGE: Final = os.environ.get("KALEMINT_TORCH_IMAGE", f"kalemint/torch-python:{__version__}")
"""Image of the `torch` dependency set: training."""
VLLM_IMAGE: Final = os.environ.get("KALEMINT_VLLM_IMAGE", f"kalemint/vllm-python:{__version__}")
"""Image of the `vllm` dependency set: captions."""

EXIT_CODES: Final[dict[type[Exception], int]] = {
    runner.DrainedError: runner.DRAINED_EXIT,
    BudgetExceeded: 3,
    GateFailed: 4,
    ConfigurationError: 2,
}
"""Exit status by type of error; anything else is 1. The same for the command and for a pod."""


class Artifact(Protocol):
    """The part of a KFP artifact that is used here."""

    path: str
    metadata: dict[str, Any]


def exit_code(error: Exception) -> int:
    """The exit status that stands for an error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)


NULL: Final = "null"
"""What stands for null in a parameter of a pipeline: KFP takes none in a struct."""


def spelled(value: Any) -> Any:
    """Plain values with every null spelled out, as a pipeline's parameters."""
    if isinstance(value, Mapping):
        return {name: spelled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [spelled(one) for one in value]
    return NULL if value is None else value


def unspelled(value: Any) -> Any:
    """The values that `spelled` was given."""
    if isinstance(value, Mapping):
        return {name: unspelled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [unspelled(one) for one in value]
    return None if value == NULL else value


def laid_over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `under`, section by section; a value that is no section replaces what was there."""
    merged = dict(under)
    for name, value in over.items():
        below = merged.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[name] = laid_over(below, value) if both else value  # type: ignore[arg-type]
    return merged


def read_params(model: type[BaseModel], values: Mapping[str, Any], where: str) -> BaseModel:
    """Parameters out of plain values, in which the word null stands for null, too.

    Raises:
        ConfigurationError: naming every parameter that is wrong and why.
    """
    try:
        return model.model_validate(unspelled(values))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join([where, *map(str, problem['loc'])])}: {problem['msg']}" for problem in error.errors()
        )
        raise ConfigurationError(f"Wrong parameters: {wrong}.") from None


def stage_class(path: str) -> type[Stage[Any]]:
    """The stage class that `module:Class` names."""
    module, _, name = path.partition(":")
    found: type[Stage[Any]] = getattr(importlib.import_module(module), name)
    return found


def params_model(stage: type[Stage[Any]]) -> type[BaseModel]:
    """The pydantic model of a stage's parameters: `P` in `class X(Stage[P])`."""
    for base in getattr(stage, "__orig_bases__", ()):
        for argument in getattr(base, "__args__", ()):
            if isinstance(argument, type) and issubclass(argument, BaseModel):
                return argument
    raise TypeError(f"{stage.__name__} does not say what its parameters are: subclass Stage[Params]")


def make_stage(path: str, params: Mapping[str, Any], run: runner.RunParams) -> Stage[Any]:
    """A stage with its parameters, checked, and the run's number of partitions."""
    stage = stage_class(path)
    made = stage(read_params(params_model(stage), params, stage.name))
    made.partitions = run.partitions
    return made


class _NoPandas(MetaPathFinder):
    """Finds pandas to be absent."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("not wanted here", name=fullname)


def _keep_pandas_out() -> None:
    """Have pyarrow go without pandas in this process and in those it forks.

    The first list that becomes an array makes pyarrow import pandas, if it is there, to know its types
    when it meets them: 0.2 processor seconds and 50 MB in every process, for what no step uses. It tries
    once; later imports by anyone, and `to_pandas`, work as ever.
    """
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)


@contextmanager
def reported() -> Iterator[None]:
    """End the process with a clear sentence and a meaningful status where the body raises."""
    alone = os.environ.get("_KFP_RUNTIME") == "true"  # set by KFP: this process runs one task and ends
    if alone:
        _keep_pandas_out()
    local = bool(os.environ.get(EVENTS_VARIABLE))
    if local:
        die_with_parent()  # a task of `kalemint run` must not outlive it
        emit("task", pid=os.getpid())
    try:
        yield
    except KalemintError as error:
        emit("error", kind=type(error).__name__, message=str(error), line=f"Error: {error}")
        raise SystemExit(exit_code(error)) from None
    finally:
        if local:
            emit("task_end", pid=os.getpid())
        if alone:
            gc.freeze()  # the system takes it all back at once; Python would visit every object first


Inputs = Mapping[str, str | Sequence[str]]
"""Port → path of a manifest, or of several whose datasets are read as one."""


def read_as_one(stage: Stage[Any], datasets: Mapping[str, Sequence[Manifest]]) -> dict[str, Manifest]:
    """What a stage reads by port, where several datasets may feed one."""
    keep_empty = "aligned" in stage.sides.values()
    return {port: concatenate(found, keep_empty=keep_empty) for port, found in datasets.items()}


def _manifests(stage: Stage[Any], inputs: Inputs) -> dict[str, Manifest]:
    datasets = {
        port: [load(Path(p).read_bytes(), p) for p in ([paths] if isinstance(paths, str) else paths)]
        for port, paths in inputs.items()
    }
    return read_as_one(stage, datasets)


def work(
    stage: str,
    inputs: Inputs,
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    worker: float,
    workers: float,
) -> str:
    """Body of a worker component.

    Args:
        worker, workers: numbers as KFP passes them, maybe floats.

    Returns:
        One line for the orchestrator: units done.
    """
    with reported():
        checked = _run_params(run)
        made = make_stage(stage, params, checked)
        done = runner.work(
            made,
            _manifests(made, inputs),
            out,
            worker=int(worker),
            workers=int(workers),
            params=checked,
        )
    return f"{done['units']} units, {done['resumed']} of them done before"


def _run_params(run: Mapping[str, Any]) -> runner.RunParams:
    params = read_params(runner.RunParams, run, "run")
    assert isinstance(params, runner.RunParams)
    return params


def commit(
    stage: str,
    inputs: Inputs,
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    outputs: Mapping[str, Artifact],
    metrics: Any = None,
) -> None:
    """Body of a commit component: writes the manifests to the output artifacts.

    Args:
        outputs: port → output artifact.
        metrics: a KFP `Metrics` artifact that gets the step's counts.
    """
    with reported():
        checked = _run_params(run)
        made = make_stage(stage, params, checked)
        manifests = runner.commit(made, _manifests(made, inputs), out, checked)
    hand_over(manifests, outputs, metrics)


def hand_over(
    manifests: Mapping[str, Manifest], outputs: Mapping[str, Artifact], metrics: Any = None
) -> None:
    """Write manifests to KFP artifacts, with what a person wants to see of them as metadata."""
    for port, artifact in outputs.items():
        manifest = manifests[port]
        Path(artifact.path).write_bytes(manifest.to_json())
        artifact.metadata.update(
            {
                "schema": manifest.schema_name,
                "location": f"{manifest.location}/{manifest.step}/{manifest.port}",
                "rows": manifest.rows,
                "bytes": manifest.total_bytes,
                "shards": len(manifest.shards),
                "digest": manifest.digest,
            }
        )
    if metrics is not None:
        counts = next(iter(manifests.values())).counts
        metrics.log_metric("rows_in", counts.rows_in)
        metrics.log_metric("kept", counts.kept)
        for action, tally in (("dropped", counts.dropped), ("failed", counts.failed)):
            metrics.log_metric(action, sum(tally.values()))
            for reason, number in tally.items():
                metrics.log_metric(f"{action}.{reason}", number)
