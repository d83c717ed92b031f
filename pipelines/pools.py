"""Pools: the kinds of nodes that steps run on, defined once for Kubeflow Pipelines, Argo and Helm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from components.core.errors import ConfigurationError
from components.core.task import read_params

DEFAULT_POOLS: Final = Path(__file__).parent / "pools.yaml"
"""What is used where no file is given."""

Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$")]
"""An amount as Kubernetes writes it: 500m, 2, 8Gi."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""A name of an object in Kubernetes."""
PoolName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A pool's name, short enough for a label."""

_UNITS: Final = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15} | {
    f"{letter}i": 1024**power for power, letter in enumerate("KMGTP", 1)
}


def amount(quantity: str) -> float:
    """A quantity of Kubernetes as a number: `amount("8Gi")` is 8589934592."""
    number = re.match(r"[0-9.]+", quantity)
    assert number is not None, quantity
    return float(number[0]) * _UNITS[quantity[number.end() :]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Toleration(_Strict):
    """A taint that pods of a pool put up with."""

    key: str | None = Field(default=None, description="the taint's key; none with Exists: every taint")
    operator: Literal["Equal", "Exists"] = Field(default="Equal", description="how the taint is matched")
    value: str | None = Field(default=None, description="the taint's value, with Equal")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="which effect is put up with; none: each"
    )
    seconds: int | None = Field(default=None, ge=0, description="how long NoExecute is put up with, seconds")

    @model_validator(mode="after")
    def _as_kubernetes_takes_it(self) -> Toleration:
        if self.operator == "Exists" and self.value is not None:
            raise ValueError("a toleration with operator Exists has no value")
        if self.key is None and self.operator == "Equal":
            raise ValueError("a toleration without a key needs operator Exists")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("seconds of a toleration need effect NoExecute")
        return self


class NodeRule(_Strict):
    """One condition on the labels of a node."""

    key: str = Field(description="label of the node")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(default="In")
    values: tuple[str, ...] = Field(default=(), description="values that the label is held against")
    weight: int | None = Field(
        default=None, ge=1, le=100, description="a wish of this weight; none: the node must match"
    )


class Accelerator(_Strict):
    """Devices that a pod of a pool gets."""

    resource: str = Field(default="nvidia.com/gpu", description="extended resource of the device plugin")
    count: int = Field(default=1, ge=1, le=64, description="devices a pod")


class Retry(_Strict):
    """How often a task is tried again. A wrong configuration, a spent budget and a failed gate never are."""

    attempts: int = Field(default=2, ge=0, le=100, description="tries after a failure")
    preemptions: int = Field(
        default=10,
        ge=0,
        le=1000,
        description="tries after the node was taken away or the pod was drained or evicted, which is no "
        "failure of the task (Argo only: Kubeflow Pipelines counts both alike)",
    )
    backoff_s: int = Field(default=30, ge=0, description="wait before the first of them, seconds")
    factor: int = Field(default=2, ge=1, le=10, description="each wait is so many times the one before")
    max_backoff_s: int = Field(default=600, ge=0, description="longest wait, seconds")


