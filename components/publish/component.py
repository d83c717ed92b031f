"""KFP components of the publish family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def export(
    documents: Input[Dataset],
    images: Input[Dataset],
    out: str,
    publish: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Write the released columns and the WebDataset tar shards."""
    from components.core.task import work

    inputs = {"documents": documents.path, "images": images.path}
    stage = "components.publish.export:ExportStage"
    params = {name: value for name, value in publish.items() if name != "kale"}
    return work(stage, inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def export_commit(
    documents: Input[Dataset],
    images: Input[Dataset],
    done: list[str],
    out: str,
    publish: dict,
    run: dict,
    release: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the released dataset."""
    from components.core.task import commit

    inputs = {"documents": documents.path, "images": images.path}
    stage = "components.publish.export:ExportStage"
    params = {name: value for name, value in publish.items() if name != "kale"}
    commit(stage, inputs, out, params, run, {"release": release}, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def describe(release: Input[Dataset], out: str, report: Output[HTML], metrics: Output[Metrics]):
    """Write the data card, the Croissant metadata and the run's report."""
    from components.publish.describe import describe_run

    describe_run(out, report.path, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def export_captions(
    verified: Input[Dataset],
    scaled: Input[Dataset],
    images: Input[Dataset],
    out: str,
    publish: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Write the released captions."""
    from components.core.task import work

    inputs = {"captions": [verified.path, scaled.path], "images": images.path}
    stage = "components.publish.export_captions:ExportCaptionsStage"
    return work(stage, inputs, out, publish["kale"], run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def export_captions_commit(
    verified: Input[Dataset],
    scaled: Input[Dataset],
    images: Input[Dataset],
    done: list[str],
    out: str,
    publish: dict,
    run: dict,
    core: Output[Dataset],
    distilled: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the released captions."""
    from components.core.task import commit

    inputs = {"captions": [verified.path, scaled.path], "images": images.path}
    outputs = {"data_core_set": core, "data_distilled_set": distilled}
    stage = "components.publish.export_captions:ExportCaptionsStage"
    commit(stage, inputs, out, publish["kale"], run, outputs, metrics)
