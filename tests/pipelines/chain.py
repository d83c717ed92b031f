"""The `mint` pipeline in one process, for tests that want its steps without an orchestrator.

    python -m tests.pipelines.chain OUT WORKERS CONFIG_JSON INPUT...

does the same from the command line, so that a test can kill it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

from components.core.manifest import Manifest
from pipelines.chain import list_sources, run_chain
from pipelines.config import load_config
from pipelines.run_record import begin


def mint(
    inputs: Sequence[str],
    out: str,
    *,
    settings: Sequence[str] = (),
    workers: int = 1,
    until: str = "export",
    preset: str | None = None,
) -> dict[str, Manifest]:
    """Run the steps in order; every dataset as `step.port`."""
    config = load_config("mint", None, settings, preset).model_dump(mode="json")
    begin("mint", inputs, out, workers, config)
    return run_chain(
        "mint", list_sources("mint", inputs, out, config), out, config, workers=workers, until=until
    )


def digests(made: Mapping[str, Manifest]) -> dict[str, str]:
    """Digest by dataset."""
    return {name: manifest.digest for name, manifest in sorted(made.items())}


if __name__ == "__main__":
    mint(sys.argv[4:], sys.argv[1], workers=int(sys.argv[2]), settings=json.loads(sys.argv[3]))
