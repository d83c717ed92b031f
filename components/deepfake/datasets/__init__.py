"""The registry of data sets: every module of this package that defines an adapter is found by itself."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from typing import Any

from components.core.errors import ConfigurationError
from components.core.store import Stores
from components.core.task import read_params
from components.deepfake.datasets.base import DatasetParams, LabelledFile, MediaDataset

__all__ = ["LabelledFile", "MediaDataset", "open_dataset", "registry"]


@functools.cache
def registry() -> Mapping[str, type[MediaDataset]]:
    """All adapters by name, in alphabetical order."""
    found: dict[str, type[MediaDataset]] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for adapter in vars(module).values():
            if not (inspect.isclass(adapter) and issubclass(adapter, MediaDataset)):
                continue
            if inspect.isabstract(adapter) or adapter.__module__ != module.__name__:
                continue
            before = found.setdefault(adapter.name, adapter)
            if before is not adapter:
                raise ValueError(f"{adapter.__module__} and {before.__module__} are both {adapter.name!r}")
    return dict(sorted(found.items()))


def open_dataset(
    name: str, root: str, stores: Stores, params: Mapping[str, Any] | None = None
) -> Iterator[LabelledFile]:
    """The files of a data set.

    Args:
        name: of the adapter.
        root: local folder or `s3://` prefix where a person put it.
        params: of the adapter, as plain values.

    Raises:
        ConfigurationError: for a name that is not there, wrong parameters, or a folder laid out otherwise.
    """
    if name not in registry():
        raise ConfigurationError(f"There is no data set {name!r}; there are {', '.join(registry())}.")
    adapter = registry()[name]
    checked = read_params(adapter.params_model, params or {}, f"deepfake.datasets.{name}")
    assert isinstance(checked, DatasetParams)
    return adapter(checked).files(root, stores)
