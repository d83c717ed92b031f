"""KFP components of the distill family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE, TORCH_IMAGE


@dsl.component(base_image=TORCH_IMAGE, install_kfp_package=False)
def train(
    train_set: Input[Dataset],
    heldout: Input[Dataset],
    out: str,
    distill: dict,
    run: dict,
    model: Output[Dataset],
    metrics: Output[Metrics],
):
    """Train the student, from the last checkpoint on where one is there."""
    from components.distill.train_task import train_task

    train_task({"train": train_set.path, "heldout": heldout.path}, out, distill["train"], run, model, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def training_set(
    verified: Input[Dataset],
    pairs: Input[Dataset],
    images: Input[Dataset],
    out: str,
    distill: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Split pairs into a training set and held-out images."""
    from components.core.task import work

    inputs = {"captions": verified.path, "pairs": pairs.path, "images": images.path}
    params = distill["training_set"]
    return work("components.distill.training_set:TrainingSetStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def training_set_commit(
    verified: Input[Dataset],
    pairs: Input[Dataset],
    images: Input[Dataset],
    done: list[str],
    out: str,
    distill: dict,
    run: dict,
    train_set: Output[Dataset],
    heldout: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the training set."""
    from components.core.task import commit

    inputs = {"captions": verified.path, "pairs": pairs.path, "images": images.path}
    outputs = {"train": train_set, "heldout": heldout}
    params = distill["training_set"]
    commit("components.distill.training_set:TrainingSetStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def evaluate(
    predictions: Input[Dataset],
    heldout: Input[Dataset],
    out: str,
    distill: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Compare the student's captions with the teacher's."""
    from components.core.task import work

    inputs = {"predictions": predictions.path, "heldout": heldout.path}
    params = distill["evaluate"]
    return work("components.distill.evaluate:EvaluateStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def evaluate_commit(
    predictions: Input[Dataset],
    heldout: Input[Dataset],
    done: list[str],
    out: str,
    distill: dict,
    run: dict,
    evaluations: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the metrics of every held-out image."""
    from components.core.task import commit

    inputs = {"predictions": predictions.path, "heldout": heldout.path}
    outputs = {"evaluations": evaluations}
    params = distill["evaluate"]
    commit("components.distill.evaluate:EvaluateStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def gate(evaluations: Input[Dataset], out: str, distill: dict, run: dict, worker: int, workers: int) -> str:
    """Hold the student's metrics against the thresholds; stops the run where it falls short."""
    from components.core.task import work

    inputs = {"evaluations": evaluations.path}
    params = distill["gate"]
    return work("components.distill.gate:GateStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def gate_commit(
    evaluations: Input[Dataset],
    done: list[str],
    out: str,
    distill: dict,
    run: dict,
    gate: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the verdict."""
    from components.core.task import commit

    inputs = {"evaluations": evaluations.path}
    outputs = {"gate": gate}
    params = distill["gate"]
    commit("components.distill.gate:GateStage", inputs, out, params, run, outputs, metrics)
