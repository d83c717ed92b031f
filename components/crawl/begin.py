"""The first step of a run: commit what the inputs amount to as the `sources` dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.core.runner import RunParams, publish
from components.core.store import Stores
from components.core.task import Artifact, hand_over, read_params, reported
from components.crawl.sources import STEP, SourcesParams, list_sources


def publish_sources(
    inputs: Sequence[str],
    out: str,
    params: Mapping[str, Any],
    run: Mapping[str, Any],
    artifact: Artifact,
    metrics: Any = None,
) -> None:
    """Body of the `sources` component: list the inputs, cut them into units, commit the dataset."""
    with reported():
        checked = read_params(SourcesParams, params, "crawl.sources")
        assert isinstance(checked, SourcesParams)
        plan = list_sources(inputs, Stores(out), checked)
        manifest = publish(
            STEP,
            "sources",
            "sources/1",
            plan.shards(),
            plan.ledger(),
            plan.counts,
            out,
            family="crawl",
            params={**checked.model_dump(mode="json"), "inputs": list(inputs)},
            run=read_params(RunParams, run, "run"),  # type: ignore[arg-type]
        )
    hand_over({"sources": manifest}, {"sources": artifact}, metrics)
