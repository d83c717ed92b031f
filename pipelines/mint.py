"""The `mint` pipeline: any mix of inputs to a published interleaved dataset (MINT-1T, arXiv 2406.11271).

Two-level fan-out: the DAG has a fixed number of nodes; each step loops over workers, and each worker
takes many shards and uses all its cores.
"""

from typing import Any

from kfp import dsl

from components.core.task import spelled
from components.crawl import component as crawling
from components.dedup import component as deduplication
from components.deepfake import component as forensics
from components.filter import component as filtering
from components.publish import component as publishing
from pipelines.config import MintConfig
from pipelines.fan_out import single, step
from pipelines.start import start

_DEFAULTS = spelled(MintConfig().model_dump(mode="json"))


def grow_documents(
    begun: Any, fan: dict, inputs: Any, crawl: Any, filter: Any, dedup: Any, screen: Any
) -> dict[str, Any]:
    """The steps from the inputs to the documents that are to be released.

    Args:
        begun: the first task.
        fan: what every step gets: `numbers` and `workers`, `out` and `run`.

    Returns:
        Output artifacts by name.
    """
    common = {"out": fan["out"], "run": fan["run"]}
    listed = single("sources", crawling.sources, begun, inputs=inputs, crawl=crawl, **common)
    earlier = single(
        "registry", deduplication.registry, begun, crawl=crawl, filter=filter, dedup=dedup, **common
    )
    pdf_targets = step(
        "find pdfs",
        crawling.find_pdfs,
        crawling.find_pdfs_commit,
        **fan,
        sources=listed.outputs["sources"],
        crawl=crawl,
    )
    fetched = step(
        "fetch",
        crawling.fetch,
        crawling.fetch_commit,
        **fan,
        sources=listed.outputs["sources"],
        crawl=crawl,
    )
    pdfs = step(
        "fetch pdfs",
        crawling.fetch_pdfs,
        crawling.fetch_pdfs_commit,
        **fan,
        pdf_targets=pdf_targets.outputs["pdf_targets"],
        crawl=crawl,
    )
    extracted = step(
        "extract",
        crawling.extract,
        crawling.extract_commit,
        **fan,
        fetched=fetched.outputs["fetched"],
        fetched_pdfs=pdfs.outputs["fetched_pdfs"],
        seen=earlier.outputs["seen"],
        crawl=crawl,
    )
    annotated = step(
        "annotate",
        filtering.annotate,
        filtering.annotate_commit,
        **fan,
        documents=extracted.outputs["documents"],
        filter=filter,
    )
    decided = step(
        "decide",
        filtering.decide,
        filtering.decide_commit,
        **fan,
        annotated=annotated.outputs["annotated"],
        item_scores=annotated.outputs["item_scores"],
        filter=filter,
    )
    keyed = step(
        "dedup keys",
        deduplication.keys,
        deduplication.keys_commit,
        **fan,
        decided=decided.outputs["decided"],
        dedup=dedup,
    )
    matched = step(
        "dedup match",
        deduplication.match,
        deduplication.match_commit,
        **fan,
        keys=keyed.outputs["keys"],
        paragraphs=keyed.outputs["paragraphs"],
        known=earlier.outputs["known"],
        dedup=dedup,
    )
    clustered = step(
        "dedup cluster",
        deduplication.cluster,
        deduplication.cluster_commit,
        **fan,
        decided=decided.outputs["decided"],
        edges=matched.outputs["edges"],
        known_matches=matched.outputs["known_matches"],
        dedup=dedup,
    )
    repeated = step(
        "bloom",
        deduplication.bloom,
        deduplication.bloom_commit,
        **fan,
        decided=decided.outputs["decided"],
        dedup=dedup,
    )
    reworded = single(
        "semantic",
        deduplication.semantic,
        decided=decided.outputs["decided"],
        duplicates=clustered.outputs["duplicates"],
        drops=repeated.outputs["drops"],
        dedup=dedup,
        **common,
    )
    unique = step(
        "dedup",
        deduplication.drop_duplicates,
        deduplication.drop_duplicates_commit,
        **fan,
        decided=decided.outputs["decided"],
        duplicates=clustered.outputs["duplicates"],
        semantic_duplicates=reworded.outputs["semantic_duplicates"],
        drops=repeated.outputs["drops"],
        boilerplate=matched.outputs["boilerplate"],
        dedup=dedup,
    )
    links = step(
        "link images",
        crawling.link_images,
        crawling.link_images_commit,
        **fan,
        image_refs=unique.outputs["image_refs"],
        image_index=extracted.outputs["image_index"],
        crawl=crawl,
    )
    downloads = step(
        "fetch images",
        crawling.fetch_images,
        crawling.fetch_images_commit,
        **fan,
        image_targets=links.outputs["image_targets"],
        crawl=crawl,
    )
    images = step(
        "unique images",
        deduplication.unique_images,
        deduplication.unique_images_commit,
        **fan,
        images=extracted.outputs["images"],
        fetched_images=downloads.outputs["fetched_images"],
        dedup=dedup,
    )
    assembled = step(
        "assemble",
        crawling.assemble,
        crawling.assemble_commit,
        **fan,
        deduplicated=unique.outputs["deduplicated"],
        image_links=links.outputs["image_links"],
        fetched_links=downloads.outputs["fetched_links"],
    )
    scored = step(
        "annotate images",
        filtering.annotate_images,
        filtering.annotate_images_commit,
        **fan,
        unique=images.outputs["unique"],
        uses=assembled.outputs["uses"],
        filter=filter,
    )
    screened = step(
        "screen",
        forensics.screen,
        forensics.screen_commit,
        **fan,
        found=scored.outputs["scored"],
        screen=screen,
    )
    grouped = step(
        "image groups",
        deduplication.image_groups,
        deduplication.image_groups_commit,
        **fan,
        scored=scored.outputs["scored"],
        dedup=dedup,
    )
    compared = step(
        "similarity",
        filtering.similarity,
        filtering.similarity_commit,
        **fan,
        assembled=assembled.outputs["assembled"],
        scored=scored.outputs["scored"],
        filter=filter,
    )
    illustrated = step(
        "decide images",
        filtering.decide_images,
        filtering.decide_images_commit,
        **fan,
        assembled=assembled.outputs["assembled"],
        scored=scored.outputs["scored"],
        groups=grouped.outputs["groups"],
        similarity=compared.outputs["similarity"],
        screenings=screened.outputs["screenings"],
        filter=filter,
    )
    return {
        "decided": decided.outputs["decided"],
        "keys": keyed.outputs["keys"],
        "payloads": extracted.outputs["payloads"],
        "scored": scored.outputs["scored"],
        "groups": grouped.outputs["groups"],
        "screenings": screened.outputs["screenings"],
        "illustrated": illustrated.outputs["illustrated"],
    }


