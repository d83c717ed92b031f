"""The first task of every pipeline: refuse a wrong configuration before anything runs."""

from kfp import dsl

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def start(
    pipeline: str,
    inputs: list[str],
    out: str,
    workers: int,
    crawl: dict,
    filter: dict,
    dedup: dict,
    publish: dict,
    run: dict,
) -> list[int]:
    """Check the configuration, write `run.json`, and number the workers."""
    from pipelines.run_record import begin

    config = {"crawl": crawl, "filter": filter, "dedup": dedup, "publish": publish, "run": run}
    return begin(pipeline, inputs, out, int(workers), config)
