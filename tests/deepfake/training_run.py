"""The training of detectors in a process of its own, so that a test can kill it.

python -m tests.deepfake.training_run OUT PARAMS_JSON SAMPLES CROPS SPLITS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from components.core.manifest import load
from components.core.task import reported
from components.deepfake.train_task import train_detectors

if __name__ == "__main__":
    out, params, *manifests = sys.argv[1:]
    with reported():
        train_detectors(
            {
                port: [load(Path(file).read_bytes(), file)]
                for port, file in zip(("samples", "crops", "splits"), manifests, strict=True)
            },
            out,
            json.loads(Path(params).read_text()),
        )
