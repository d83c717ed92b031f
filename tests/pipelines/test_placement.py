"""What tasks ask for on a cluster: exactly what their pool says, in the compiled pipeline's two documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format

from components.core.task import BASE_IMAGE, TORCH_IMAGE, VLLM_IMAGE
from pipelines import placement
from pipelines.compile import compile_pipeline
from pipelines.placement import POOL_LABEL
from pipelines.pools import ClusterConfig, Pool, amount, read_pools
from pipelines.registry import pipeline_function
from pipelines.steps import PIPELINES

RICH = Path(__file__).with_name("rich_pools.yaml")
"""A file of pools that sets every field."""


@dataclass(frozen=True)
class Task:
    """A task that runs a container: what the two documents say of it."""

    name: str
    spec: dict[str, Any]
    container: dict[str, Any]
    platform: dict[str, Any]

    @property
    def step(self) -> str:
        """The step whose pool the task is to be on; empty for what is on the default pool."""
        if not self.name.endswith(" worker") and self.name.replace(" ", "_") not in SINGLE:
            return ""
        return self.name.removesuffix(" worker").replace(" ", "_")

    @property
    def resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self.container["resources"]
        return found


SINGLE = {"train", "semantic", "registry", "sources", "media_sources", "pair_sources", "publish_detectors"}
"""Steps that are one task; a task that is neither a worker nor here starts, commits or reports."""


def tasks_in(spec: dict[str, Any], platform: dict[str, Any]) -> list[Task]:
    """Every task that runs a container, those in loops, too."""
    executors = platform.get("platforms", {}).get("kubernetes", {}).get("deploymentSpec", {})
    dags = [spec["root"]["dag"], *(c["dag"] for c in spec["components"].values() if "dag" in c)]
    found = []
    for task in (task for dag in dags for task in dag["tasks"].values()):
        label = spec["components"][task["componentRef"]["name"]].get("executorLabel")
        if label is not None:
            container = spec["deploymentSpec"]["executors"][label]["container"]
            asked = executors.get("executors", {}).get(label, {})
            found.append(Task(task["taskInfo"]["name"], task, container, asked))
    return found


def traced(pipeline: str, cluster: ClusterConfig | None) -> list[Task]:
    """The tasks of a pipeline that is not written to a file."""
    function = pipeline_function(pipeline, cluster)
    spec, platform = (json_format.MessageToDict(s) for s in (function.pipeline_spec, function.platform_spec))
    return tasks_in(spec, platform)


@cache
def placed(pipeline: str, file: Path | None) -> tuple[ClusterConfig, list[Task]]:
    """What the compiled file holds; compiling checks it strictly."""
    cluster = read_pools(file)
    spec, platform = yaml.load_all(compile_pipeline(pipeline, "kfp", cluster=cluster), yaml.CSafeLoader)
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    return cluster, tasks_in(spec, platform)


@pytest.fixture(params=[None, RICH], ids=["default", "rich"])
def file(request: pytest.FixtureRequest) -> Path | None:
    found: Path | None = request.param
    return found


@pytest.fixture(params=list(PIPELINES))
def pipeline(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def compiled(pipeline: str, file: Path | None) -> tuple[ClusterConfig, list[Task]]:
    return placed(pipeline, file)


def test_the_rich_file_sets_everything() -> None:
    """Else what follows would hold of defaults only."""
    cluster = read_pools(RICH)
    assert set(cluster.model_fields_set) == set(ClusterConfig.model_fields)
    said: set[str] = set().union(*(pool.model_fields_set for pool in cluster.pools.values()))
    assert said == set(Pool.model_fields)
    pools = {*cluster.steps.values(), cluster.default}
    assert pools == set(cluster.pools)


def test_every_step_is_placed_by_its_name(pipeline: str) -> None:
    """Each step that has a task of its own is on the pool that `steps` gives it, and nothing else is."""
    _, plain = placed(pipeline, None)
    in_one_task = {"embed", "semantic_centroids", "semantic_assign"}
    wanted = {step.name for step in PIPELINES[pipeline]} - in_one_task - {"report"}
    assert {task.step for task in plain} - {""} == wanted - {"released_keys"}
    everywhere = dict.fromkeys(wanted | {"report"}, "spot")
    cluster = read_pools().model_copy(update={"steps": everywhere})
    for task in traced(pipeline, cluster):
        small = not task.step and task.name not in ("report", "released keys")
        assert task.platform["podMetadata"]["labels"] == {POOL_LABEL: "cpu" if small else "spot"}, task.name


def test_a_task_is_on_the_pool_of_its_step(compiled: tuple[ClusterConfig, list[Task]]) -> None:
    cluster, tasks = compiled
    assert len(tasks) > 10
    for task in tasks:
        name, pool = cluster.pool_of(task.step)
        assert task.platform["podMetadata"] == {"labels": {POOL_LABEL: name}}, task.name
        assert task.platform.get("nodeSelector", {"labels": {}}) == {"labels": dict(pool.selector)}
        assert task.platform.get("tolerations", []) == [
            {
                key: value
                for key, value in (
                    ("key", one.key),
                    ("operator", one.operator),
                    ("value", one.value),
                    ("effect", one.effect),
                    ("tolerationSeconds", None if one.seconds is None else str(one.seconds)),
                )
                if value is not None
            }
            for one in pool.tolerations
        ]


def test_rules_that_must_hold_are_one_term_and_each_wish_is_one(
    compiled: tuple[ClusterConfig, list[Task]],
) -> None:
    """Kubernetes takes several required terms as alternatives; several preferred ones add up."""
    cluster, tasks = compiled
    for task in tasks:
        _, pool = cluster.pool_of(task.step)
        written = [
            (
                term.get("weight"),
                [(e["key"], e["operator"], tuple(e.get("values", ()))) for e in term["matchExpressions"]],
            )
            for term in task.platform.get("nodeAffinity", [])
        ]
        must = [(r.key, r.operator, r.values) for r in pool.affinity if r.weight is None]
        wishes = [(r.weight, [(r.key, r.operator, r.values)]) for r in pool.affinity if r.weight is not None]
        assert written == ([(None, must)] if must else []) + wishes, task.name


def test_a_task_asks_for_what_its_pool_gives(compiled: tuple[ClusterConfig, list[Task]]) -> None:
    cluster, tasks = compiled
    for task in tasks:
        _, pool = cluster.pool_of(task.step)
        asked = task.resources
        assert asked["resourceCpuRequest"] == pool.cpu
        assert asked.get("resourceCpuLimit") == pool.cpu_limit
        assert asked["resourceMemoryRequest"] == asked["resourceMemoryLimit"] == pool.memory
        # the older fields are numbers: cores, and gigabytes
        assert asked["cpuRequest"] == pytest.approx(amount(pool.cpu))
        assert asked["memoryLimit"] == pytest.approx(amount(pool.memory) / 1e9)
        if pool.accelerator is None:
            assert "accelerator" not in asked, task.name
        else:
            assert asked["accelerator"]["resourceType"] == pool.accelerator.resource
            assert asked["accelerator"]["resourceCount"] == str(pool.accelerator.count)


def test_a_task_finds_its_folders(compiled: tuple[ClusterConfig, list[Task]]) -> None:
    cluster, tasks = compiled
    for task in tasks:
        _, pool = cluster.pool_of(task.step)
        folders = [{"volumeName": "scratch", "mountPath": "/scratch", "sizeLimit": pool.scratch}]
        if pool.shared_memory is not None:
            shared = {"volumeName": "shared-memory", "mountPath": "/dev/shm", "medium": "Memory"}
            folders.append({**shared, "sizeLimit": pool.shared_memory})
        assert task.platform["emptyDirMounts"] == folders
        variables = {one["name"]: one["value"] for one in task.container["env"]}
        wanted = {"TMPDIR": "/scratch", "HOME": "/scratch"}
        cache = cluster.model_cache if pool.accelerator is not None else None
        mounts = [(m["constant"], m["mountPath"]) for m in task.platform.get("pvcMount", [])]
        if cache is not None:
            wanted["HF_HOME"] = f"{cache.path}/huggingface"
        assert mounts == ([(cache.claim, cache.path)] if cache is not None else [])
        assert variables == wanted, task.name


def test_secrets_are_named_and_never_written(compiled: tuple[ClusterConfig, list[Task]]) -> None:
    cluster, tasks = compiled
    for task in tasks:
        by_optional = {s.get("optional", False): s for s in task.platform["secretAsEnv"]}
        assert {s["secretName"] for s in by_optional.values()} == {cluster.store_secret}
        keys = {
            optional: [(pair["secretKey"], pair["envVar"]) for pair in secret["keyToEnv"]]
            for optional, secret in by_optional.items()
        }
        must = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        may = ["AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_REGION"]
        assert keys == {False: [(k, k) for k in must], True: [(k, k) for k in may]}
        pulled = [one["secretName"] for one in task.platform.get("imagePullSecret", [])]
        assert pulled == list(cluster.image_pull_secrets)


def test_pods_are_nobody_special(compiled: tuple[ClusterConfig, list[Task]]) -> None:
    cluster, tasks = compiled
    for task in tasks:
        wanted = {"runAsUser": str(cluster.user_id), "runAsNonRoot": True}
        assert task.platform["securityContext"] == wanted


def test_images_come_from_the_registry(compiled: tuple[ClusterConfig, list[Task]]) -> None:
    cluster, tasks = compiled
    before = f"{cluster.image_registry}/" if cluster.image_registry else ""
    known = {f"{before}{image}" for image in (BASE_IMAGE, TORCH_IMAGE, VLLM_IMAGE)}
    assert {task.container["image"] for task in tasks} <= known


@pytest.mark.parametrize(
    ("image", "located"),
    [
        ("kalemint/base-python:1", "reg.example/team/kalemint/base-python:1"),
        ("base-python:1", "reg.example/team/base-python:1"),
        ("ghcr.io/us/base-python:1", "ghcr.io/us/base-python:1"),
        ("localhost:5000/base-python:1", "localhost:5000/base-python:1"),
        ("localhost/base-python:1", "localhost/base-python:1"),
    ],
)
def test_an_image_with_a_registry_of_its_own_keeps_it(image: str, located: str) -> None:
    assert placement._located(image, "reg.example/team") == located
    assert placement._located(image, "") == image


def test_a_task_is_stopped_and_tried_again_as_its_pool_says(
    compiled: tuple[ClusterConfig, list[Task]],
) -> None:
    cluster, tasks = compiled
    for task in tasks:
        _, pool = cluster.pool_of(task.step)
        assert task.platform["activeDeadlineSeconds"] == str(pool.timeout_s)
        if not pool.retry.attempts:
            assert "retryPolicy" not in task.spec, task.name
            continue
        policy = task.spec["retryPolicy"]
        assert policy["maxRetryCount"] == pool.retry.attempts
        assert policy["backoffDuration"] == f"{pool.retry.backoff_s}s"
        assert policy["backoffFactor"] == pool.retry.factor
        # it is the whole window: every try must have its time in it
        window = int(policy["backoffMaxDuration"].removesuffix("s"))
        assert window >= (pool.retry.attempts + 1) * pool.timeout_s + pool.retry.backoff_s
        assert window <= (pool.retry.attempts + 1) * (pool.timeout_s + pool.retry.max_backoff_s)


def test_what_needs_devices_is_on_a_pool_with_devices(pipeline: str) -> None:
    """With the pools that come along: engines of captions and training; nothing else takes a GPU."""
    cluster, tasks = placed(pipeline, None)
    for task in tasks:
        _, pool = cluster.pool_of(task.step)
        image = task.container["image"]
        wants = (image == VLLM_IMAGE and task.name.endswith(" worker")) or task.step == "train"
        assert (pool.accelerator is not None) == wants, task.name
        if not task.step:
            assert cluster.pool_of(task.step)[0] == cluster.default
    takes = {task.step for task in tasks if "accelerator" in task.resources}
    captions = {"align", "dense", "augment", "verify", "predict", "scale"}
    wanted = {"mint": set(), "deepfake": {"train"}}.get(pipeline, {*captions, "train"})
    assert takes == wanted


def test_without_pools_nothing_is_asked_for(pipeline: str) -> None:
    """A run on one machine traces the same pipeline, whatever was compiled before it."""
    placed(pipeline, RICH)
    for task in traced(pipeline, None):
        assert task.platform == {}
        assert "resources" not in task.container and "env" not in task.container
        assert "retryPolicy" not in task.spec
        assert task.container["image"] in (BASE_IMAGE, TORCH_IMAGE, VLLM_IMAGE)


def test_an_error_while_tracing_leaves_no_pools_behind() -> None:
    with pytest.raises(RuntimeError), placement.placed_on(read_pools()):
        raise RuntimeError
    assert placement._cluster.get() is None


def test_kubernetes_manifests_ask_for_the_same() -> None:
    text = compile_pipeline("mint", "kfp-manifest", cluster=read_pools(RICH))
    (version,) = (d for d in yaml.load_all(text, yaml.CSafeLoader) if d["kind"] == "PipelineVersion")
    tasks = tasks_in(version["spec"]["pipelineSpec"], version["spec"]["platformSpec"])
    assert {t.name: t for t in tasks} == {t.name: t for t in placed("mint", RICH)[1]}
