"""Compile a pipeline to KFP IR YAML or to Kubernetes-native manifests, and check what comes out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import yaml

from components.core.errors import ConfigurationError
from pipelines.pools import ClusterConfig, read_pools
from pipelines.registry import pipeline_function

TARGETS: Final = ("kfp", "kfp-manifest")


def compile_pipeline(
    pipeline: str, target: str, *, namespace: str = "kubeflow", cluster: ClusterConfig | None = None
) -> str:
    """A pipeline as YAML text.

    Args:
        target: `kfp` for the intermediate representation (upload it in the UI or submit it), or
            `kfp-manifest` for Pipeline and PipelineVersion objects (`kubectl apply`).
        cluster: its pools; None: those of `pools.yaml` in this package.

    Raises:
        ConfigurationError: for an unknown pipeline or target.
    """
    if target not in TARGETS:
        raise ConfigurationError(f"--to {target}: choose one of {', '.join(TARGETS)}.")
    from kfp import compiler
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    function = pipeline_function(pipeline, cluster or read_pools())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        if target == "kfp":
            compiler.Compiler().compile(function, str(file))
        else:
            options = KubernetesManifestOptions(
                pipeline_name=pipeline,
                pipeline_version_name=f"{pipeline}-{_version()}",
                namespace=namespace,
                include_pipeline_manifest=True,
            )
            compiler.Compiler().compile(
                function,
                str(file),
                kubernetes_manifest_format=True,
                kubernetes_manifest_options=options,
            )
        text = file.read_text()
    check_ir(text)
    return text


def _version() -> str:
    from components import __version__

    return __version__.replace(".", "-").replace("+", "-")


def check_ir(text: str) -> None:
    """Parse what was compiled strictly, the platform's part, too: an unknown or mistyped key is refused.

    Raises:
        ConfigurationError: naming the key.
    """
    for document in yaml.safe_load_all(text):
        if document.get("kind") == "Pipeline":
            continue
        inner = document.get("spec", {}) if document.get("kind") == "PipelineVersion" else {}
        for spec in (inner["pipelineSpec"], inner.get("platformSpec")) if inner else (document,):
            if spec is not None:
                _check_spec(spec)


def _check_spec(spec: dict[str, Any]) -> None:
    """One pipeline spec, or one platform spec."""
    from google.protobuf import json_format
    from kfp.kubernetes.kubernetes_executor_config_pb2 import KubernetesExecutorConfig
    from kfp.pipeline_spec import pipeline_spec_pb2

    try:
        if "platforms" not in spec:
            json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
            return
        json_format.ParseDict(spec, pipeline_spec_pb2.PlatformSpec())
        for executor in spec["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
            json_format.ParseDict(executor, KubernetesExecutorConfig())
    except json_format.ParseError as error:
        raise ConfigurationError(f"The compiled pipeline is not valid KFP IR: {error}") from None
