"""Makes torchvision importable beside a torch that it was not compiled for.

Package indexes carry torchvision for CUDA only: beside a processor's torch its compiled operators can't be
loaded, and its import stops for want of their names (pytorch/vision issues 9077, 9085). Nothing here needs
the operators, but transformers and vLLM import it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any, Final

_NAMES: Final = ("nms", "qnms")
_library: list[Any] = []
"""Holds the registration: it ends with the object."""


def mend_torchvision() -> None:
    """Import torchvision, with names for its operators where they can't be loaded; nothing without it."""
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except (RuntimeError, OSError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for name in _NAMES:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _library.append(library)
        importlib.import_module("torchvision")
