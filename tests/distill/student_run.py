"""Training as a step in a process of its own, so that a test can kill it.

python -m tests.distill.student_run OUT PARAMS_YAML TRAIN_MANIFEST HELDOUT_MANIFEST
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from components.core.manifest import load
from components.core.task import reported
from components.distill import train_task

if __name__ == "__main__":
    out, params, *manifests = sys.argv[1:]
    # a test that waits for a copy waits less
    train_task._MIRROR_S = 0.2  # type: ignore[misc]
    with reported():
        train_task.train_student(
            {
                port: load(Path(file).read_bytes(), file)
                for port, file in zip(("train", "heldout"), manifests, strict=True)
            },
            out,
            yaml.safe_load(Path(params).read_text()),
        )