def release_documents(
    grown: dict[str, Any], fan: dict, crawl: Any, filter: Any, dedup: Any, publish: Any
) -> Any:
    """Write the released columns, and remember for later runs what was released.

    Args:
        grown: what `grow_documents` returned.

    Returns:
        The release.
    """
    released = step(
        "export",
        publishing.export,
        publishing.export_commit,
        **fan,
        documents=grown["illustrated"],
        images=grown["scored"],
        publish=publish,
    )
    single(
        "released keys",
        deduplication.register,
        decided=grown["decided"],
        illustrated=grown["illustrated"],
        keys=grown["keys"],
        payloads=grown["payloads"],
        release=released.outputs["release"],
        crawl=crawl,
        filter=filter,
        dedup=dedup,
        out=fan["out"],
        run=fan["run"],
    )
    return released.outputs["release"]


@dsl.pipeline(name="mint", description="Interleaved text-and-image documents from the web, PDF and ArXiv")
def mint(
    inputs: list[str],
    out: str,
    workers: int = 1,
    crawl: dict = _DEFAULTS["crawl"],
    filter: dict = _DEFAULTS["filter"],
    dedup: dict = _DEFAULTS["dedup"],
    screen: dict = _DEFAULTS["screen"],
    publish: dict = _DEFAULTS["publish"],
    run: dict = _DEFAULTS["run"],
):
    """Crawl, extract, filter, deduplicate and publish.

    Args:
        inputs: files, folders, URLs or lists of them, as URIs.
        out: where everything goes, file:// or s3://.
        workers: workers of each step; each is a pod on a cluster.
        crawl: parameters of the crawl family.
        filter: parameters of the filter family.
        dedup: parameters of the dedup family.
        screen: parameters of the step that screens images.
        publish: parameters of the publish family.
        run: how the run is executed; changes no output.
    """
    begun = single(
        "start",
        start,
        pipeline="mint",
        inputs=inputs,
        out=out,
        workers=workers,
        crawl=crawl,
        filter=filter,
        dedup=dedup,
        screen=screen,
        publish=publish,
        run=run,
    )
    fan = {"numbers": begun.output, "workers": workers, "out": out, "run": run}
    grown = grow_documents(begun, fan, inputs, crawl, filter, dedup, screen)
    release = release_documents(grown, fan, crawl, filter, dedup, publish)
    single("report", publishing.describe, release=release, out=out)
