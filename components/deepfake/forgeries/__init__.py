"""The registry of pseudo-forgeries: every module of this package that registers one is found by itself."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence

from components.core.errors import ConfigurationError
from components.deepfake.forgeries.base import Forgery

_REGISTRY: dict[str, type[Forgery]] = {}


def register(forgery: type[Forgery]) -> type[Forgery]:
    """Class decorator: put a forgery into the registry under its `name`."""
    before = _REGISTRY.get(forgery.name)
    if before is not None and before.__module__ != forgery.__module__:
        raise ValueError(f"{forgery.__module__} and {before.__module__} are both {forgery.name!r}")
    _REGISTRY[forgery.name] = forgery
    return forgery


@functools.cache
def registry() -> Mapping[str, type[Forgery]]:
    """All forgeries by name, in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items()))


def open_forgeries(names: Sequence[str]) -> list[Forgery]:
    """Forgeries by name, in the order given.

    Raises:
        ConfigurationError: for a name that is not registered.
    """
    for name in names:
        if name not in registry():
            raise ConfigurationError(f"There is no forgery {name!r}; there are {', '.join(registry())}.")
    return [registry()[name]() for name in names]
