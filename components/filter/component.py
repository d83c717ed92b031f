"""KFP components of the filter family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def annotate(documents: Input[Dataset], out: str, filter: dict, run: dict, worker: int, workers: int) -> str:
    """Store the scores that the rules need on every document; drops nothing."""
    from components.core.task import work

    stage = "components.filter.annotate:AnnotateStage"
    return work(stage, {"documents": documents.path}, out, filter["annotate"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def annotate_commit(
    documents: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    annotated: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents with their scores."""
    from components.core.task import commit

    stage = "components.filter.annotate:AnnotateStage"
    inputs, outputs = {"documents": documents.path}, {"documents": annotated}
    commit(stage, inputs, out, filter["annotate"], run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def decide(documents: Input[Dataset], out: str, filter: dict, run: dict, worker: int, workers: int) -> str:
    """Hold the scores against the thresholds; every refusal has a reason."""
    from components.core.task import work

    stage = "components.filter.decide:DecideStage"
    return work(stage, {"documents": documents.path}, out, filter["decide"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def decide_commit(
    documents: Input[Dataset],
    done: list[str],
    out: str,
    filter: dict,
    run: dict,
    decided: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the documents that passed every rule."""
    from components.core.task import commit

    stage = "components.filter.decide:DecideStage"
    inputs, outputs = {"documents": documents.path}, {"documents": decided}
    commit(stage, inputs, out, filter["decide"], run, outputs, metrics)