class Pool(_Strict):
    """One kind of node and what a pod on it asks for."""

    selector: Mapping[str, str] = Field(default={}, description="labels that the node must have")
    affinity: tuple[NodeRule, ...] = Field(default=(), description="further conditions on the node's labels")
    tolerations: tuple[Toleration, ...] = Field(default=(), description="taints that are put up with")
    accelerator: Accelerator | None = Field(default=None, description="devices; none: a pool of processors")
    cpu: Quantity = Field(default="1", description="cores that are requested")
    cpu_limit: Quantity | None = Field(
        default=None, description="cores at most; none: what the node has free"
    )
    memory: Quantity = Field(default="4Gi", description="memory, requested and at most")
    shared_memory: Quantity | None = Field(
        default=None, description="size of /dev/shm; none: the node's 64 MiB"
    )
    scratch: Quantity = Field(default="10Gi", description="size of the scratch folder, TMPDIR")
    ephemeral_storage: Quantity | None = Field(
        default=None,
        description="ephemeral storage that is requested, and at most; none: what `scratch` says (Argo and "
        "Helm: Kubeflow Pipelines has no word for it)",
    )
    priority_class: Name | None = Field(
        default=None, description="priority class of the pods (Argo and Helm only, as ephemeral_storage)"
    )
    spot: bool = Field(default=False, description="the pool's nodes may be taken away at any time")
    timeout_s: int = Field(default=86_400, ge=1, description="a task that runs longer is stopped, seconds")
    retry: Retry = Field(default=Retry(), description="when a task is tried again")

    @model_validator(mode="after")
    def _devices_are_asked_for_properly(self) -> Pool:
        if self.accelerator is not None and not (self.selector or self.affinity):
            raise ValueError("a pool with an accelerator needs a selector or an affinity")
        if self.accelerator is not None and not self.tolerations:
            raise ValueError("a pool with an accelerator needs a toleration of the taint of such nodes")
        if self.cpu_limit is not None and amount(self.cpu_limit) < amount(self.cpu):
            raise ValueError(f"cpu_limit {self.cpu_limit} is below cpu {self.cpu}")
        return self


class ModelCache(_Strict):
    """A volume with models, shared by all pods that have devices."""

    claim: Name = Field(default="kalemint-models", description="PersistentVolumeClaim with the models")
    path: str = Field(default="/models", pattern="^/", description="where pods see it; HF_HOME lies in it")


class ClusterConfig(_Strict):
    """What a cluster offers to the pipelines: the file that `compile --pools` and `submit --pools` read."""

    pools: Mapping[PoolName, Pool] = Field(description="kinds of nodes by name")
    default: PoolName = Field(default="cpu", description="pool of the steps that `steps` does not name")
    steps: Mapping[str, PoolName] = Field(
        default={}, description="step (as `kalemint components` lists them) → pool of its workers"
    )
    image_registry: str = Field(
        default="", description="put before the names of the images, e.g. registry.example.org/team"
    )
    image_pull_secrets: tuple[Name, ...] = Field(
        default=(), description="secrets that images are pulled with"
    )
    store_secret: Name | None = Field(
        default="kalemint-store",
        description="secret with the object store's AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where "
        "needed, AWS_ENDPOINT_URL, AWS_REGION; none: pods get their rights otherwise",
    )
    model_cache: ModelCache | None = Field(
        default=None, description="volume with models for the pools with accelerators; none: no such volume"
    )
    service_account: Name = Field(default="kalemint-runner", description="account that pods run as (Argo)")
    user_id: int = Field(default=10001, ge=1, description="numeric user that pods run as")

    @model_validator(mode="after")
    def _pools_exist(self) -> ClusterConfig:
        for what, name in (("default", self.default), *((f"steps.{s}", p) for s, p in self.steps.items())):
            if name not in self.pools:
                raise ValueError(f"{what} names the pool {name!r}; there are {', '.join(self.pools)}")
        return self

    def pool_of(self, step: str) -> tuple[str, Pool]:
        """Name and pool of the workers of a step; of anything else, the default pool."""
        name = self.steps.get(step, self.default)
        return name, self.pools[name]


def read_pools(file: Path | None = None) -> ClusterConfig:
    """The pools that a YAML file defines; without a file, those that come with the package.

    Raises:
        ConfigurationError: naming the file and what is wrong in it.
    """
    file = file or DEFAULT_POOLS
    try:
        values: Any = yaml.safe_load(file.read_text())
    except OSError as error:
        raise ConfigurationError(f"The file of pools {file} can't be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The file of pools {file} is no YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigurationError(f"The file of pools {file} holds no mapping with a section `pools`.")
    checked = read_params(ClusterConfig, values, str(file))
    assert isinstance(checked, ClusterConfig)
    _check_steps(checked, file)
    return checked


def _check_steps(config: ClusterConfig, file: Path) -> None:
    from pipelines.steps import PIPELINES

    known = {step.name for steps in PIPELINES.values() for step in steps}
    if wrong := sorted(set(config.steps) - known):
        raise ConfigurationError(
            f"{file}: steps names {', '.join(wrong)}, which no pipeline has. `kalemint components` lists them."
        )
