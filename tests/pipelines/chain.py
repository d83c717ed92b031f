"""The `mint` pipeline in one process, for tests that want its steps without an orchestrator.

    python -m tests.pipelines.chain OUT WORKERS CONFIG_JSON INPUT...

does the same from the command line, so that a test can kill it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from components.core.manifest import Manifest, load
from components.core.runner import RunParams, commit, work
from components.core.task import make_stage
from components.crawl.begin import publish_sources
from pipelines.config import load_config
from pipelines.steps import MINT

INPUTS = {
    "fetch": {"sources": "sources.sources"},
    "extract": {"sources": "fetch.sources"},
    "unique_images": {"images": "extract.images"},
    "link_images": {"image_refs": "extract.image_refs", "image_index": "extract.image_index"},
    "assemble": {"documents": "extract.documents", "image_links": "link_images.image_links"},
    "annotate": {"documents": "assemble.documents"},
    "decide": {"documents": "annotate.documents"},
    "dedup_keys": {"documents": "decide.documents"},
    "dedup_match": {"keys": "dedup_keys.keys"},
    "dedup_cluster": {"edges": "dedup_match.edges"},
    "dedup": {"documents": "decide.documents", "duplicates": "dedup_cluster.duplicates"},
    "export": {"documents": "dedup.documents", "images": "unique_images.images"},
}


class _Artifact:
    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.metadata: dict[str, Any] = {}


def sources(inputs: Sequence[str], out: str, config: Mapping[str, Any]) -> Manifest:
    """The first step."""
    with TemporaryDirectory() as folder:
        artifact = _Artifact(Path(folder) / "sources")
        publish_sources(inputs, out, config["crawl"]["sources"], config["run"], artifact)
        return load(Path(artifact.path).read_bytes(), artifact.path)


def _section(config: Mapping[str, Any], dotted: str) -> dict[str, Any]:
    value: Any = config
    for part in filter(None, dotted.split(".")):
        value = value[part]
    return dict(value) if dotted else {}


def mint(
    inputs: Sequence[str], out: str, *, settings: Sequence[str] = (), workers: int = 1, until: str = "export"
) -> dict[str, Manifest]:
    """Run the steps in order; every dataset as `step.port`."""
    config = load_config("mint", None, settings).model_dump(mode="json")
    run = RunParams(**config["run"])
    made = {"sources.sources": sources(inputs, out, config)}
    for step in MINT:
        if step.stage is None:
            continue
        stage = make_stage(step.stage, _section(config, step.section))
        given = {port: made[name] for port, name in INPUTS[step.name].items()}
        for worker in range(workers):
            work(stage, given, out, worker=worker, workers=workers, params=run)
        made.update({f"{step.name}.{port}": m for port, m in commit(stage, given, out, run).items()})
        if step.name == until:
            break
    return made


def digests(made: Mapping[str, Manifest]) -> dict[str, str]:
    """Digest by dataset."""
    return {name: manifest.digest for name, manifest in sorted(made.items())}


if __name__ == "__main__":
    mint(sys.argv[4:], sys.argv[1], workers=int(sys.argv[2]), settings=json.loads(sys.argv[3]))
