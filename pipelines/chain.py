"""A pipeline's steps one after the other in this process: pilots, benchmarks and tests, no orchestrator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.caption.pair_sources import publish_pair_sources
from components.core.manifest import Manifest, load
from components.core.runner import RunParams, commit, work
from components.core.stage import Stage
from components.core.task import make_stage, read_as_one
from components.crawl.begin import publish_sources
from components.dedup import registry, registry_tasks
from components.dedup.released_keys import ReleasedKeysStage
from components.deepfake.media_sources import publish_media_sources
from components.deepfake.publish_task import publish_detectors
from components.deepfake.train_task import train_detectors
from components.distill.train_task import train_student
from pipelines.steps import PIPELINES, Step

Datasets = dict[str, Manifest]
"""Datasets of a run by `step.port`."""


class _Artifact:
    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.metadata: dict[str, Any] = {}


def list_sources(pipeline: str, inputs: Sequence[str], out: str, config: Mapping[str, Any]) -> Manifest:
    """The first step: the `sources` dataset of a run."""
    with TemporaryDirectory() as folder:
        artifact = _Artifact(Path(folder) / "sources")
        if pipeline == "kale":
            own = config["caption"]
            publish_pair_sources(inputs, out, own["pair_sources"], own["read_pairs"], config["run"], artifact)
        elif pipeline == "deepfake":
            publish_media_sources(inputs, out, config["deepfake"]["media_sources"], config["run"], artifact)
        else:
            publish_sources(inputs, out, config["crawl"]["sources"], config["run"], artifact)
        return load(Path(artifact.path).read_bytes(), artifact.path)


def section(config: Mapping[str, Any], dotted: str) -> dict[str, Any]:
    """The parameters at a dotted place of a configuration; none for an empty one."""
    value: Any = config
    for part in filter(None, dotted.split(".")):
        value = value[part]
    # the release of captions, in the section of the release of documents, is a step of its own
    return (
        {name: one for name, one in value.items() if (dotted, name) != ("publish", "kale")} if dotted else {}
    )


def stage_of(step: Step, config: Mapping[str, Any]) -> Stage[Any]:
    """A step's stage with its parameters, those it shares with its family added."""
    assert step.stage is not None
    shared = {name: config[step.family][name] for name in step.shared}
    return make_stage(step.stage, {**section(config, step.section), **shared}, RunParams(**config["run"]))


def run_chain(
    pipeline: str,
    sources: Manifest,
    out: str,
    config: Mapping[str, Any],
    *,
    workers: int = 1,
    until: str | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Datasets:
    """Run the steps of a pipeline that work in units.

    Args:
        sources: the dataset that the first step made.
        config: plain values of a whole configuration.
        until: the last step to run; None for all.
        on_step: called before each step.

    Returns:
        Every dataset as `step.port`.
    """
    run = RunParams(**config["run"])
    made: Datasets = {f"{sources.step}.{sources.port}": sources}
    families = {name: config.get(name, {}) for name in ("crawl", "filter", "dedup")}
    for step in PIPELINES[pipeline]:
        if step.name == registry.STEP:
            found = registry_tasks.snapshot(out, run=config["run"], **families)
            made.update({f"{step.name}.{port}": manifest for port, manifest in found.items()})
        if step.section == "distill.train":
            given = {port: made[name] for port, (name,) in step.inputs.items()}
            found = train_student(given, out, section(config, step.section))
            made.update({f"{step.name}.{port}": manifest for port, manifest in found.items()})
        if step.section == "deepfake.train":
            several = {port: [made[name] for name in names] for port, names in step.inputs.items()}
            found = train_detectors(several, out, section(config, step.section))
            made.update({f"{step.name}.{port}": manifest for port, manifest in found.items()})
        if step.section == "deepfake.publish":
            given = {port: made[name] for port, (name,) in step.inputs.items()}
            made["publish_detectors.detectors"] = publish_detectors(given, out, section(config, step.section))
        if step.stage is None:
            continue
        if on_step is not None:
            on_step(step)
        stage = stage_of(step, config)
        given = read_as_one(stage, {port: [made[n] for n in names] for port, names in step.inputs.items()})
        for worker in range(workers):
            work(stage, given, out, worker=worker, workers=workers, params=run)
        made.update({f"{step.name}.{port}": m for port, m in commit(stage, given, out, run).items()})
        if step.name == ReleasedKeysStage.name:
            registry_tasks.register(given, made["extract.payloads"], out, run=config["run"], **families)
        if step.name == until:
            break
    return made
