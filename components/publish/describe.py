"""Describe a finished run: its report, and the data card and Croissant metadata of its release."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

from components.core import shards
from components.core.errors import ConfigurationError
from components.core.manifest import Manifest, find
from components.core.progress import emit
from components.core.stage import empty
from components.core.store import Store, open_store
from components.core.task import reported
from components.publish import statistics
from components.publish.aggregates import Aggregates
from components.publish.card import build_card
from components.publish.croissant import build_croissant, describe_release, to_json
from components.publish.mint_layout import MINT_SCHEMA
from components.publish.release import Release, release_of
from components.publish.run_report import MAX_DOCUMENTS, build_report
from components.publish.samples import Samples, image_ids
from components.publish.summary import Examples, RunSummary, public_uri, steps_of
from components.publish.topics import TopicSample

REPORT: Final = "report/report.html"
"""Where the report lies in the run's output; the card and Croissant lie in the release's folder."""
_RUN_RECORD: Final = "run.json"


class Metrics(Protocol):
    """The part of a KFP metrics artifact that is used here."""

    def log_metric(self, metric: str, value: float) -> None:
        """Record one number."""


def summarize(out: str) -> tuple[RunSummary, Release]:
    """Read back a finished run, shard by shard.

    Raises:
        ConfigurationError: where there is no released dataset at `out`.
    """
    store = open_store(out)
    manifests = find(store)
    released = next((m for m in manifests if m.schema_name == MINT_SCHEMA), None)
    if released is None:
        raise ConfigurationError(
            f"{store.root} holds no released dataset: run the pipeline to its end first."
        )
    release = release_of(released, folder=released.step)
    by_digest = {m.digest: m for m in manifests}
    run = RunSummary(
        name=release.params.card.title,
        steps=steps_of(manifests),
        digest=released.digest,
        code_version=released.code_version,
        sources=_inputs(store),
    )
    topics = TopicSample() if release.params.topics else None
    for shard in released.shards:
        table = shards.read(store, shard)
        run.aggregates.add(table)
        if topics is not None:
            topics.add(table)
    if topics is not None:
        run.topics = topics.topics(release.params.topics)
    run.description = describe_release(run, release)
    _add_samples(run, store, released, by_digest)
    _add_examples(run, store, manifests)
    return run, release


def _inputs(store: Store) -> list[str]:
    """What the run was started with, without secrets."""
    try:
        record = json.loads(store.get(_RUN_RECORD))
    except FileNotFoundError:
        return []
    return [public_uri(uri) for uri in record.get("inputs", [])]


def _add_samples(run: RunSummary, store: Store, released: Manifest, known: dict[str, Manifest]) -> None:
    """Documents to show come from what was exported: it still knows roles, captions and pages."""
    documents = known.get(released.parents.get("documents", ""))
    if documents is None:
        return
    samples = Samples(MAX_DOCUMENTS)
    for shard in documents.shards:
        samples.add(shards.read(store, shard))
    run.samples = samples.choose()
    images = known.get(released.parents.get("images", ""))
    wanted = set(image_ids(run.samples))
    if images is not None and wanted:
        found = shards.read_ids(store, images.shards, wanted, empty("images/1"))
        ids, data = found.column("id").to_pylist(), found.column("bytes").to_pylist()
        run.images = dict(zip(ids, data, strict=True))


def _add_examples(run: RunSummary, store: Store, manifests: Iterable[Manifest]) -> None:
    examples = Examples()
    seen: set[str] = set()
    for manifest in manifests:
        if manifest.step not in seen:
            seen.add(manifest.step)
            for shard in manifest.ledger:
                examples.add(shards.read(store, shard))
    for step in run.steps:
        step.examples = examples.of(step.name)


def write_report(out: str) -> str:
    """Write the report, the card, Croissant metadata and statistics of a run; where the report is."""
    _write(out)
    return open_store(out).uri(REPORT)


def _write(out: str) -> tuple[str, Aggregates]:
    run, release = summarize(out)
    store = open_store(out)
    folder = next(d.name.partition("/")[0] for d in run.datasets if d.schema == release.schema)
    page = build_report(run)
    store.put(f"{folder}/README.md", build_card(run, release).encode())
    store.put(f"{folder}/croissant.json", to_json(build_croissant(run, release)))
    store.put(f"{folder}/statistics.json", statistics.to_json(statistics.statistics(run)))
    store.put(REPORT, page.encode())
    return page, run.aggregates


def describe_run(out: str, report_path: str, metrics: Metrics | None = None) -> None:
    """Body of the component `describe`: as `write_report`, with a copy for the orchestrator's page.

    Args:
        out: the run's output, a path or URI.
        report_path: local file for the report.
        metrics: gets the release's numbers.
    """
    with reported():
        page, found = _write(out)
        place = Path(report_path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page, encoding="utf-8")
        numbers: dict[str, Any] = {
            "documents": found.documents,
            "words": found.words.sum,
            "images": found.images,
            "image_bytes": found.image_bytes,
        }
        if metrics is not None:
            for name, value in numbers.items():
                metrics.log_metric(name, value)
        emit("described", step="report", line=f"report: {found.documents} documents described")
