"""Pools: the kinds of nodes that steps run on, defined once for Kubeflow Pipelines, Argo and Helm."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from components.core.errors import ConfigurationError
from components.core.task import read_params

DEFAULT_POOLS: Final = Path(__file__).parent / "pools.yaml"
"""What is used where no file is given."""


def _as_text(value: object) -> object:
    """A bare number of a YAML file, as in `cpu: 2`, as the text that Kubernetes wants."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Cores = Annotated[
    str, BeforeValidator(_as_text), StringConstraints(pattern=r"^([0-9]+(\.[0-9]{1,3})?|[0-9]+m)$")
]
"""An amount of processors that Kubernetes and Kubeflow Pipelines both take: 2, 0.5, 500m."""
Size = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*([KMGTP]i|[MGTP])$")]
"""An amount of bytes that both take: 512Mi, 8Gi. Kubeflow Pipelines knows no 1.5Gi and no lower-case k."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
"""A name of an object in Kubernetes."""
PoolName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
"""A pool's name, short enough for a label."""
_DOMAIN = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_WORD = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
LabelKey = Annotated[str, StringConstraints(pattern=f"^({_DOMAIN}/)?{_WORD}$")]
"""A label's or a taint's key: node.kubernetes.io/instance-type."""
LabelValue = Annotated[str, StringConstraints(pattern=f"^({_WORD})?$")]
"""A label's or a taint's value."""

_UNITS: Final = (
    {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1}
    | {unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)}
    | {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
)
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i)?")


def amount(quantity: str) -> float:
    """A quantity of Kubernetes as a number: `amount("8Gi")` is 8589934592.

    Raises:
        ValueError: for what is no quantity; exponents, which Kubernetes takes, are not read.
    """
    found = _QUANTITY.fullmatch(quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity of Kubernetes, such as 500m, 2 or 8Gi")
    return float(found[1]) * _UNITS[found[2] or ""]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Toleration(_Strict):
    """A taint that pods of a pool put up with."""

    key: LabelKey | None = Field(default=None, description="the taint's key; none with Exists: every taint")
    operator: Literal["Equal", "Exists"] = Field(default="Equal", description="how the taint is matched")
    value: LabelValue | None = Field(default=None, description="the taint's value, with Equal")
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

    key: LabelKey = Field(description="label of the node")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(
        default="In", description="how the label is held against the values; Gt and Lt take one whole number"
    )
    values: tuple[LabelValue, ...] = Field(default=(), description="values that the label is held against")
    weight: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description="a wish of this weight, which adds up with others; none: the node must match",
    )

    @model_validator(mode="after")
    def _values_fit_the_operator(self) -> NodeRule:
        if self.operator in ("In", "NotIn") and not self.values:
            raise ValueError(f"operator {self.operator} needs values")
        if self.operator in ("Exists", "DoesNotExist") and self.values:
            raise ValueError(f"operator {self.operator} takes no values")
        whole = [value for value in self.values if value.isascii() and value.isdigit()]
        if self.operator in ("Gt", "Lt") and (len(self.values) != 1 or not whole):
            raise ValueError(f"operator {self.operator} needs one whole number as its value")
        return self


class Accelerator(_Strict):
    """Devices that a pod of a pool gets."""

    resource: str = Field(
        default="nvidia.com/gpu",
        pattern=f"^{_DOMAIN}/{_WORD}$",
        description="extended resource of the device plugin",
    )
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
    max_backoff_s: int = Field(
        default=600,
        ge=0,
        description="longest wait, seconds (Argo from 3.6; Kubeflow Pipelines has no word for it)",
    )

    @model_validator(mode="after")
    def _waits_fit(self) -> Retry:
        if self.max_backoff_s < self.backoff_s:
            raise ValueError(f"max_backoff_s {self.max_backoff_s} is below backoff_s {self.backoff_s}")
        return self


