"""The first task of every pipeline: refuse a wrong configuration before anything runs."""

from kfp import dsl

from components.core.task import BASE_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def start(
    pipeline: str,
    inputs: list[str],
    out: str,
    workers: int,
    run: dict,
    publish: dict = {},  # noqa: B006 - KFP reads the default, it is never changed
    crawl: dict = {},  # noqa: B006
    filter: dict = {},  # noqa: B006
    dedup: dict = {},  # noqa: B006
    caption: dict = {},  # noqa: B006
    distill: dict = {},  # noqa: B006
    deepfake: dict = {},  # noqa: B006
    screen: dict = {},  # noqa: B006
) -> list[int]:
    """Check the configuration, write `run.json`, and number the workers.

    A pipeline gives the sections of the families that it has; the others stay empty.
    """
    from pipelines.run_record import begin

    given = {
        "crawl": crawl,
        "filter": filter,
        "dedup": dedup,
        "caption": caption,
        "distill": distill,
        "deepfake": deepfake,
        "screen": screen,
        "publish": publish,
        "run": run,
    }
    return begin(
        pipeline, inputs, out, int(workers), {name: values for name, values in given.items() if values}
    )
