"""Pipelines by name. Importing one imports kfp, so it happens only when one is needed."""

from __future__ import annotations

import importlib
from typing import Any

from components.core.errors import ConfigurationError
from pipelines.placement import placed_on
from pipelines.pools import ClusterConfig
from pipelines.steps import PIPELINES


def pipeline_function(name: str, cluster: ClusterConfig | None = None) -> Any:
    """The KFP pipeline called `name`.

    Args:
        cluster: its tasks ask for the pools of this cluster; None: for nothing, as on one machine.

    Raises:
        ConfigurationError: for a pipeline that does not exist.
    """
    if name not in PIPELINES:
        known = ", ".join(PIPELINES)
        raise ConfigurationError(f"There is no pipeline {name!r}; known pipelines are {known}.")
    traced = getattr(importlib.import_module(f"pipelines.{name}"), name)
    if cluster is None:
        return traced
    from kfp import dsl

    with placed_on(cluster):
        return dsl.pipeline(name=name, description=traced.description)(traced.pipeline_func)
