"""One step as tasks of a pipeline: workers in parallel, then a commit; or a task alone."""

from typing import Any

from kfp import dsl

from pipelines.placement import place


def step(name: str, worker: Any, commit: Any, numbers: Any, workers: Any, **arguments: Any) -> Any:
    """Workers in parallel on the step's pool, then the commit that waits for all of them."""
    with dsl.ParallelFor(numbers, name=f"{name}-workers") as number:
        share = worker(worker=number, workers=workers, **arguments)
        share.set_caching_options(False)  # steps resume from what is committed in `out`
        share.set_display_name(f"{name} worker")
        place(share, name)
    published = commit(done=dsl.Collected(share.output), **arguments)
    published.set_caching_options(False)
    published.set_display_name(name)
    place(published)
    return published


def single(name: str, component: Any, after: Any = None, **arguments: Any) -> Any:
    """One task on the step's pool: what is not cut into units."""
    task = component(**arguments)
    task.set_caching_options(False)
    task.set_display_name(name)
    if after is not None:
        task.after(after)
    place(task, name)
    return task
