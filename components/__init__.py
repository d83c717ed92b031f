"""kalemint's component families: one folder each, all of them resting on `components.core`."""

import os
from pathlib import Path

from components.core.kernel_cache import ensure_kernel_cache

__version__ = "0.1.0"

ensure_kernel_cache(Path(__file__).parent, os.environ)  # before anything imports numba
