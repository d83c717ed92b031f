"""KFP components of the dedup family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def unique_images(images: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int) -> str:
    """Keep one row for every image, by the SHA-256 of its bytes."""
    from components.core.task import work

    stage = "components.dedup.images:UniqueImagesStage"
    return work(stage, {"images": images.path}, out, dedup["images"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def unique_images_commit(
    images: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    unique: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the images, sorted by id."""
    from components.core.task import commit

    stage = "components.dedup.images:UniqueImagesStage"
    outputs = {"images": unique}
    commit(stage, {"images": images.path}, out, dedup["images"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def keys(documents: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int) -> str:
    """Hash every document's text: the whole of it, and its MinHash bands."""
    from components.core.task import work

    stage = "components.dedup.keys:KeysStage"
    return work(stage, {"documents": documents.path}, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def keys_commit(
    documents: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    keys: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the keys, partitioned by their value."""
    from components.core.task import commit

    stage = "components.dedup.keys:KeysStage"
    commit(stage, {"documents": documents.path}, out, dedup["text"], run, {"keys": keys}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def match(keys: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int) -> str:
    """Find documents that share a key, one partition of the keys at a time."""
    from components.core.task import work

    stage = "components.dedup.match:MatchStage"
    return work(stage, {"keys": keys.path}, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def match_commit(
    keys: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    edges: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the pairs of documents that match."""
    from components.core.task import commit

    stage = "components.dedup.match:MatchStage"
    commit(stage, {"keys": keys.path}, out, dedup["text"], run, {"edges": edges}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def cluster(
    edges: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    duplicates: Output[Dataset],
    metrics: Output[Metrics],
):
    """Join matching pairs into clusters, of which the earliest document is kept."""
    from components.core.task import commit, work

    stage = "components.dedup.cluster:ClusterStage"
    inputs = {"edges": edges.path}
    work(stage, inputs, out, dedup["text"], run, 0, 1)
    commit(stage, inputs, out, dedup["text"], run, {"duplicates": duplicates}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def drop_duplicates(
    documents: Input[Dataset],
    duplicates: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Drop every document of a cluster but the earliest."""
    from components.core.task import work

    inputs = {"documents": documents.path, "duplicates": duplicates.path}
    stage = "components.dedup.apply:DropDuplicatesStage"
    return work(stage, inputs, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def drop_duplicates_commit(
    documents: Input[Dataset],
    duplicates: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    deduplicated: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents without duplicates."""
    from components.core.task import commit

    inputs = {"documents": documents.path, "duplicates": duplicates.path}
    stage = "components.dedup.apply:DropDuplicatesStage"
    commit(stage, inputs, out, dedup["text"], run, {"documents": deduplicated}, metrics)
