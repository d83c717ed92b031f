"""Bodies of the two steps that read and write the registry: a run's first and last of deduplication."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from components.core.manifest import load
from components.core.runner import RunParams
from components.core.task import Artifact, hand_over, read_params, reported
from components.dedup.params import DedupParams, RegistryParams
from components.dedup.registry import register, snapshot

_NO_MATTER: Final = frozenset({"limits", "partitions"})
"""Parameters of the extraction that change no document (a page that meets a limit fails, and is not seen)."""


def seen_settings(crawl: Mapping[str, Any], filter_: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that decide what becomes of a payload: those of the extraction and of all filters."""
    extract = {name: value for name, value in crawl["extract"].items() if name not in _NO_MATTER}
    return {"extract": extract, "filter": dict(filter_)}


def _params(dedup: Mapping[str, Any]) -> tuple[RegistryParams, DedupParams]:
    registry = read_params(RegistryParams, dedup["registry"], "dedup.registry")
    text = read_params(DedupParams, dedup["text"], "dedup.text")
    assert isinstance(registry, RegistryParams)
    assert isinstance(text, DedupParams)
    return registry, text


def publish_snapshot(
    out: str,
    crawl: Mapping[str, Any],
    filter_: Mapping[str, Any],
    dedup: Mapping[str, Any],
    run: Mapping[str, Any],
    known_keys: Artifact,
    seen_payloads: Artifact,
) -> None:
    """Body of the `registry` component: what earlier runs released and have seen."""
    with reported():
        registry, text = _params(dedup)
        checked = read_params(RunParams, run, "run")
        assert isinstance(checked, RunParams)
        made = snapshot(out, registry, text, checked.partitions, seen_settings(crawl, filter_))
    hand_over(made, {"known_keys": known_keys, "seen_payloads": seen_payloads})


def publish_registration(
    out: str,
    crawl: Mapping[str, Any],
    filter_: Mapping[str, Any],
    dedup: Mapping[str, Any],
    released_keys: str,
    payloads: str,
) -> None:
    """Body of the `register` component: add the run to the registry.

    Args:
        released_keys, payloads: paths of the manifests of `released_keys.keys` and `extract.payloads`.
    """
    with reported():
        registry, text = _params(dedup)
        known, seen = (load(Path(path).read_bytes(), path) for path in (released_keys, payloads))
        register(out, registry, text, seen_settings(crawl, filter_), known, seen)
