"""The `kale` pipeline: images and their texts to captions with knowledge (BLIP3-KALE, arXiv 2411.07461).

Stage 1: a teacher captions a share of the images densely, the captions are merged with what alternative
texts know, and every claim is checked. Stage 2: a small student is distilled from them; where it is good
enough it captions the rest.
"""

from typing import Any

from kfp import dsl

from components.caption import component as captioning
from components.core.task import spelled
from components.dedup import component as deduplication
from components.deepfake import component as forensics
from components.distill import component as distilling
from components.publish import component as publishing
from pipelines.config import KaleConfig
from pipelines.fan_out import single, step
from pipelines.start import start

_DEFAULTS = spelled(KaleConfig().model_dump(mode="json"))


def grow_captions(
    fan: dict,
    images: Any,
    contexts: Any,
    groups: Any,
    screenings: Any,
    caption: Any,
    distill: Any,
    publish: Any,
) -> Any:
    """The steps from images to released captions.

    Args:
        fan: what every step gets: `numbers` and `workers`, `out` and `run`.
        images: unique images, one shard a partition.
        contexts: what was said of them.
        groups: clusters of near-duplicates among them.
        screenings: what screening found of them.

    Returns:
        The release.
    """
    paired = step(
        "pairs",
        captioning.pairs,
        captioning.pairs_commit,
        **fan,
        images=images,
        contexts=contexts,
        groups=groups,
        screenings=screenings,
        caption=caption,
    )
    pairs = paired.outputs["pairs"]
    aligned = step(
        "align",
        captioning.align,
        captioning.align_commit,
        **fan,
        pairs=pairs,
        images=images,
        caption=caption,
    )
    described = step(
        "dense",
        captioning.dense,
        captioning.dense_commit,
        **fan,
        pairs=pairs,
        images=images,
        alignments=aligned.outputs["alignments"],
        caption=caption,
    )
    augmented = step(
        "augment",
        captioning.augment,
        captioning.augment_commit,
        **fan,
        dense=described.outputs["dense"],
        pairs=pairs,
        alignments=aligned.outputs["alignments"],
        caption=caption,
    )
    verified = step(
        "verify",
        captioning.verify,
        captioning.verify_commit,
        **fan,
        augmented=augmented.outputs["augmented"],
        pairs=pairs,
        images=images,
        caption=caption,
    )
    split = step(
        "training set",
        distilling.training_set,
        distilling.training_set_commit,
        **fan,
        verified=verified.outputs["verified"],
        pairs=pairs,
        images=images,
        distill=distill,
    )
    trained = single(
        "train",
        distilling.train,
        train_set=split.outputs["train_set"],
        heldout=split.outputs["heldout"],
        out=fan["out"],
        distill=distill,
        run=fan["run"],
    )
    model = trained.outputs["model"]
    predicted = step(
        "predict",
        captioning.predict,
        captioning.predict_commit,
        **fan,
        heldout=split.outputs["heldout"],
        model=model,
        caption=caption,
    )
    evaluated = step(
        "evaluate",
        distilling.evaluate,
        distilling.evaluate_commit,
        **fan,
        predictions=predicted.outputs["predictions"],
        heldout=split.outputs["heldout"],
        distill=distill,
    )
    gated = step(
        "gate",
        distilling.gate,
        distilling.gate_commit,
        **fan,
        evaluations=evaluated.outputs["evaluations"],
        distill=distill,
    )
    scaled = step(
        "scale",
        captioning.scale,
        captioning.scale_commit,
        **fan,
        rest=paired.outputs["rest"],
        pairs=pairs,
        images=images,
        verified=verified.outputs["verified"],
        model=model,
        gate=gated.outputs["gate"],
        caption=caption,
    )
    return step(
        "export captions",
        publishing.export_captions,
        publishing.export_captions_commit,
        **fan,
        verified=verified.outputs["verified"],
        scaled=scaled.outputs["scaled"],
        images=images,
        publish=publish,
    )


@dsl.pipeline(
    name="kale", description="Knowledge-augmented dense captions and the captioner distilled from them"
)
def kale(
    inputs: list[str],
    out: str,
    workers: int = 1,
    caption: dict = _DEFAULTS["caption"],
    distill: dict = _DEFAULTS["distill"],
    dedup: dict = _DEFAULTS["dedup"],
    screen: dict = _DEFAULTS["screen"],
    publish: dict = _DEFAULTS["publish"],
    run: dict = _DEFAULTS["run"],
):
    """Caption, augment, verify, distil, gate, scale up and publish.

    Args:
        inputs: WebDataset tars, Parquet files, tables or folders of images with their texts, as URIs.
        out: where everything goes, file:// or s3://.
        workers: workers of each step; each is a pod on a cluster.
        caption: parameters of the caption family.
        distill: parameters of the distill family.
        dedup: parameters of the dedup family.
        screen: parameters of the step that screens images.
        publish: parameters of the publish family.
        run: how the run is executed; changes no output.
    """
    begun = single(
        "start",
        start,
        pipeline="kale",
        inputs=inputs,
        out=out,
        workers=workers,
        caption=caption,
        distill=distill,
        dedup=dedup,
        screen=screen,
        publish=publish,
        run=run,
    )
    fan = {"numbers": begun.output, "workers": workers, "out": out, "run": run}
    listed = single(
        "pair sources", captioning.sources, begun, inputs=inputs, out=out, caption=caption, run=run
    )
    read = step(
        "read pairs",
        captioning.read_pairs,
        captioning.read_pairs_commit,
        **fan,
        sources=listed.outputs["sources"],
        caption=caption,
    )
    unique = step(
        "unique images",
        deduplication.unique_pair_images,
        deduplication.unique_pair_images_commit,
        **fan,
        found=read.outputs["found"],
        dedup=dedup,
    )
    images = unique.outputs["unique"]
    screened = step("screen", forensics.screen, forensics.screen_commit, **fan, found=images, screen=screen)
    grouped = step(
        "image groups",
        deduplication.image_groups,
        deduplication.image_groups_commit,
        **fan,
        scored=images,
        dedup=dedup,
    )
    released = grow_captions(
        fan,
        images,
        read.outputs["contexts"],
        grouped.outputs["groups"],
        screened.outputs["screenings"],
        caption,
        distill,
        publish,
    )
    single("report", publishing.describe, release=released.outputs["core"], out=out)
