"""The four stages of semantic deduplication one after the other, in one task of the DAG."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from components.core import runner
from components.core.manifest import Manifest, load
from components.core.task import Artifact, hand_over, make_stage, read_params, reported

STAGES: Final = (
    ("components.dedup.semantic:EmbedStage", ("documents", "duplicates", "drops")),
    ("components.dedup.semantic:CentroidsStage", ("embeddings",)),
    ("components.dedup.semantic:AssignStage", ("embeddings", "centroids")),
    ("components.dedup.semantic:SemanticStage", ("embeddings",)),
)
"""Stage and the ports it reads; each output replaces what had its name before."""


def find_semantic_duplicates(
    inputs: Mapping[str, str],
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    duplicates: Artifact,
    metrics: Any = None,
) -> None:
    """Body of the component `semantic`.

    Args:
        inputs: documents, duplicates and drops → path of a manifest.
    """
    with reported():
        how = read_params(runner.RunParams, run, "run")
        assert isinstance(how, runner.RunParams)
        made: dict[str, Manifest] = {
            port: load(Path(path).read_bytes(), path) for port, path in inputs.items()
        }
        for path, ports in STAGES:
            stage = make_stage(path, params, how)
            made.update(runner.run_step(stage, {port: made[port] for port in ports}, out, how))
    hand_over({"duplicates": made["duplicates"]}, {"duplicates": duplicates}, metrics)