class Pool(_Strict):
    """One kind of node and what a pod on it asks for."""

    selector: Mapping[LabelKey, LabelValue] = Field(default={}, description="labels that the node must have")
    affinity: tuple[NodeRule, ...] = Field(default=(), description="further conditions on the node's labels")
    tolerations: tuple[Toleration, ...] = Field(default=(), description="taints that are put up with")
    accelerator: Accelerator | None = Field(default=None, description="devices; none: a pool of processors")
    cpu: Cores = Field(default="1", description="cores that are requested")
    cpu_limit: Cores | None = Field(default=None, description="cores at most; none: what the node has free")
    memory: Size = Field(default="4Gi", description="memory, requested and at most")
    shared_memory: Size | None = Field(default=None, description="size of /dev/shm; none: the node's 64 MiB")
    scratch: Size = Field(default="10Gi", description="size of the scratch folder, TMPDIR")
    ephemeral_storage: Size | None = Field(
        default=None,
        description="ephemeral storage that is requested, and at most; none: what `scratch` says (Argo and "
        "Helm: Kubeflow Pipelines has no word for it)",
    )
    priority_class: Name | None = Field(
        default=None, description="priority class of the pods (Argo and Helm only, as ephemeral_storage)"
    )
    spot: bool = Field(default=False, description="the pool's nodes may be taken away at any time")
    timeout_s: int = Field(
        default=86_400, ge=1, le=31_536_000, description="a task that runs longer is stopped, seconds"
    )
    retry: Retry = Field(default=Retry(), description="when a task is tried again")

    @model_validator(mode="after")
    def _devices_are_asked_for_properly(self) -> Pool:
        if self.accelerator is None:
            return self
        if not (self.selector or any(rule.weight is None for rule in self.affinity)):
            raise ValueError(
                "a pool with an accelerator needs a selector, or an affinity that is more than a wish"
            )
        if not self.tolerations:
            raise ValueError("a pool with an accelerator needs a toleration of the taint of such nodes")
        return self

    @model_validator(mode="after")
    def _amounts_fit(self) -> Pool:
        if not amount(self.cpu):
            raise ValueError(f"cpu {self.cpu} is nothing")
        if self.cpu_limit is not None and amount(self.cpu_limit) < amount(self.cpu):
            raise ValueError(f"cpu_limit {self.cpu_limit} is below cpu {self.cpu}")
        if self.shared_memory is not None and amount(self.shared_memory) >= amount(self.memory):
            raise ValueError(
                f"shared_memory {self.shared_memory} is not below memory {self.memory}, of which it is a part"
            )
        if self.ephemeral_storage is not None and amount(self.ephemeral_storage) < amount(self.scratch):
            raise ValueError(
                f"ephemeral_storage {self.ephemeral_storage} is below scratch {self.scratch}, a part of it"
            )
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
        default="",
        pattern=r"^([a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)?$",
        description="put before the names of images that name no registry, e.g. registry.example.org/team",
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


class _OncePerKey(yaml.SafeLoader):
    """Plain YAML in which no mapping says anything twice: the last of two pools would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; keys that `<<` brings in may be said again, as YAML has it."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} is said twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_pools(file: Path | None = None) -> ClusterConfig:
    """The pools that a YAML file defines; without a file, those that come with the package.

    Raises:
        ConfigurationError: naming the file and what is wrong in it.
    """
    file = file or DEFAULT_POOLS
    try:
        values: Any = yaml.load(file.read_text(), _OncePerKey)
    except OSError as error:
        raise ConfigurationError(f"The file of pools {file} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file of pools {file} is no YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigurationError(f"The file of pools {file} holds no mapping with a section `pools`.")
    checked = read_params(ClusterConfig, values, str(file))
    assert isinstance(checked, ClusterConfig)
    _check_steps(checked, file)
    return checked


def _check_steps(config: ClusterConfig, file: Path) -> None:
    from components.dedup.semantic_task import STAGES
    from pipelines.steps import PIPELINES

    steps = {step.name: step for known in PIPELINES.values() for step in known}
    if wrong := sorted(set(config.steps) - set(steps)):
        raise ConfigurationError(
            f"{file}: steps names {', '.join(wrong)}, which no pipeline has: see `kalemint components`."
        )
    *parts, whole = (path for path, _ in STAGES)
    for name in config.steps:
        if steps[name].stage in parts:
            task = next(step.name for step in steps.values() if step.stage == whole)
            raise ConfigurationError(f"{file}: steps.{name} is part of the task {task}: name that.")
