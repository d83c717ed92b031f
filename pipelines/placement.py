"""Put the tasks of a pipeline on the pools of a cluster while Kubeflow Pipelines traces it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from pipelines.pools import ClusterConfig, NodeRule, Pool

POOL_LABEL: Final = "kalemint.io/pool"
"""Label of every pod: the name of its pool. The translation to Argo finds the pool by it."""
SCRATCH: Final = "/scratch"
"""Where a pod's temporary files go: an emptyDir, so that the image's file system may be read-only."""
STORE_VARIABLES: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
STORE_OPTIONAL: Final = ("AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION")
"""Keys of the object store's secret; pods get each as a variable of the same name."""

_cluster: ContextVar[ClusterConfig | None] = ContextVar("cluster", default=None)


@contextmanager
def placed_on(cluster: ClusterConfig | None) -> Iterator[None]:
    """Pipelines that are traced in the body ask for the pools of this cluster; None: for nothing."""
    token = _cluster.set(cluster)
    try:
        yield
    finally:
        _cluster.reset(token)


def place(task: Any, step: str = "") -> None:
    """Have a task ask for the pool of a step, by its displayed name; without a step, for the default pool."""
    cluster = _cluster.get()
    if cluster is None:
        return
    name, pool = cluster.pool_of(step.replace(" ", "_"))
    _ask(task, name, pool)
    _give(task, pool, cluster)


def _ask(task: Any, name: str, pool: Pool) -> None:
    """What the scheduler is to know of a task."""
    from kfp import kubernetes

    kubernetes.add_pod_label(task, POOL_LABEL, name)
    task.set_cpu_request(pool.cpu).set_memory_request(pool.memory).set_memory_limit(pool.memory)
    if pool.cpu_limit is not None:
        task.set_cpu_limit(pool.cpu_limit)
    if pool.accelerator is not None:
        task.set_accelerator_type(pool.accelerator.resource).set_accelerator_limit(pool.accelerator.count)
    for key, value in pool.selector.items():
        kubernetes.add_node_selector(task, key, value)
    for weight, rules in _terms(pool.affinity):
        kubernetes.add_node_affinity(
            task,
            [{"key": r.key, "operator": r.operator, "values": list(r.values)} for r in rules],
            weight=weight,
        )
    for one in pool.tolerations:
        kubernetes.add_toleration(
            task,
            key=one.key,
            operator=one.operator,
            value=one.value,
            effect=one.effect,
            toleration_seconds=one.seconds,
        )
    kubernetes.set_timeout(task, pool.timeout_s)
    if pool.retry.attempts:
        task.set_retry(
            pool.retry.attempts,
            backoff_duration=f"{pool.retry.backoff_s}s",
            backoff_factor=float(pool.retry.factor),
            backoff_max_duration=f"{_retry_window(pool)}s",
        )


def _terms(rules: Sequence[NodeRule]) -> list[tuple[int | None, list[NodeRule]]]:
    """Rules as terms: those that must hold are one, for terms are alternatives; each wish is one."""
    must = [rule for rule in rules if rule.weight is None]
    wishes: list[tuple[int | None, list[NodeRule]]] = [(r.weight, [r]) for r in rules if r.weight is not None]
    return [(None, must), *wishes] if must else wishes


def _retry_window(pool: Pool) -> int:
    """Seconds from a task's start in which it may be tried again: its tries at their longest, and the waits.

    The service counts the time that tries take, too (kubeflow/pipelines pull request 13452): with its default
    of an hour, a task that fails after an hour is never tried again.
    """
    retry = pool.retry
    waits = (min(retry.backoff_s * retry.factor**n, retry.max_backoff_s) for n in range(retry.attempts))
    return (retry.attempts + 1) * pool.timeout_s + sum(waits)


def _give(task: Any, pool: Pool, cluster: ClusterConfig) -> None:
    """What a task finds in its pod: image, user, folders, variables."""
    from kfp import kubernetes

    task.set_container_image(_located(task.container_spec.image, cluster.image_registry))
    if cluster.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(cluster.image_pull_secrets))
    kubernetes.set_security_context(task, run_as_user=cluster.user_id, run_as_non_root=True)
    kubernetes.empty_dir_mount(task, "scratch", SCRATCH, size_limit=pool.scratch)
    task.set_env_variable("TMPDIR", SCRATCH).set_env_variable("HOME", SCRATCH)
    if pool.shared_memory is not None:
        kubernetes.empty_dir_mount(
            task, "shared-memory", "/dev/shm", medium="Memory", size_limit=pool.shared_memory
        )
    if cluster.store_secret is not None:
        for optional, names in ((False, STORE_VARIABLES), (True, STORE_OPTIONAL)):
            kubernetes.use_secret_as_env(
                task, cluster.store_secret, {name: name for name in names}, optional=optional
            )
    if cluster.model_cache is not None and pool.accelerator is not None:
        kubernetes.mount_pvc(task, cluster.model_cache.claim, cluster.model_cache.path)
        task.set_env_variable("HF_HOME", f"{cluster.model_cache.path}/huggingface")


def _located(image: str, registry: str) -> str:
    """An image with its registry: the cluster's, unless its name has one already."""
    host = image.partition("/")[0] if "/" in image else ""
    if not registry or "." in host or ":" in host or host == "localhost":
        return image
    return f"{registry}/{image}"
