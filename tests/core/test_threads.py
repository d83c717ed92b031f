"""OpenCV in processes that fork: no threads before, nothing that waits for them after."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import REPOSITORY

PROGRAM = """
import os, sys
import components
import cv2
import numpy as np
from components.filter.sharpness import sharpness

picture = np.arange(2000 * 2000, dtype=np.float32).reshape(2000, 2000).astype(np.uint8)
cv2.GaussianBlur(picture, (31, 31), 5)  # what makes OpenCV start its threads, where it may
assert cv2.getNumThreads() == 1
child = os.fork()
if not child:
    cv2.setNumThreads(1)
    sharpness(picture)
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_child_goes_on_with_opencv_after_its_parent_used_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=REPOSITORY,
        timeout=120,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
