"""Learning rate by step: linear warm-up, then a cosine. A function of the step alone: nothing to save."""

from __future__ import annotations

import math


def lr_factor(step: int, steps: int, warmup_share: float, final_share: float) -> float:
    """What peak rates are multiplied with in step `step` of `steps`, counted from 0; above 0 to 1."""
    warmup = round(steps * warmup_share)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * done))


def ema_decay(step: int, decay: float) -> float:
    """Decay of the moving average after step `step`, counted from 0: low at first, to forget the start."""
    return min(decay, (1 + step) / (10 + step))
