"""KFP components of the caption family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE, VLLM_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def sources(
    inputs: list[str], out: str, caption: dict, run: dict, sources: Output[Dataset], metrics: Output[Metrics]
):
    """Tell lists of pairs apart and cut them into units."""
    from components.caption.pair_sources import publish_pair_sources

    publish_pair_sources(inputs, out, caption["pair_sources"], caption["read_pairs"], run, sources, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def read_pairs(sources: Input[Dataset], out: str, caption: dict, run: dict, worker: int, workers: int) -> str:
    """Read images and what their files say of them."""
    from components.core.task import work

    inputs = {"sources": sources.path}
    params = caption["read_pairs"]
    return work("components.caption.read_pairs:ReadPairsStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def read_pairs_commit(
    sources: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    found: Output[Dataset],
    contexts: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish images and what is said of them."""
    from components.core.task import commit

    inputs = {"sources": sources.path}
    outputs = {"images": found, "contexts": contexts}
    params = caption["read_pairs"]
    commit("components.caption.read_pairs:ReadPairsStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def contexts(
    illustrated: Input[Dataset], out: str, caption: dict, run: dict, worker: int, workers: int
) -> str:
    """Gather what documents say of the images they show."""
    from components.core.task import work

    inputs = {"documents": illustrated.path}
    params = caption["contexts"]
    return work("components.caption.contexts:ContextsStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def contexts_commit(
    illustrated: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    contexts: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish what documents say of images."""
    from components.core.task import commit

    inputs = {"documents": illustrated.path}
    outputs = {"contexts": contexts}
    params = caption["contexts"]
    commit("components.caption.contexts:ContextsStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def pairs(
    images: Input[Dataset],
    contexts: Input[Dataset],
    groups: Input[Dataset],
    screenings: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Choose alternative texts; share the images out to teacher and student."""
    from components.core.task import work

    inputs = {
        "images": images.path,
        "contexts": contexts.path,
        "groups": groups.path,
        "screenings": screenings.path,
    }
    params = caption["pairs"]
    return work("components.caption.pairs:PairsStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def pairs_commit(
    images: Input[Dataset],
    contexts: Input[Dataset],
    groups: Input[Dataset],
    screenings: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    pairs: Output[Dataset],
    rest: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the pairs."""
    from components.core.task import commit

    inputs = {
        "images": images.path,
        "contexts": contexts.path,
        "groups": groups.path,
        "screenings": screenings.path,
    }
    outputs = {"pairs": pairs, "rest": rest}
    params = caption["pairs"]
    commit("components.caption.pairs:PairsStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def align(
    pairs: Input[Dataset],
    images: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Score how well alternative texts fit their images; decides nothing."""
    from components.core.task import work

    inputs = {"pairs": pairs.path, "images": images.path}
    params = {**caption["align"], "teacher": caption["teacher"]}
    return work("components.caption.align:AlignStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def align_commit(
    pairs: Input[Dataset],
    images: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    alignments: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the scores."""
    from components.core.task import commit

    inputs = {"pairs": pairs.path, "images": images.path}
    outputs = {"alignments": alignments}
    params = {**caption["align"], "teacher": caption["teacher"]}
    commit("components.caption.align:AlignStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def dense(
    pairs: Input[Dataset],
    images: Input[Dataset],
    alignments: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Write dense captions with the teacher."""
    from components.core.task import work

    inputs = {"pairs": pairs.path, "images": images.path, "alignments": alignments.path}
    params = {**caption["dense"], "teacher": caption["teacher"]}
    return work("components.caption.dense:DenseStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def dense_commit(
    pairs: Input[Dataset],
    images: Input[Dataset],
    alignments: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    dense: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the dense captions."""
    from components.core.task import commit

    inputs = {"pairs": pairs.path, "images": images.path, "alignments": alignments.path}
    outputs = {"captions": dense}
    params = {**caption["dense"], "teacher": caption["teacher"]}
    commit("components.caption.dense:DenseStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def augment(
    dense: Input[Dataset],
    pairs: Input[Dataset],
    alignments: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Merge captions with what alternative texts know."""
    from components.core.task import work

    inputs = {"captions": dense.path, "pairs": pairs.path, "alignments": alignments.path}
    params = {**caption["augment"], "teacher": caption["teacher"], "fuser": caption["fuser"]}
    return work("components.caption.augment:AugmentStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def augment_commit(
    dense: Input[Dataset],
    pairs: Input[Dataset],
    alignments: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    augmented: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the knowledge-augmented captions."""
    from components.core.task import commit

    inputs = {"captions": dense.path, "pairs": pairs.path, "alignments": alignments.path}
    outputs = {"captions": augmented}
    params = {**caption["augment"], "teacher": caption["teacher"], "fuser": caption["fuser"]}
    commit("components.caption.augment:AugmentStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def verify(
    augmented: Input[Dataset],
    pairs: Input[Dataset],
    images: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Attribute every claim; take out what nothing supports."""
    from components.core.task import work

    inputs = {"captions": augmented.path, "pairs": pairs.path, "images": images.path}
    params = {**caption["verify"], "teacher": caption["teacher"], "fuser": caption["fuser"]}
    return work("components.caption.verify:VerifyStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def verify_commit(
    augmented: Input[Dataset],
    pairs: Input[Dataset],
    images: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    verified: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the verified captions."""
    from components.core.task import commit

    inputs = {"captions": augmented.path, "pairs": pairs.path, "images": images.path}
    outputs = {"captions": verified}
    params = {**caption["verify"], "teacher": caption["teacher"], "fuser": caption["fuser"]}
    commit("components.caption.verify:VerifyStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def predict(
    heldout: Input[Dataset],
    model: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Have the student caption held-out images."""
    from components.core.task import work

    inputs = {"heldout": heldout.path, "model": model.path}
    params = {**caption["predict"], "student": caption["student"]}
    return work("components.caption.predict:PredictStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def predict_commit(
    heldout: Input[Dataset],
    model: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    predictions: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the student's captions of held-out images."""
    from components.core.task import commit

    inputs = {"heldout": heldout.path, "model": model.path}
    outputs = {"predictions": predictions}
    params = {**caption["predict"], "student": caption["student"]}
    commit("components.caption.predict:PredictStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def scale(
    rest: Input[Dataset],
    pairs: Input[Dataset],
    images: Input[Dataset],
    verified: Input[Dataset],
    model: Input[Dataset],
    gate: Input[Dataset],
    out: str,
    caption: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Have the student caption the rest, audited by the teacher."""
    from components.core.task import work

    inputs = {
        "rest": rest.path,
        "pairs": pairs.path,
        "images": images.path,
        "captions": verified.path,
        "model": model.path,
        "gate": gate.path,
    }
    params = {**caption["scale"], "student": caption["student"]}
    return work("components.caption.scale:ScaleStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=VLLM_IMAGE, install_kfp_package=False)
def scale_commit(
    rest: Input[Dataset],
    pairs: Input[Dataset],
    images: Input[Dataset],
    verified: Input[Dataset],
    model: Input[Dataset],
    gate: Input[Dataset],
    done: list[str],
    out: str,
    caption: dict,
    run: dict,
    scaled: Output[Dataset],
    audits: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the student's captions and what the audit found."""
    from components.core.task import commit

    inputs = {
        "rest": rest.path,
        "pairs": pairs.path,
        "images": images.path,
        "captions": verified.path,
        "model": model.path,
        "gate": gate.path,
    }
    outputs = {"captions": scaled, "audits": audits}
    params = {**caption["scale"], "student": caption["student"]}
    commit("components.caption.scale:ScaleStage", inputs, out, params, run, outputs, metrics)
