"""The registry of detectors: every module of this package that registers one is found by itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from components.core.errors import ConfigurationError
from components.core.task import read_params
from components.deepfake.detectors.base import Detector, DetectorParams, Registered

EXTERNAL: Final = "external"
"""The detector of which there may be several, each with weights of its own."""

_REGISTRY: dict[str, Registered] = {}


def register(params: type[DetectorParams] = DetectorParams) -> Callable[[type[Detector]], type[Detector]]:
    """Class decorator: put a detector into the registry under its `name`.

    Args:
        params: the model of its parameters.
    """

    def decorate(detector: type[Detector]) -> type[Detector]:
        before = _REGISTRY.get(detector.name)
        if before is not None and before.detector.__module__ != detector.__module__:
            raise ValueError(
                f"{detector.__module__} and {before.detector.__module__} are both {detector.name!r}"
            )
        _REGISTRY[detector.name] = Registered(detector, params)
        return detector

    return decorate


@functools.cache
def registry() -> Mapping[str, Registered]:
    """All detectors by name, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items()))


def default_detectors() -> dict[str, dict[str, Any]]:
    """All detectors with their default parameters, but not `external`, which is nothing without a card."""
    # a detector's module has its name: nothing is imported where only the defaults are asked for
    modules = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: {} for name in modules if name not in (EXTERNAL, "base")}


def in_order(wanted: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Detectors and their parameters: provenance first, then by name.

    An orchestrator may hand over a mapping in any order, and results must not follow it.
    """
    return sorted(wanted.items(), key=lambda pair: (pair[0] != "provenance", pair[0]))


def open_detectors(wanted: Mapping[str, Mapping[str, Any]], weights: Path | None = None) -> list[Detector]:
    """Detectors ready to judge, in the order of `in_order`.

    Args:
        wanted: name of a detector to its parameters; `external:NAME` is an external one that is called so.
        weights: folder of a trained model (`detectors` of a run of the pipeline `deepfake`); None for
            what comes with the package.

    Raises:
        ConfigurationError: for a name that is not registered, wrong parameters, or missing weights.
    """
    opened = []
    for name, values in in_order(wanted):
        kind, label = _kind(name)
        found = registry()[kind]
        params = read_params(found.params, values, f"deepfake.detectors.{name}")
        detector = found.detector(params, weights)
        if label:
            vars(detector)["name"] = name  # of this one, over that of its class
        opened.append(detector)
    return opened


def check_detectors(wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse at the start of a run what `open_detectors` would refuse hours later; opens no weights.

    Raises:
        ConfigurationError: for a name that is not registered, or wrong parameters.
    """
    for name, values in wanted.items():
        kind, _ = _kind(name)
        if values:  # the defaults are right, and importing detectors takes long
            read_params(registry()[kind].params, values, f"deepfake.detectors.{name}")


def _kind(name: str) -> tuple[str, str]:
    """The registered name of a detector, and the label of an external one."""
    kind, colon, label = name.partition(":")
    if kind not in (*default_detectors(), EXTERNAL) or (colon and (kind != EXTERNAL or not label)):
        raise ConfigurationError(
            f"There is no detector {name!r}; there are {', '.join(registry())} and {EXTERNAL}:NAME."
        )
    return kind, label
