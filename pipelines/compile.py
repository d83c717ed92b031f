"""Compile a pipeline to KFP IR YAML or to Kubernetes-native manifests, and check what comes out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import yaml

from components.core.errors import ConfigurationError
from pipelines.registry import pipeline_function

TARGETS: Final = ("kfp", "kfp-manifest")


def compile_pipeline(pipeline: str, target: str, *, namespace: str = "kubeflow") -> str:
    """A pipeline as YAML text.

    Args:
        target: `kfp` for the intermediate representation (upload it in the UI or submit it), or
            `kfp-manifest` for Pipeline and PipelineVersion objects (`kubectl apply`).

    Raises:
        ConfigurationError: for an unknown pipeline or target.
    """
    if target not in TARGETS:
        raise ConfigurationError(f"--to {target}: choose one of {', '.join(TARGETS)}.")
    from kfp import compiler
    from kfp.compiler.compiler_utils import KubernetesManifestOptions

    function = pipeline_function(pipeline)
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
    """Parse what was compiled strictly: an unknown or mistyped key is refused.

    Raises:
        ConfigurationError: naming the key.
    """
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2

    for document in yaml.safe_load_all(text):
        spec = document
        if document.get("kind") == "PipelineVersion":
            spec = document["spec"]["pipelineSpec"]
        elif document.get("kind") == "Pipeline":
            continue
        if "pipelineInfo" not in spec:
            continue  # the platform spec
        try:
            json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
        except json_format.ParseError as error:
            raise ConfigurationError(f"The compiled pipeline is not valid KFP IR: {error}") from None
