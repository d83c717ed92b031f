"""Describe a finished run: its report, and the data card and Croissant metadata of its releases."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from components.core import shards
from components.core.errors import ConfigurationError
from components.core.manifest import Manifest, find
from components.core.progress import emit
from components.core.stage import empty
from components.core.store import Store, open_store
from components.core.task import reported
from components.publish import statistics
from components.publish.caption_card import build_caption_card
from components.publish.caption_croissant import build_caption_croissant, describe_captions
from components.publish.caption_summary import CaptionSummary, summarize_captions
from components.publish.card import build_card
from components.publish.croissant import build_croissant, describe_release, to_json
from components.publish.forensics_summary import ForensicsSummary, summarize_forensics
from components.publish.mint_layout import MINT_SCHEMA
from components.publish.release import Release, release_of
from components.publish.run_report import MAX_DOCUMENTS, build_report
from components.publish.samples import Samples, image_ids
from components.publish.screening_summary import summarize_screening
from components.publish.summary import Examples, RunSummary, public_uri, steps_of
from components.publish.topics import TopicSample

REPORT: Final = "report/report.html"
"""Where the report lies; card, Croissant and statistics lie in the folder of each release."""
_RUN_RECORD: Final = "run.json"


class Metrics(Protocol):
    """The part of a KFP metrics artifact that is used here."""

    def log_metric(self, metric: str, value: float) -> None:
        """Record one number."""


def summarize(out: str) -> tuple[RunSummary, Release]:
    """Read back a finished run that released documents, shard by shard.

    Raises:
        ConfigurationError: where there is no such release at `out`.
    """
    run, release = read_run(out)
    if release is None:
        raise ConfigurationError(f"{open_store(out).root} holds no released dataset of documents.")
    return run, release


def read_run(out: str) -> tuple[RunSummary, Release | None]:
    """Read back a finished run, shard by shard, with its release of documents, if it has one.

    Raises:
        ConfigurationError: where nothing was released at `out`.
    """
    store = open_store(out)
    manifests = find(store)
    released = next((m for m in manifests if m.schema_name == MINT_SCHEMA), None)
    captions = summarize_captions(store, manifests)
    forensics = summarize_forensics(store, manifests)
    if released is None and captions is None and forensics is None:
        raise ConfigurationError(
            f"{store.root} holds no released dataset: run the pipeline to its end first."
        )
    release = release_of(released, folder=released.step) if released else None
    run = RunSummary(
        name=_title(release, captions),
        steps=steps_of(manifests),
        digest=_digest(released, captions, forensics),
        code_version=_code_version(released, captions, forensics),
        sources=_inputs(store),
        captions=captions,
        forensics=forensics,
        screening=summarize_screening(store, manifests),
    )
    if released is not None and release is not None:
        _add_documents(run, store, manifests, released, release)
    if captions is not None:
        told = describe_captions(captions)
        run.description = f"{run.description} {told}" if run.description else told
    _add_examples(run, store, manifests)
    return run, release


def _title(release: Release | None, captions: CaptionSummary | None) -> str:
    titles = [release.params.card.title] if release else []
    titles += [captions.release.params.card.title] if captions else []
    return " and ".join(titles) or "Deepfake detectors"


def _code_version(
    released: Manifest | None, captions: CaptionSummary | None, forensics: ForensicsSummary | None
) -> str:
    if released is not None:
        return released.code_version
    if captions is not None:
        return captions.release.code_version
    return forensics.code_version if forensics else ""


def _digest(
    released: Manifest | None, captions: CaptionSummary | None, forensics: ForensicsSummary | None
) -> str:
    digests = [released.digest] if released else []
    digests += [captions.release.digest] if captions else []
    return " ".join([*digests, *([forensics.digest] if forensics else [])])


def _add_documents(
    run: RunSummary, store: Store, manifests: Iterable[Manifest], released: Manifest, release: Release
) -> None:
    topics = TopicSample() if release.params.topics else None
    for shard in released.shards:
        table = shards.read(store, shard)
        run.aggregates.add(table)
        if topics is not None:
            topics.add(table)
    if topics is not None:
        run.topics = topics.topics(release.params.topics)
    run.description = describe_release(run, release)
    _add_samples(run, store, released, {m.digest: m for m in manifests})


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
    """Write the report of a run, and the card, Croissant metadata and statistics of each of its releases.

    Returns:
        Where the report is.
    """
    _write(out)
    return open_store(out).uri(REPORT)


def _write(out: str) -> tuple[str, RunSummary]:
    run, release = read_run(out)
    store = open_store(out)
    if release is not None:
        folder = next(d.name.partition("/")[0] for d in run.datasets if d.schema == release.schema)
        store.put(f"{folder}/README.md", build_card(run, release).encode())
        store.put(f"{folder}/croissant.json", to_json(build_croissant(run, release)))
        store.put(f"{folder}/statistics.json", statistics.to_json(statistics.statistics(run)))
    if (captions := run.captions) is not None:
        folder = captions.release.step
        store.put(f"{folder}/README.md", build_caption_card(run, captions).encode())
        store.put(f"{folder}/croissant.json", to_json(build_caption_croissant(run, captions)))
        numbers = statistics.caption_statistics(run, captions)
        store.put(f"{folder}/statistics.json", statistics.to_json(numbers))
    page = build_report(run)
    store.put(REPORT, page.encode())
    return page, run


def describe_run(out: str, report_path: str, metrics: Metrics | None = None) -> None:
    """Body of the component `describe`: as `write_report`, with a copy for the orchestrator's page.

    Args:
        out: the run's output, a path or URI.
        report_path: local file for the report.
        metrics: gets the releases' numbers.
    """
    with reported():
        page, run = _write(out)
        place = Path(report_path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page, encoding="utf-8")
        if metrics is not None:
            for name, value in _numbers(run).items():
                metrics.log_metric(name, value)
        said = []
        if run.has_documents:
            said.append(f"{run.aggregates.documents} documents")
        if run.captions:
            said.append(f"{run.captions.statistics.captions} captions")
        if run.forensics:
            said.append(f"{len(run.forensics.detectors)} detectors")
        emit("described", step="report", line=f"report: {' and '.join(said)} described")


def _numbers(run: RunSummary) -> dict[str, float]:
    """What an orchestrator shows of a run."""
    found = run.aggregates
    numbers: dict[str, float] = {}
    if run.has_documents:
        numbers = {
            "documents": found.documents,
            "words": found.words.sum,
            "images": found.images,
            "image_bytes": found.image_bytes,
        }
    if run.captions is not None:
        of = run.captions.statistics
        judged, claims = sum(of.judged.values()), of.claim_count()
        numbers |= {"captions": of.captions, "words_per_caption": of.words.mean}
        if judged:
            numbers["captions_with_knowledge_share"] = sum(of.knowledge.values()) / judged
        if claims:
            numbers["claims_removed_share"] = of.claim_count(removed=True) / claims
        for row in run.captions.gate:
            numbers[f"gate.{row['metric']}"] = row["value"]
    for row in run.forensics.benchmark if run.forensics else []:
        whole = row["method"] is None and row["slice"] is None and row["value"] is not None
        if whole and (row["metric"], row["level"], row["variant"]) == ("auc", "media", "clean"):
            numbers[f"auc.{row['detector']}.{row['dataset']}.{row['family']}.{row['protocol']}"] = row[
                "value"
            ]
    return numbers
