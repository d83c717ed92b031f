"""KFP components of the filter family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def annotate(documents: Input[Dataset], out: str, filter: dict, run: dict, worker: int, workers: int) -> str:
    """Store the scores that the rules need on every document; drops nothing."""
    from components.core.task import work

    inputs = {"documents": documents.path}
    stage = "components.filter.annotate:AnnotateStage"
    return work(stage, inputs, out, filter["annotate"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def annotate_commit(
    documents: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    annotated: Output[Dataset],
    item_scores: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents with their scores."""
    from components.core.task import commit

    inputs = {"documents": documents.path}
    outputs = {"documents": annotated, "item_scores": item_scores}
    stage = "components.filter.annotate:AnnotateStage"
    commit(stage, inputs, out, filter["annotate"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def decide(
    annotated: Input[Dataset],
    item_scores: Input[Dataset],
    out: str,
    filter: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Hold the scores of texts and addresses against the thresholds; every refusal has a reason."""
    from components.core.task import work

    inputs = {"documents": annotated.path, "item_scores": item_scores.path}
    stage = "components.filter.decide:DecideStage"
    return work(stage, inputs, out, filter["decide"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def decide_commit(
    annotated: Input[Dataset],
    item_scores: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    decided: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents that passed every rule."""
    from components.core.task import commit

    inputs = {"documents": annotated.path, "item_scores": item_scores.path}
    outputs = {"documents": decided}
    stage = "components.filter.decide:DecideStage"
    commit(stage, inputs, out, filter["decide"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def annotate_images(
    unique: Input[Dataset], uses: Input[Dataset], out: str, filter: dict, run: dict, worker: int, workers: int
) -> str:
    """Store the scores that the rules need on every image that a document shows."""
    from components.core.task import work

    inputs = {"images": unique.path, "uses": uses.path}
    stage = "components.filter.annotate_images:AnnotateImagesStage"
    return work(stage, inputs, out, filter["annotate_images"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def annotate_images_commit(
    unique: Input[Dataset],
    uses: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    scored: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the images that are shown, with their scores."""
    from components.core.task import commit

    inputs = {"images": unique.path, "uses": uses.path}
    outputs = {"images": scored}
    stage = "components.filter.annotate_images:AnnotateImagesStage"
    commit(stage, inputs, out, filter["annotate_images"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def similarity(
    assembled: Input[Dataset],
    scored: Input[Dataset],
    out: str,
    filter: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Score how well images and the texts around them agree; only where a model is named."""
    from components.core.task import work

    inputs = {"documents": assembled.path, "images": scored.path}
    stage = "components.filter.similarity:SimilarityStage"
    return work(stage, inputs, out, filter["similarity"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def similarity_commit(
    assembled: Input[Dataset],
    scored: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    similarity: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the similarity of images and texts."""
    from components.core.task import commit

    inputs = {"documents": assembled.path, "images": scored.path}
    outputs = {"scores": similarity}
    stage = "components.filter.similarity:SimilarityStage"
    commit(stage, inputs, out, filter["similarity"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def decide_images(
    assembled: Input[Dataset],
    scored: Input[Dataset],
    groups: Input[Dataset],
    similarity: Input[Dataset],
    screenings: Input[Dataset],
    out: str,
    filter: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Hold the scores of images against the thresholds; every refusal has a reason."""
    from components.core.task import work

    inputs = {
        "documents": assembled.path,
        "images": scored.path,
        "groups": groups.path,
        "similarity": similarity.path,
        "screenings": screenings.path,
    }
    stage = "components.filter.decide_images:DecideImagesStage"
    return work(stage, inputs, out, filter["decide"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def decide_images_commit(
    assembled: Input[Dataset],
    scored: Input[Dataset],
    groups: Input[Dataset],
    similarity: Input[Dataset],
    screenings: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    illustrated: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents with the images that passed every rule."""
    from components.core.task import commit

    inputs = {
        "documents": assembled.path,
        "images": scored.path,
        "groups": groups.path,
        "similarity": similarity.path,
        "screenings": screenings.path,
    }
    outputs = {"documents": illustrated}
    stage = "components.filter.decide_images:DecideImagesStage"
    commit(stage, inputs, out, filter["decide"], run, outputs, metrics)
