from __future__ import annotations

import pytest
import yaml

from components.core.errors import ConfigurationError
from components.dedup import semantic_task
from pipelines.compile import check_ir, compile_pipeline
from pipelines.steps import MINT


@pytest.fixture(scope="module")
def ir() -> dict[str, object]:
    return yaml.safe_load(compile_pipeline("mint", "kfp"))  # type: ignore[no-any-return]


IN_ONE_TASK = {
    "embed": "find_semantic_duplicates",
    "semantic_centroids": "find_semantic_duplicates",
    "semantic_assign": "find_semantic_duplicates",
    "semantic": "find_semantic_duplicates",
    "released_keys": "register_run",
}
"""Steps that have no task of their own, and what the task calls that they are part of."""


def test_every_step_is_in_the_dag(ir: dict[str, object]) -> None:
    text = yaml.safe_dump(ir, width=10_000)
    for step in MINT:
        if step.stage:
            assert IN_ONE_TASK.get(step.name, step.stage) in text, step.name
    parts = [path for path, _ in semantic_task.STAGES]
    assert parts == [step.stage for step in MINT if "semantic" in IN_ONE_TASK.get(step.name, "")]


def test_the_number_of_nodes_does_not_depend_on_the_data(ir: dict[str, object]) -> None:
    tasks = ir["root"]["dag"]["tasks"]  # type: ignore[index]
    loops = [name for name, task in tasks.items() if "parameterIterator" in task]
    assert len(loops) == sum(1 for step in MINT if step.stage and step.name not in IN_ONE_TASK)
    assert len(tasks) == 2 * len(loops) + len(
        ["start", "sources", "registry", "semantic", "report", "register"]
    )


def test_parameters_have_the_configuration_s_defaults(ir: dict[str, object]) -> None:
    from pipelines.config import MintConfig, read_config

    inputs = ir["root"]["inputDefinitions"]["parameters"]  # type: ignore[index]
    assert set(inputs) == {"inputs", "out", "workers", "crawl", "filter", "dedup", "publish", "run"}
    defaults = {name: inputs[name]["defaultValue"] for name in ("crawl", "filter", "dedup", "publish", "run")}
    assert read_config("mint", defaults) == MintConfig()


def test_nothing_is_cached_by_the_orchestrator(ir: dict[str, object]) -> None:
    """Caching there would hand out manifests of data that may be gone; steps resume by themselves."""

    def walk(value: object) -> list[object]:
        if isinstance(value, dict):
            return [value, *(w for v in value.values() for w in walk(v))]
        return []

    executors = [
        t for t in walk(ir) if isinstance(t, dict) and "componentRef" in t and "parameterIterator" not in t
    ]
    cached = [t["taskInfo"] for t in executors if t.get("cachingOptions", {}).get("enableCache")]
    assert cached == []


def test_manifests_are_kubernetes_objects() -> None:
    documents = list(yaml.safe_load_all(compile_pipeline("mint", "kfp-manifest", namespace="team-a")))
    assert [d["kind"] for d in documents] == ["Pipeline", "PipelineVersion"]
    assert {d["metadata"]["namespace"] for d in documents} == {"team-a"}
    assert documents[1]["apiVersion"] == "pipelines.kubeflow.org/v2beta1"


def test_unknown_keys_are_refused(ir: dict[str, object]) -> None:
    wrong = {**ir, "pipelineInfo": {"name": "mint", "colour": "red"}}
    with pytest.raises(ConfigurationError, match="colour"):
        check_ir(yaml.safe_dump(wrong))


def test_unknown_targets_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose one of kfp, kfp-manifest"):
        compile_pipeline("mint", "tekton")
    with pytest.raises(ConfigurationError, match="known pipelines are mint"):
        compile_pipeline("mnt", "kfp")
