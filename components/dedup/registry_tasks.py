"""The first and the last task of a run with a registry: what its components call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from components.core import runner
from components.core.manifest import Manifest, load
from components.core.task import Artifact, hand_over, make_stage, read_params, reported, unspelled
from components.dedup import registry
from components.dedup.params import DedupFamilyParams

_RELEASED_KEYS: Final = "components.dedup.released_keys:ReleasedKeysStage"
_NO_MATTER: Final = frozenset({"limits"})
"""Parameters of the extraction that change no document (a page that meets a limit fails, and is not seen)."""


def settings(crawl: Mapping[str, Any], filter: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that decide what becomes of a payload: a run with others reads it again."""
    extract = {name: value for name, value in crawl["extract"].items() if name not in _NO_MATTER}
    given: dict[str, Any] = unspelled({"extract": extract, "filter": filter})
    return given


def snapshot(
    out: str,
    crawl: Mapping[str, Any],
    filter: Mapping[str, Any],
    dedup: Mapping[str, Any],
    run: Mapping[str, Any],
) -> dict[str, Manifest]:
    """`registry.snapshot` out of plain values."""
    checked, how = _checked(dedup, run)
    given = settings(crawl, filter)
    return registry.snapshot(out, checked.registry, checked.text, how.partitions, given)


def publish_snapshot(
    out: str,
    crawl: Mapping[str, Any],
    filter: Mapping[str, Any],
    dedup: Mapping[str, Any],
    run: Mapping[str, Any],
    known: Artifact,
    seen: Artifact,
) -> None:
    """Body of the component `registry`."""
    with reported():
        made = snapshot(out, crawl, filter, dedup, run)
    hand_over(made, {"known_keys": known, "seen_payloads": seen})


def register_run(
    inputs: Mapping[str, str],
    payloads: str,
    out: str,
    crawl: Mapping[str, Any],
    filter: Mapping[str, Any],
    dedup: Mapping[str, Any],
    run: Mapping[str, Any],
) -> None:
    """Body of the component `register`.

    Args:
        inputs: ports of `ReleasedKeysStage` → path of a manifest.
        payloads: path of the manifest of extract's `payloads`.
    """
    with reported():
        given = {port: load(Path(path).read_bytes(), path) for port, path in inputs.items()}
        register(given, load(Path(payloads).read_bytes(), payloads), out, crawl, filter, dedup, run)


def register(
    inputs: dict[str, Manifest],
    payloads: Manifest,
    out: str,
    crawl: Mapping[str, Any],
    filter: Mapping[str, Any],
    dedup: Mapping[str, Any],
    run: Mapping[str, Any],
) -> Manifest:
    """Find the keys of what was released and add the run to the registry, if one is named.

    Returns:
        The keys; none without a registry.
    """
    checked, how = _checked(dedup, run)
    stage = make_stage(_RELEASED_KEYS, checked.registry.model_dump(mode="json"), how)
    keys = runner.run_step(stage, inputs, out, how)["keys"]
    registry.register(out, checked.registry, checked.text, settings(crawl, filter), keys, payloads)
    return keys


def _checked(dedup: Mapping[str, Any], run: Mapping[str, Any]) -> tuple[DedupFamilyParams, runner.RunParams]:
    params = read_params(DedupFamilyParams, dedup, "dedup")
    how = read_params(runner.RunParams, run, "run")
    assert isinstance(params, DedupFamilyParams)
    assert isinstance(how, runner.RunParams)
    return params, how
