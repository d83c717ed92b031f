"""The `mint` pipeline: any mix of inputs to a published interleaved dataset (MINT-1T, arXiv 2406.11271).

Two-level fan-out: the DAG has a fixed number of nodes; each step loops over workers, and each worker
takes many shards and uses all its cores.
"""

from typing import Any

from kfp import dsl

from components.core.task import spelled
from components.crawl import component as crawling
from components.dedup import component as deduplication
from components.filter import component as filtering
from components.publish import component as publishing
from pipelines.config import MintConfig
from pipelines.start import start

_DEFAULTS = spelled(MintConfig().model_dump(mode="json"))


def _step(name: str, worker: Any, commit: Any, numbers: Any, workers: Any, **arguments: Any) -> Any:
    """Workers in parallel, then the commit that waits for all of them."""
    with dsl.ParallelFor(numbers, name=f"{name}-workers") as number:
        share = worker(worker=number, workers=workers, **arguments)
        share.set_caching_options(False)  # steps resume from what is committed in `out`
        share.set_display_name(f"{name} worker")
    published = commit(done=dsl.Collected(share.output), **arguments)
    published.set_caching_options(False)
    published.set_display_name(name)
    return published


@dsl.pipeline(name="mint", description="Interleaved text-and-image documents from the web, PDF and ArXiv")
def mint(
    inputs: list[str],
    out: str,
    workers: int = 1,
    crawl: dict = _DEFAULTS["crawl"],
    filter: dict = _DEFAULTS["filter"],
    dedup: dict = _DEFAULTS["dedup"],
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
        publish: parameters of the publish family.
        run: how the run is executed; changes no output.
    """
    common = {"out": out, "run": run}
    begun = start(
        pipeline="mint",
        inputs=inputs,
        out=out,
        workers=workers,
        crawl=crawl,
        filter=filter,
        dedup=dedup,
        publish=publish,
        run=run,
    ).set_caching_options(False)
    fan = {"numbers": begun.output, "workers": workers, **common}

    listed = crawling.sources(inputs=inputs, crawl=crawl, **common).after(begun).set_caching_options(False)
    earlier = deduplication.registry(crawl=crawl, filter=filter, dedup=dedup, **common)
    earlier.after(begun).set_caching_options(False)
    pdf_targets = _step(
        "find pdfs",
        crawling.find_pdfs,
        crawling.find_pdfs_commit,
        **fan,
        sources=listed.outputs["sources"],
        crawl=crawl,
    )
    fetched = _step(
        "fetch",
        crawling.fetch,
        crawling.fetch_commit,
        **fan,
        sources=listed.outputs["sources"],
        crawl=crawl,
    )
    pdfs = _step(
        "fetch pdfs",
        crawling.fetch_pdfs,
        crawling.fetch_pdfs_commit,
        **fan,
        pdf_targets=pdf_targets.outputs["pdf_targets"],
        crawl=crawl,
    )
    extracted = _step(
        "extract",
        crawling.extract,
        crawling.extract_commit,
        **fan,
        fetched=fetched.outputs["fetched"],
        fetched_pdfs=pdfs.outputs["fetched_pdfs"],
        seen=earlier.outputs["seen"],
        crawl=crawl,
    )
    annotated = _step(
        "annotate",
        filtering.annotate,
        filtering.annotate_commit,
        **fan,
        documents=extracted.outputs["documents"],
        filter=filter,
    )
    decided = _step(
        "decide",
        filtering.decide,
        filtering.decide_commit,
        **fan,
        annotated=annotated.outputs["annotated"],
        item_scores=annotated.outputs["item_scores"],
        filter=filter,
    )
    keyed = _step(
        "dedup keys",
        deduplication.keys,
        deduplication.keys_commit,
        **fan,
        decided=decided.outputs["decided"],
        dedup=dedup,
    )
    matched = _step(
        "dedup match",
        deduplication.match,
        deduplication.match_commit,
        **fan,
        keys=keyed.outputs["keys"],
        paragraphs=keyed.outputs["paragraphs"],
        known=earlier.outputs["known"],
        dedup=dedup,
    )
    clustered = _step(
        "dedup cluster",
        deduplication.cluster,
        deduplication.cluster_commit,
        **fan,
        decided=decided.outputs["decided"],
        edges=matched.outputs["edges"],
        known_matches=matched.outputs["known_matches"],
        dedup=dedup,
    )
    repeated = _step(
        "bloom",
        deduplication.bloom,
        deduplication.bloom_commit,
        **fan,
        decided=decided.outputs["decided"],
        dedup=dedup,
    )
    reworded = deduplication.semantic(
        decided=decided.outputs["decided"],
        duplicates=clustered.outputs["duplicates"],
        drops=repeated.outputs["drops"],
        dedup=dedup,
        **common,
    )
    reworded.set_caching_options(False)
    unique = _step(
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
    links = _step(
        "link images",
        crawling.link_images,
        crawling.link_images_commit,
        **fan,
        image_refs=unique.outputs["image_refs"],
        image_index=extracted.outputs["image_index"],
        crawl=crawl,
    )
    downloads = _step(
        "fetch images",
        crawling.fetch_images,
        crawling.fetch_images_commit,
        **fan,
        image_targets=links.outputs["image_targets"],
        crawl=crawl,
    )
    images = _step(
        "unique images",
        deduplication.unique_images,
        deduplication.unique_images_commit,
        **fan,
        images=extracted.outputs["images"],
        fetched_images=downloads.outputs["fetched_images"],
        dedup=dedup,
    )
    assembled = _step(
        "assemble",
        crawling.assemble,
        crawling.assemble_commit,
        **fan,
        deduplicated=unique.outputs["deduplicated"],
        image_links=links.outputs["image_links"],
        fetched_links=downloads.outputs["fetched_links"],
    )
    scored = _step(
        "annotate images",
        filtering.annotate_images,
        filtering.annotate_images_commit,
        **fan,
        unique=images.outputs["unique"],
        uses=assembled.outputs["uses"],
        filter=filter,
    )
    grouped = _step(
        "image groups",
        deduplication.image_groups,
        deduplication.image_groups_commit,
        **fan,
        scored=scored.outputs["scored"],
        dedup=dedup,
    )
    compared = _step(
        "similarity",
        filtering.similarity,
        filtering.similarity_commit,
        **fan,
        assembled=assembled.outputs["assembled"],
        scored=scored.outputs["scored"],
        filter=filter,
    )
    illustrated = _step(
        "decide images",
        filtering.decide_images,
        filtering.decide_images_commit,
        **fan,
        assembled=assembled.outputs["assembled"],
        scored=scored.outputs["scored"],
        groups=grouped.outputs["groups"],
        similarity=compared.outputs["similarity"],
        filter=filter,
    )
    released = _step(
        "export",
        publishing.export,
        publishing.export_commit,
        **fan,
        documents=illustrated.outputs["illustrated"],
        images=scored.outputs["scored"],
        publish=publish,
    )
    described = publishing.describe(release=released.outputs["release"], out=out)
    described.set_caching_options(False).set_display_name("report")
    registered = deduplication.register(
        decided=decided.outputs["decided"],
        illustrated=illustrated.outputs["illustrated"],
        keys=keyed.outputs["keys"],
        payloads=extracted.outputs["payloads"],
        release=released.outputs["release"],
        crawl=crawl,
        filter=filter,
        dedup=dedup,
        **common,
    )
    registered.set_caching_options(False)
