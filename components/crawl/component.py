"""KFP components of the crawl family: the typed interface and a call, nothing else.

Every step is a pair: workers, of which each takes its share of the units, and a commit that checks
that the step adds up and passes the dataset on.
"""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def sources(
    inputs: list[str], out: str, crawl: dict, run: dict, sources: Output[Dataset], metrics: Output[Metrics]
):
    """Tell the inputs apart by their content and cut them into units of work."""
    from components.crawl.begin import publish_sources

    publish_sources(inputs, out, crawl["sources"], run, sources, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch(sources: Input[Dataset], out: str, crawl: dict, run: dict, worker: int, workers: int) -> str:
    """Fetch addresses politely into WARC files; other sources pass through."""
    from components.core.task import work

    stage = "components.crawl.fetch:FetchStage"
    return work(stage, {"sources": sources.path}, out, crawl["fetch"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch_commit(
    sources: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    fetched: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the WARC files of the crawl as sources."""
    from components.core.task import commit

    stage = "components.crawl.fetch:FetchStage"
    commit(stage, {"sources": sources.path}, out, crawl["fetch"], run, {"sources": fetched}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def extract(sources: Input[Dataset], out: str, crawl: dict, run: dict, worker: int, workers: int) -> str:
    """Turn pages, PDFs, LaTeX archives and images into interleaved documents and images."""
    from components.core.task import work

    stage = "components.crawl.extract:ExtractStage"
    return work(stage, {"sources": sources.path}, out, crawl["extract"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def extract_commit(
    sources: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    documents: Output[Dataset],
    images: Output[Dataset],
    image_refs: Output[Dataset],
    image_index: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish documents, images, the addresses that pages show and those where images were found."""
    from components.core.task import commit

    outputs = {
        "documents": documents,
        "images": images,
        "image_refs": image_refs,
        "image_index": image_index,
    }
    stage = "components.crawl.extract:ExtractStage"
    commit(stage, {"sources": sources.path}, out, crawl["extract"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def link_images(
    image_refs: Input[Dataset],
    image_index: Input[Dataset],
    out: str,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Join the addresses pages show with the images found there."""
    from components.core.task import work

    inputs = {"image_refs": image_refs.path, "image_index": image_index.path}
    stage = "components.crawl.link:LinkImagesStage"
    return work(stage, inputs, out, {}, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def link_images_commit(
    image_refs: Input[Dataset],
    image_index: Input[Dataset],
    done: list[str],
    out: str,
    run: dict,
    image_links: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish which shard's documents show which image."""
    from components.core.task import commit

    inputs = {"image_refs": image_refs.path, "image_index": image_index.path}
    stage = "components.crawl.link:LinkImagesStage"
    commit(stage, inputs, out, {}, run, {"image_links": image_links}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def assemble(
    documents: Input[Dataset],
    image_links: Input[Dataset],
    out: str,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Put the images that were found into the documents that show them."""
    from components.core.task import work

    inputs = {"documents": documents.path, "image_links": image_links.path}
    return work("components.crawl.link:AssembleStage", inputs, out, {}, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def assemble_commit(
    documents: Input[Dataset],
    image_links: Input[Dataset],
    done: list[str],
    out: str,
    run: dict,
    assembled: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish documents with their images."""
    from components.core.task import commit

    inputs = {"documents": documents.path, "image_links": image_links.path}
    outputs = {"documents": assembled}
    commit("components.crawl.link:AssembleStage", inputs, out, {}, run, outputs, metrics)
