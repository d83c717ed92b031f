"""The `mint` pipeline: any mix of inputs to a published interleaved dataset (MINT-1T, arXiv 2406.11271).

Two-level fan-out: the DAG has a fixed number of nodes; each step loops over workers, and each worker
takes many shards and uses all its cores.
"""

from typing import Any

from kfp import dsl

from components.crawl import component as crawling
from components.dedup import component as deduplication
from components.filter import component as filtering
from components.publish import component as publishing
from pipelines.config import MintConfig
from pipelines.start import start

_DEFAULTS = MintConfig().model_dump(mode="json", exclude_none=True)


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
    fan = {"numbers": begun.output, "workers": workers}

    listed = crawling.sources(inputs=inputs, crawl=crawl, **common).after(begun).set_caching_options(False)
    fetched = _step(
        "fetch",
        crawling.fetch,
        crawling.fetch_commit,
        **fan,
        sources=listed.outputs["sources"],
        crawl=crawl,
        **common,
    )
    extracted = _step(
        "extract",
        crawling.extract,
        crawling.extract_commit,
        **fan,
        sources=fetched.outputs["fetched"],
        crawl=crawl,
        **common,
    )
    images = _step(
        "unique images",
        deduplication.unique_images,
        deduplication.unique_images_commit,
        **fan,
        images=extracted.outputs["images"],
        dedup=dedup,
        **common,
    )
    links = _step(
        "link images",
        crawling.link_images,
        crawling.link_images_commit,
        **fan,
        image_refs=extracted.outputs["image_refs"],
        image_index=extracted.outputs["image_index"],
        **common,
    )
    assembled = _step(
        "assemble",
        crawling.assemble,
        crawling.assemble_commit,
        **fan,
        documents=extracted.outputs["documents"],
        image_links=links.outputs["image_links"],
        **common,
    )
    annotated = _step(
        "annotate",
        filtering.annotate,
        filtering.annotate_commit,
        **fan,
        documents=assembled.outputs["assembled"],
        filter=filter,
        **common,
    )
    decided = _step(
        "decide",
        filtering.decide,
        filtering.decide_commit,
        **fan,
        documents=annotated.outputs["annotated"],
        filter=filter,
        **common,
    )
    keyed = _step(
        "dedup keys",
        deduplication.keys,
        deduplication.keys_commit,
        **fan,
        documents=decided.outputs["decided"],
        dedup=dedup,
        **common,
    )
    matched = _step(
        "dedup match",
        deduplication.match,
        deduplication.match_commit,
        **fan,
        keys=keyed.outputs["keys"],
        dedup=dedup,
        **common,
    )
    clustered = deduplication.cluster(edges=matched.outputs["edges"], dedup=dedup, **common)
    clustered.set_caching_options(False).set_display_name("dedup cluster")
    unique = _step(
        "dedup",
        deduplication.drop_duplicates,
        deduplication.drop_duplicates_commit,
        **fan,
        documents=decided.outputs["decided"],
        duplicates=clustered.outputs["duplicates"],
        dedup=dedup,
        **common,
    )
    released = _step(
        "export",
        publishing.export,
        publishing.export_commit,
        **fan,
        documents=unique.outputs["deduplicated"],
        images=images.outputs["unique"],
        publish=publish,
        **common,
    )
    described = publishing.describe(release=released.outputs["release"], out=out)
    described.set_caching_options(False).set_display_name("report")
