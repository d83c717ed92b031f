"""kalemint's component families: one folder each, all of them resting on `components.core`."""

import os
from pathlib import Path

from components.core.kernel_cache import ensure_kernel_cache

__version__ = "0.1.0"

# Before anything imports OpenCV: the runner keeps every core busy with processes. And a pool of threads made
# before a fork can't be used or ended in the child: `cv2.setNumThreads` would wait there for ever.
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
ensure_kernel_cache(Path(__file__).parent, os.environ)  # before anything imports numba
