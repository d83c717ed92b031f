"""How loud the sound of a sample is over time."""

from __future__ import annotations

from typing import Final

import numpy as np

from components.deepfake.sample import Audio
from components.deepfake.time_series import Series

_FLOOR: Final = 1e-6
"""Mean square under which sound counts as none: -60 dB of full scale."""


def envelope(audio: Audio, seconds: Series, window: float) -> Series:
    """Logarithm of the root mean square of the sound around moments.

    Args:
        seconds: (n,) moments, on the clock of the file.
        window: seconds, centred at each moment.

    Returns:
        (n,) in nepers (x 8.7 for dB), from ln(0.001) up; NaN where there is no sound for the whole window.
    """
    power = np.concatenate([[0.0], np.cumsum(np.square(audio.samples, dtype=np.float64))])
    ends = np.round((seconds[:, None] + np.array([-0.5, 0.5]) * window - audio.start) * audio.rate).astype(
        int
    )
    inside = (ends[:, 0] >= 0) & (ends[:, 1] <= len(audio.samples)) & (ends[:, 1] > ends[:, 0])
    first, last = np.clip(ends, 0, len(audio.samples)).T
    mean = (power[last] - power[first]) / np.maximum(last - first, 1)
    return np.where(inside, 0.5 * np.log(np.maximum(mean, 0) + _FLOOR), np.nan)


def loudness(audio: Audio) -> float:
    """Root mean square of all of it, in dB of full scale; minus infinity for silence."""
    mean = float(np.square(audio.samples, dtype=np.float64).mean()) if len(audio.samples) else 0.0
    return 10 * float(np.log10(mean)) if mean > 0 else -float("inf")
