"""Floating-point operations of a step, by arithmetic, and peaks of devices: model FLOPs utilization (MFU).

A product of matrices counts 2 operations a weight and token on the way in, and as much again on the way back
for activations and for weights each, where those are needed. Attention counts 4 x length x width a token and
layer (half, where causal). Padding and what gradient checkpointing computes again do not count (Chowdhery et
al. 2022, PaLM, appendix B).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

PEAK_TFLOPS: Final = (
    ("H200", 989.0),
    ("H100 PCIe", 756.0),
    ("H100", 989.0),
    ("A100", 312.0),
    ("L40S", 362.0),
    ("L4", 121.0),
    ("A10", 125.0),
)
"""Dense bfloat16 peaks of data sheets, TFLOP/s, by what a device's name contains; the first that fits."""


def peak_tflops(device: str) -> float | None:
    """The peak of a device by its name; None where it is not known (processors, other devices)."""
    return next((peak for name, peak in PEAK_TFLOPS if name in device), None)


class StepFlops:
    """Operations of training steps of one student.

    Args:
        model: the student.
        trained: parts (`vision`, `projector`, `language`) whose weights are trained.
    """

    def __init__(self, model: Any, trained: frozenset[str]) -> None:
        vision, text = model.config.vision_config, model.config.text_config
        tower, language = model.model.vision_tower, model.model.language_model
        embedding = language.get_input_embeddings().weight.numel()
        self._patches = (vision.image_size // vision.patch_size) ** 2
        in_tower = (
            sum(p.numel() for p in tower.parameters()) - tower.embeddings.position_embedding.weight.numel()
        )
        self._tower = 2 * in_tower + 4 * self._patches * vision.hidden_size * vision.num_hidden_layers
        self._projector = 2 * sum(p.numel() for p in model.model.multi_modal_projector.parameters())
        self._language = 2 * (sum(p.numel() for p in language.parameters()) - embedding)
        heads = text.num_attention_heads
        width = heads * (getattr(text, "head_dim", None) or text.hidden_size // heads)
        self._attention = 2 * width * text.num_hidden_layers  # x length: causal
        self._head = 2 * model.lm_head.weight.numel()
        deep = trained & {"vision", "projector"}
        self._times = {
            "vision": 3 if "vision" in trained else 1,
            # what lies behind a trained part carries the gradient of activations, trained or not
            "projector": 1 + ("projector" in trained) + ("vision" in trained),
            "language": 1 + ("language" in trained) + bool(deep or "language" in trained),
        }

    def step(self, lengths: npt.NDArray[np.int64], target_tokens: int, images: int) -> float:
        """Operations of one step, over all devices.

        Args:
            lengths: tokens of each row, image tokens included.
            target_tokens: tokens with a loss.
            images: number of images.
        """
        patches = images * self._patches
        total = self._language * int(lengths.sum()) + self._attention * int((lengths**2).sum())
        return float(
            patches * self._tower * self._times["vision"]
            + patches * self._projector * self._times["projector"]
            + (total + target_tokens * self._head) * self._times["language"]
        )
