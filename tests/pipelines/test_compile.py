from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from components.core.errors import ConfigurationError
from components.core.task import BASE_IMAGE, TORCH_IMAGE, VLLM_IMAGE
from components.dedup import semantic_task
from pipelines.compile import check_ir, compile_pipeline
from pipelines.steps import MINT, PIPELINES

IN_ONE_TASK = {
    "embed": "find_semantic_duplicates",
    "semantic_centroids": "find_semantic_duplicates",
    "semantic_assign": "find_semantic_duplicates",
    "semantic": "find_semantic_duplicates",
    "released_keys": "register_run",
}
"""Steps that have no task of their own, and what the task calls that they are part of."""

SINGLE = {
    "mint": {"start", "sources", "registry", "semantic", "register", "report"},
    "kale": {"start", "sources", "train", "report"},
    "full": {"start", "sources", "registry", "semantic", "register", "train", "report"},
    "deepfake": {"start", "sources", "train", "publish-detectors", "report"},
}
"""Tasks that are no workers with their commit."""


@dataclass(frozen=True)
class Compiled:
    """A pipeline as KFP's intermediate representation."""

    pipeline: str
    ir: dict[str, Any]

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Every task that runs a container, those in loops too, by component."""
        dags = [self.ir["root"]["dag"]]
        dags += [c["dag"] for c in self.ir["components"].values() if "dag" in c]
        found = [task for dag in dags for task in dag["tasks"].values()]
        return {
            task["componentRef"]["name"]: task
            for task in found
            if "executorLabel" in self.ir["components"][task["componentRef"]["name"]]
        }

    def image(self, component: str) -> str:
        """The image that a component runs in."""
        label = self.ir["components"][component]["executorLabel"]
        return str(self.ir["deploymentSpec"]["executors"][label]["container"]["image"])

    def code(self, task: Mapping[str, Any]) -> str:
        """What a task's container executes."""
        label = self.ir["components"][task["componentRef"]["name"]]["executorLabel"]
        container = self.ir["deploymentSpec"]["executors"][label]["container"]
        return "\n".join([*container["command"], *container["args"]])


@pytest.fixture(scope="module", params=list(PIPELINES))
def compiled(request: pytest.FixtureRequest) -> Compiled:
    return Compiled(request.param, next(iter(yaml.safe_load_all(compile_pipeline(request.param, "kfp")))))


def test_every_step_is_in_the_dag(compiled: Compiled) -> None:
    text = yaml.safe_dump(compiled.ir, width=10_000)
    for step in PIPELINES[compiled.pipeline]:
        if step.stage:
            assert IN_ONE_TASK.get(step.name, step.stage) in text, step.name
    parts = [path for path, _ in semantic_task.STAGES]
    assert parts == [step.stage for step in MINT if "semantic" in IN_ONE_TASK.get(step.name, "")]


def test_the_number_of_nodes_does_not_depend_on_the_data(compiled: Compiled) -> None:
    tasks = compiled.ir["root"]["dag"]["tasks"]
    loops = [name for name, task in tasks.items() if "parameterIterator" in task]
    steps = PIPELINES[compiled.pipeline]
    assert len(loops) == sum(1 for step in steps if step.stage and step.name not in IN_ONE_TASK)
    assert len(tasks) == 2 * len(loops) + len(SINGLE[compiled.pipeline])


def test_a_step_reads_what_a_run_without_an_orchestrator_reads(compiled: Compiled) -> None:
    """The wiring of the DAG is that of `pipelines.steps`."""
    tasks = compiled.ir["root"]["dag"]["tasks"]
    steps = [s for s in PIPELINES[compiled.pipeline] if s.stage and s.name not in IN_ONE_TASK]
    commits = {}
    for step in steps:
        (commits[step.name],) = [
            name
            for name, task in tasks.items()
            if task["componentRef"]["name"].endswith("-commit") and f'"{step.stage}"' in compiled.code(task)
        ]
    others = {"sources": "sources", "pair_sources": "sources", "media_sources": "sources"}
    others |= {"registry": "registry", "train": "train"}
    named = {**commits, **others, **dict.fromkeys(IN_ONE_TASK, "semantic")}
    for step in steps:
        given = tasks[commits[step.name]]["inputs"].get("artifacts", {}).values()
        producers = {artifact["taskOutputArtifact"]["producerTask"] for artifact in given}
        wanted = {dataset.partition(".")[0] for names in step.inputs.values() for dataset in names}
        assert {named[name] for name in wanted} == producers, step.name


def test_parameters_have_the_configuration_s_defaults(compiled: Compiled) -> None:
    from pipelines.config import CONFIGS, read_config

    model = CONFIGS[compiled.pipeline]
    inputs = compiled.ir["root"]["inputDefinitions"]["parameters"]
    assert set(inputs) == {"inputs", "out", "workers", *model.model_fields}
    defaults = {name: inputs[name]["defaultValue"] for name in model.model_fields}
    assert read_config(compiled.pipeline, defaults) == model()


def test_nothing_is_cached_by_the_orchestrator(compiled: Compiled) -> None:
    """Caching there would hand out manifests of data that may be gone; steps resume by themselves."""
    cached = [n for n, t in compiled.tasks.items() if t.get("cachingOptions", {}).get("enableCache")]
    assert cached == []
    assert len(compiled.tasks) > 10


def test_components_run_in_the_image_that_has_what_they_need(compiled: Compiled) -> None:
    """vLLM where a model answers, torch where one is trained, neither anywhere else."""
    engines = {step.name for step in PIPELINES[compiled.pipeline] if step.shared and step.family == "caption"}
    torch = {"train", *(step.name for step in PIPELINES[compiled.pipeline] if "detectors" in step.shared)}
    for component in compiled.tasks:
        name = component.removeprefix("comp-").removesuffix("-commit").replace("-", "_")
        wanted = VLLM_IMAGE if name in engines else TORCH_IMAGE if name in torch else BASE_IMAGE
        assert compiled.image(component) == wanted, component
    assert len(engines) == (6 if compiled.pipeline in ("kale", "full") else 0)


def test_manifests_are_kubernetes_objects() -> None:
    documents = list(yaml.safe_load_all(compile_pipeline("mint", "kfp-manifest", namespace="team-a")))
    assert [d["kind"] for d in documents] == ["Pipeline", "PipelineVersion"]
    assert {d["metadata"]["namespace"] for d in documents} == {"team-a"}
    assert documents[1]["apiVersion"] == "pipelines.kubeflow.org/v2beta1"


def test_unknown_keys_are_refused(compiled: Compiled) -> None:
    wrong = {**compiled.ir, "pipelineInfo": {"name": "mint", "colour": "red"}}
    with pytest.raises(ConfigurationError, match="colour"):
        check_ir(yaml.safe_dump(wrong))


def test_unknown_targets_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="choose one of kfp, kfp-manifest"):
        compile_pipeline("mint", "tekton")
    with pytest.raises(ConfigurationError, match="known pipelines are mint"):
        compile_pipeline("mnt", "kfp")
