"""The `full` pipeline: `mint`, then `kale` on the images that its documents show; one DAG, one report."""

from kfp import dsl

from components.caption import component as captioning
from components.core.task import spelled
from components.publish import component as publishing
from pipelines.config import FullConfig
from pipelines.fan_out import single, step
from pipelines.kale import grow_captions
from pipelines.mint import grow_documents, release_documents
from pipelines.start import start

_DEFAULTS = spelled(FullConfig().model_dump(mode="json"))


@dsl.pipeline(name="full", description="Interleaved documents from the web, and captions of their images")
def full(
    inputs: list[str],
    out: str,
    workers: int = 1,
    crawl: dict = _DEFAULTS["crawl"],
    filter: dict = _DEFAULTS["filter"],
    dedup: dict = _DEFAULTS["dedup"],
    caption: dict = _DEFAULTS["caption"],
    distill: dict = _DEFAULTS["distill"],
    screen: dict = _DEFAULTS["screen"],
    publish: dict = _DEFAULTS["publish"],
    run: dict = _DEFAULTS["run"],
):
    """Crawl, extract, filter, deduplicate, publish documents; caption, distil, scale up, publish captions.

    Args:
        inputs: files, folders, URLs or lists of them, as URIs.
        out: where everything goes, file:// or s3://.
        workers: workers of each step; each is a pod on a cluster.
        crawl: parameters of the crawl family.
        filter: parameters of the filter family.
        dedup: parameters of the dedup family.
        caption: parameters of the caption family.
        distill: parameters of the distill family.
        screen: parameters of the step that screens images.
        publish: parameters of the publish family.
        run: how the run is executed; changes no output.
    """
    begun = single(
        "start",
        start,
        pipeline="full",
        inputs=inputs,
        out=out,
        workers=workers,
        crawl=crawl,
        filter=filter,
        dedup=dedup,
        caption=caption,
        distill=distill,
        screen=screen,
        publish=publish,
        run=run,
    )
    fan = {"numbers": begun.output, "workers": workers, "out": out, "run": run}
    grown = grow_documents(begun, fan, inputs, crawl, filter, dedup, screen)
    documents = release_documents(grown, fan, crawl, filter, dedup, publish)
    said = step(
        "contexts",
        captioning.contexts,
        captioning.contexts_commit,
        **fan,
        illustrated=grown["illustrated"],
        caption=caption,
    )
    captions = grow_captions(
        fan,
        grown["scored"],
        said.outputs["contexts"],
        grown["groups"],
        grown["screenings"],
        caption,
        distill,
        publish,
    )
    single("report", publishing.describe, captions, release=documents, out=out)
