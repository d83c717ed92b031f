"""Pipelines by name. Importing one imports kfp, so it happens only when one is needed."""

from __future__ import annotations

import importlib
from typing import Any

from components.core.errors import ConfigurationError
from pipelines.steps import PIPELINES


def pipeline_function(name: str) -> Any:
    """The KFP pipeline called `name`.

    Raises:
        ConfigurationError: for a pipeline that does not exist.
    """
    if name not in PIPELINES:
        known = ", ".join(PIPELINES)
        raise ConfigurationError(f"There is no pipeline {name!r}; known pipelines are {known}.")
    return getattr(importlib.import_module(f"pipelines.{name}"), name)
