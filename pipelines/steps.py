"""The steps of every pipeline, in order: what a person sees of a run, and where its parameters are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pipeline.

    Attributes:
        name: the step's folder in the run's output and its name in the ledger.
        family: folder under `components/`.
        stage: import path of its stage; None for a step that is not run in units.
        section: dotted place of its parameters in the configuration.
        says: what it does, in a few words.
        inputs: input port → the datasets it reads, as `step.port`; several are read as one.
    """

    name: str
    family: str
    stage: str | None
    section: str
    says: str
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


MINT: Final = (
    Step("sources", "crawl", None, "crawl.sources", "tell inputs apart, cut them into units"),
    Step(
        "fetch",
        "crawl",
        "components.crawl.fetch:FetchStage",
        "crawl.fetch",
        "fetch addresses politely to WARC",
        {"sources": ("sources.sources",)},
    ),
    Step(
        "extract",
        "crawl",
        "components.crawl.extract:ExtractStage",
        "crawl.extract",
        "pages, PDFs, LaTeX to interleaved documents",
        {"sources": ("fetch.sources",)},
    ),
    Step(
        "unique_images",
        "dedup",
        "components.dedup.images:UniqueImagesStage",
        "dedup.images",
        "one row for every image",
        {"images": ("extract.images",)},
    ),
    Step(
        "link_images",
        "crawl",
        "components.crawl.link:LinkImagesStage",
        "",
        "find shown images",
        {"image_refs": ("extract.image_refs",), "image_index": ("extract.image_index",)},
    ),
    Step(
        "assemble",
        "crawl",
        "components.crawl.link:AssembleStage",
        "",
        "put found images into documents",
        {"documents": ("extract.documents",), "image_links": ("link_images.image_links",)},
    ),
    Step(
        "annotate",
        "filter",
        "components.filter.annotate:AnnotateStage",
        "filter.annotate",
        "store scores",
        {"documents": ("assemble.documents",)},
    ),
    Step(
        "decide",
        "filter",
        "components.filter.decide:DecideStage",
        "filter.decide",
        "apply thresholds",
        {"documents": ("annotate.documents",)},
    ),
    Step(
        "dedup_keys",
        "dedup",
        "components.dedup.keys:KeysStage",
        "dedup.text",
        "hash texts and MinHash bands",
        {"documents": ("decide.documents",)},
    ),
    Step(
        "dedup_match",
        "dedup",
        "components.dedup.match:MatchStage",
        "dedup.text",
        "find shared keys",
        {"keys": ("dedup_keys.keys",)},
    ),
    Step(
        "dedup_cluster",
        "dedup",
        "components.dedup.cluster:ClusterStage",
        "dedup.text",
        "join pairs",
        {"edges": ("dedup_match.edges",)},
    ),
    Step(
        "dedup",
        "dedup",
        "components.dedup.apply:DropDuplicatesStage",
        "dedup.text",
        "drop duplicates",
        {"documents": ("decide.documents",), "duplicates": ("dedup_cluster.duplicates",)},
    ),
    Step(
        "export",
        "publish",
        "components.publish.export:ExportStage",
        "publish",
        "write the release",
        {"documents": ("dedup.documents",), "images": ("unique_images.images",)},
    ),
    Step("report", "publish", None, "publish", "data card, Croissant metadata, report"),
)

PIPELINES: Final = {"mint": MINT}
"""Pipelines by name; each has a module of its own in this package."""
