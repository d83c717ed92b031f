"""A trained network as one ONNX file that says of itself how it is fed, checked against torch.

torch's TorchScript exporter is used: its graph is smaller than the newer exporter's, it folds normalization
into convolutions, it needs the package onnx alone, and the file names no place on this machine.
"""

from __future__ import annotations

import importlib.util
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from components.core.errors import ConfigurationError, KalemintError
from components.deepfake.classifier_card import ClassifierCard
from components.deepfake.training.network import DetectorNet, Exported

TOLERANCE: Final = 1e-4
"""The most that an output may differ between ONNX Runtime and torch, up to 10; above it in proportion."""
_OPSET: Final = 17


def need_onnx() -> None:
    """Say what is missing before a training, not after it.

    Raises:
        ConfigurationError: where the package onnx is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise ConfigurationError("A trained network is written with onnx: pip install 'kalemint[torch]'.")


def export(network: DetectorNet, pixels: torch.Tensor, path: Path, card: ClassifierCard) -> float:
    """Write a network with its card and check that ONNX Runtime gives what torch gives.

    Args:
        network: in evaluation mode, on the processor.
        pixels: (n, 3, side, side), normalized, to check with.

    Returns:
        The largest difference of an output.

    Raises:
        ConfigurationError: where the package onnx is not installed.
        KalemintError: where the file gives something else than the network.
    """
    need_onnx()
    import onnx

    names = ["logit"] if network.masks is None else ["logit", "mask"]
    whole = Exported(network).eval()
    sink = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter; see above
        torch.onnx.export(
            whole,
            (pixels[:1],),
            sink,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=_OPSET,
            input_names=["pixels"],
            output_names=names,
            dynamic_axes={name: {0: "n"} for name in ("pixels", *names)},
        )
    model = onnx.load_model_from_string(sink.getvalue())
    for node in model.graph.node:
        node.ClearField("doc_string")  # places in the code of this machine
    onnx.checker.check_model(model, full_check=True)
    about = card.model_dump(mode="json", exclude_none=True)
    onnx.helper.set_model_props(
        model, {key: v if isinstance(v, str) else json.dumps(v) for key, v in sorted(about.items())}
    )
    data = model.SerializeToString(deterministic=True)
    difference = _difference(data, whole, pixels, names)
    if not difference <= TOLERANCE:
        raise KalemintError(
            f"{path.name} gives other numbers than the network it was made of: they differ by "
            f"{difference:.2e}, more than {TOLERANCE:.0e}."
        )
    path.write_bytes(data)
    return difference


def _difference(data: bytes, network: Exported, pixels: torch.Tensor, names: Sequence[str]) -> float:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found = session.run(list(names), {"pixels": pixels.numpy()})
    with torch.inference_mode():
        wanted = [output.numpy() for output in network(pixels)]
    return max(
        float((np.abs(one - other) / np.maximum(1, np.abs(other) / 10)).max())
        for one, other in zip(found, wanted, strict=True)
    )
