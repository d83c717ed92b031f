"""One step as tasks of a pipeline: workers in parallel, then a commit."""

from typing import Any

from kfp import dsl


def step(name: str, worker: Any, commit: Any, numbers: Any, workers: Any, **arguments: Any) -> Any:
    """Workers in parallel, then the commit that waits for all of them."""
    with dsl.ParallelFor(numbers, name=f"{name}-workers") as number:
        share = worker(worker=number, workers=workers, **arguments)
        share.set_caching_options(False)  # steps resume from what is committed in `out`
        share.set_display_name(f"{name} worker")
    published = commit(done=dsl.Collected(share.output), **arguments)
    published.set_caching_options(False)
    published.set_display_name(name)
    return published
