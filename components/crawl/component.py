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
def find_pdfs(sources: Input[Dataset], out: str, crawl: dict, run: dict, worker: int, workers: int) -> str:
    """Find the addresses of PDF files in WAT files, and in pages where asked for."""
    from components.core.task import work

    inputs = {"sources": sources.path}
    stage = "components.crawl.find_pdfs:FindPdfsStage"
    return work(stage, inputs, out, crawl["find_pdfs"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def find_pdfs_commit(
    sources: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    pdf_targets: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the addresses of PDF files, by host."""
    from components.core.task import commit

    inputs = {"sources": sources.path}
    outputs = {"targets": pdf_targets}
    stage = "components.crawl.find_pdfs:FindPdfsStage"
    commit(stage, inputs, out, crawl["find_pdfs"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch(sources: Input[Dataset], out: str, crawl: dict, run: dict, worker: int, workers: int) -> str:
    """Fetch addresses politely into WARC files; other sources pass through."""
    from components.core.task import work

    inputs = {"sources": sources.path}
    stage = "components.crawl.fetch:FetchStage"
    return work(stage, inputs, out, crawl["fetch"], run, worker, workers)


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

    inputs = {"sources": sources.path}
    outputs = {"sources": fetched}
    stage = "components.crawl.fetch:FetchStage"
    commit(stage, inputs, out, crawl["fetch"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch_pdfs(
    pdf_targets: Input[Dataset], out: str, crawl: dict, run: dict, worker: int, workers: int
) -> str:
    """Fetch the PDF files that were found, politely, into WARC files."""
    from components.core.task import work

    inputs = {"targets": pdf_targets.path}
    stage = "components.crawl.fetch_pdfs:FetchPdfsStage"
    return work(stage, inputs, out, crawl["pdfs"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch_pdfs_commit(
    pdf_targets: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    fetched_pdfs: Output[Dataset],
    pdf_fetches: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the WARC files with PDF files as sources, and what every address answered."""
    from components.core.task import commit

    inputs = {"targets": pdf_targets.path}
    outputs = {"sources": fetched_pdfs, "fetches": pdf_fetches}
    stage = "components.crawl.fetch_pdfs:FetchPdfsStage"
    commit(stage, inputs, out, crawl["pdfs"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def extract(
    fetched: Input[Dataset],
    fetched_pdfs: Input[Dataset],
    seen: Input[Dataset],
    out: str,
    crawl: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Turn pages, PDFs, LaTeX archives and images into interleaved documents and images."""
    from components.core.task import work

    inputs = {"sources": [fetched.path, fetched_pdfs.path], "seen": seen.path}
    stage = "components.crawl.extract:ExtractStage"
    return work(stage, inputs, out, crawl["extract"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def extract_commit(
    fetched: Input[Dataset],
    fetched_pdfs: Input[Dataset],
    seen: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    documents: Output[Dataset],
    images: Output[Dataset],
    image_index: Output[Dataset],
    payloads: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish documents, images and the addresses where images were found."""
    from components.core.task import commit

    inputs = {"sources": [fetched.path, fetched_pdfs.path], "seen": seen.path}
    outputs = {"documents": documents, "images": images, "image_index": image_index, "payloads": payloads}
    stage = "components.crawl.extract:ExtractStage"
    commit(stage, inputs, out, crawl["extract"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def link_images(
    image_refs: Input[Dataset],
    image_index: Input[Dataset],
    out: str,
    crawl: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Join the addresses that documents show with the images found there."""
    from components.core.task import work

    inputs = {"image_refs": image_refs.path, "image_index": image_index.path}
    stage = "components.crawl.link:LinkImagesStage"
    return work(stage, inputs, out, crawl["images"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def link_images_commit(
    image_refs: Input[Dataset],
    image_index: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    image_links: Output[Dataset],
    image_targets: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish which shard's documents show which image, and the addresses without one."""
    from components.core.task import commit

    inputs = {"image_refs": image_refs.path, "image_index": image_index.path}
    outputs = {"image_links": image_links, "targets": image_targets}
    stage = "components.crawl.link:LinkImagesStage"
    commit(stage, inputs, out, crawl["images"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch_images(
    image_targets: Input[Dataset], out: str, crawl: dict, run: dict, worker: int, workers: int
) -> str:
    """Fetch the images that documents show and nobody has captured, politely."""
    from components.core.task import work

    inputs = {"targets": image_targets.path}
    stage = "components.crawl.fetch_images:FetchImagesStage"
    return work(stage, inputs, out, crawl["images"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def fetch_images_commit(
    image_targets: Input[Dataset],
    done: list[str],
    out: str,
    crawl: dict,
    run: dict,
    fetched_images: Output[Dataset],
    fetched_links: Output[Dataset],
    image_fetches: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the fetched images, who shows them, and what every address answered."""
    from components.core.task import commit

    inputs = {"targets": image_targets.path}
    outputs = {"images": fetched_images, "image_links": fetched_links, "fetches": image_fetches}
    stage = "components.crawl.fetch_images:FetchImagesStage"
    commit(stage, inputs, out, crawl["images"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def assemble(
    deduplicated: Input[Dataset],
    image_links: Input[Dataset],
    fetched_links: Input[Dataset],
    out: str,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Put the images that were found into the documents that show them."""
    from components.core.task import work

    inputs = {"documents": deduplicated.path, "image_links": [image_links.path, fetched_links.path]}
    stage = "components.crawl.link:AssembleStage"
    return work(stage, inputs, out, {}, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def assemble_commit(
    deduplicated: Input[Dataset],
    image_links: Input[Dataset],
    fetched_links: Input[Dataset],
    done: list[str],
    out: str,
    run: dict,
    assembled: Output[Dataset],
    uses: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish documents with their images, and how often each image is shown."""
    from components.core.task import commit

    inputs = {"documents": deduplicated.path, "image_links": [image_links.path, fetched_links.path]}
    outputs = {"documents": assembled, "uses": uses}
    stage = "components.crawl.link:AssembleStage"
    commit(stage, inputs, out, {}, run, outputs, metrics)
