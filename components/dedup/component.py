"""KFP components of the dedup family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def registry(
    out: str,
    crawl: dict,
    filter: dict,
    dedup: dict,
    run: dict,
    known: Output[Dataset],
    seen: Output[Dataset],
):
    """Freeze what earlier runs released and have seen; nothing where no registry is named."""
    from components.dedup.registry_tasks import publish_snapshot

    publish_snapshot(out, crawl, filter, dedup, run, known, seen)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def keys(decided: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int) -> str:
    """Hash every document's text and address, and some documents' paragraphs."""
    from components.core.task import work

    inputs = {"documents": decided.path}
    stage = "components.dedup.keys:KeysStage"
    return work(stage, inputs, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def keys_commit(
    decided: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    keys: Output[Dataset],
    paragraphs: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the keys, partitioned by their value."""
    from components.core.task import commit

    inputs = {"documents": decided.path}
    outputs = {"keys": keys, "paragraphs": paragraphs}
    stage = "components.dedup.keys:KeysStage"
    commit(stage, inputs, out, dedup["text"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def match(
    keys: Input[Dataset],
    paragraphs: Input[Dataset],
    known: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Find documents that share a key, one partition of the keys at a time."""
    from components.core.task import work

    inputs = {"keys": keys.path, "paragraphs": paragraphs.path, "known": known.path}
    stage = "components.dedup.match:MatchStage"
    return work(stage, inputs, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def match_commit(
    keys: Input[Dataset],
    paragraphs: Input[Dataset],
    known: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    edges: Output[Dataset],
    known_matches: Output[Dataset],
    boilerplate: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the pairs that match, the documents that earlier runs released, and frequent paragraphs."""
    from components.core.task import commit

    inputs = {"keys": keys.path, "paragraphs": paragraphs.path, "known": known.path}
    outputs = {"edges": edges, "known_matches": known_matches, "boilerplate": boilerplate}
    stage = "components.dedup.match:MatchStage"
    commit(stage, inputs, out, dedup["text"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def cluster(
    decided: Input[Dataset],
    edges: Input[Dataset],
    known_matches: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Join matching pairs into clusters, of which one document is kept."""
    from components.core.task import work

    inputs = {
        "documents": decided.path,
        "edges": edges.path,
        "known_matches": known_matches.path,
        "kept": decided.path,
    }
    stage = "components.dedup.cluster:ClusterStage"
    return work(stage, inputs, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def cluster_commit(
    decided: Input[Dataset],
    edges: Input[Dataset],
    known_matches: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    duplicates: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish which documents are duplicates of which."""
    from components.core.task import commit

    inputs = {
        "documents": decided.path,
        "edges": edges.path,
        "known_matches": known_matches.path,
        "kept": decided.path,
    }
    outputs = {"duplicates": duplicates}
    stage = "components.dedup.cluster:ClusterStage"
    commit(stage, inputs, out, dedup["text"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def bloom(decided: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int) -> str:
    """Find lines and documents whose n-grams were seen before; only where asked for."""
    from components.core.task import work

    inputs = {"documents": decided.path}
    stage = "components.dedup.bloom:BloomStage"
    return work(stage, inputs, out, dedup["bloom"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def bloom_commit(
    decided: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    drops: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish what was seen before."""
    from components.core.task import commit

    inputs = {"documents": decided.path}
    outputs = {"drops": drops}
    stage = "components.dedup.bloom:BloomStage"
    commit(stage, inputs, out, dedup["bloom"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def drop_duplicates(
    decided: Input[Dataset],
    duplicates: Input[Dataset],
    semantic_duplicates: Input[Dataset],
    drops: Input[Dataset],
    boilerplate: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Drop duplicates, lines that were seen before and boilerplate."""
    from components.core.task import work

    inputs = {
        "documents": decided.path,
        "duplicates": [duplicates.path, semantic_duplicates.path],
        "drops": drops.path,
        "boilerplate": boilerplate.path,
    }
    stage = "components.dedup.apply:DropDuplicatesStage"
    return work(stage, inputs, out, dedup["text"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def drop_duplicates_commit(
    decided: Input[Dataset],
    duplicates: Input[Dataset],
    semantic_duplicates: Input[Dataset],
    drops: Input[Dataset],
    boilerplate: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    deduplicated: Output[Dataset],
    image_refs: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents without duplicates, and the addresses of the images that they show."""
    from components.core.task import commit

    inputs = {
        "documents": decided.path,
        "duplicates": [duplicates.path, semantic_duplicates.path],
        "drops": drops.path,
        "boilerplate": boilerplate.path,
    }
    outputs = {"documents": deduplicated, "image_refs": image_refs}
    stage = "components.dedup.apply:DropDuplicatesStage"
    commit(stage, inputs, out, dedup["text"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def unique_images(
    images: Input[Dataset],
    fetched_images: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Keep one row for every image, by the SHA-256 of its bytes, with its perceptual hashes."""
    from components.core.task import work

    inputs = {"images": [images.path, fetched_images.path]}
    stage = "components.dedup.images:UniqueImagesStage"
    return work(stage, inputs, out, dedup["images"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def unique_images_commit(
    images: Input[Dataset],
    fetched_images: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    unique: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the images, sorted by id."""
    from components.core.task import commit

    inputs = {"images": [images.path, fetched_images.path]}
    outputs = {"images": unique}
    stage = "components.dedup.images:UniqueImagesStage"
    commit(stage, inputs, out, dedup["images"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def unique_pair_images(
    found: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int
) -> str:
    """Make one row of every image of lists of pairs, with its hashes."""
    from components.core.task import work

    stage = "components.dedup.images:UniqueImagesStage"
    return work(stage, {"images": found.path}, out, dedup["images"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def unique_pair_images_commit(
    found: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    unique: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the images of lists of pairs."""
    from components.core.task import commit

    stage = "components.dedup.images:UniqueImagesStage"
    commit(stage, {"images": found.path}, out, dedup["images"], run, {"images": unique}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def image_groups(scored: Input[Dataset], out: str, dedup: dict, run: dict, worker: int, workers: int) -> str:
    """Group images that look alike, by the distance of their perceptual hashes."""
    from components.core.task import work

    inputs = {"images": scored.path}
    stage = "components.dedup.image_groups:ImageGroupsStage"
    return work(stage, inputs, out, dedup["image_groups"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def image_groups_commit(
    scored: Input[Dataset],
    done: list[str],
    out: str,
    dedup: dict,
    run: dict,
    groups: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the groups of near-duplicate images."""
    from components.core.task import commit

    inputs = {"images": scored.path}
    outputs = {"groups": groups}
    stage = "components.dedup.image_groups:ImageGroupsStage"
    commit(stage, inputs, out, dedup["image_groups"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def semantic(
    decided: Input[Dataset],
    duplicates: Input[Dataset],
    drops: Input[Dataset],
    out: str,
    dedup: dict,
    run: dict,
    semantic_duplicates: Output[Dataset],
    metrics: Output[Metrics],
):
    """Find documents that say the same in other words; only where a model is named."""
    from components.dedup.semantic_task import find_semantic_duplicates

    inputs = {"documents": decided.path, "duplicates": duplicates.path, "drops": drops.path}
    find_semantic_duplicates(inputs, out, dedup["semantic"], run, semantic_duplicates, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def register(
    decided: Input[Dataset],
    illustrated: Input[Dataset],
    keys: Input[Dataset],
    payloads: Input[Dataset],
    release: Input[Dataset],
    out: str,
    crawl: dict,
    filter: dict,
    dedup: dict,
    run: dict,
):
    """Add the run to the registry once its release is there; nothing where no registry is named."""
    from components.dedup.registry_tasks import register_run

    inputs = {"documents": decided.path, "released": illustrated.path, "keys": keys.path}
    register_run(inputs, payloads.path, out, crawl, filter, dedup, run)
