"""Sound that is not of the lips: shifted in time, or another person's.

The negatives that models of audio-visual synchrony are trained and tested with (SyncNet: Chung and Zisserman
2016, section 3: shifted by up to 2 s, or of another clip). No pixel changes, so only a detector that reads
sound and lips can tell; it says nothing of generators that move lips to fit a sound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np

from components.deepfake.detectors.base import Need
from components.deepfake.forgeries import register
from components.deepfake.forgeries.base import Forgery
from components.deepfake.sample import Audio, Floats, Sample

_OFFSETS: Final = (0.3, 1.0)
"""Seconds of a shift: people notice sound 0.13 s late or 0.05 s early (ITU-R BT.1359)."""
_FADE: Final = 0.01
"""Seconds of the cross-fade where a shifted sound meets its own beginning."""
_POOL: Final = 8
"""Other samples whose sound is looked at."""
_MIN_SECONDS: Final = 1.3
"""Sound that is shorter can't be shifted by the largest offset and keep anything of its order."""


@register
class LipOffset(Forgery):
    """The sound of the consecutive frames shifted by 0.3 to 1 s, or that of another sample."""

    name: ClassVar[str] = "lip_offset"
    family: ClassVar[str] = "lip_offset"
    paper: ClassVar[str] = "Chung and Zisserman, Out of Time: Automated Lip Sync in the Wild, 2016"
    alters: ClassVar[tuple[Need, ...]] = ("audio",)

    def forge(self, sample: Sample, others: Sequence[Sample], rng: np.random.Generator) -> Sample | None:
        audio = sample.audio
        if audio is None or not sample.dense or len(audio.samples) < _MIN_SECONDS * audio.rate:
            return None
        if not np.any(audio.samples):
            return None
        borrowed = _borrow(audio, others, rng) if rng.random() < 0.5 else None
        if borrowed is None:
            offset = float(rng.uniform(*_OFFSETS)) * (1 if rng.random() < 0.5 else -1)
            borrowed = shift(audio, offset)
        return dataclasses.replace(sample, audio=borrowed)


def shift(audio: Audio, seconds: float) -> Audio:
    """Sound that comes later by so many seconds (earlier if negative), of the same length.

    What runs over one end comes back at the other, so that a forgery is no shorter than what it was made
    from; the seam is faded over.
    """
    steps = round(seconds * audio.rate)
    moved = np.roll(audio.samples, steps)
    fade = min(round(_FADE * audio.rate), abs(steps), len(moved) - abs(steps))
    seam = steps % len(moved)
    if fade > 0 and seam:
        # the last samples before the seam are led over into what came before the first ones
        up = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
        before = np.take(moved, range(seam - fade, seam), mode="wrap")
        after = np.take(moved, range(seam, seam + fade), mode="wrap")[::-1]
        moved[np.arange(seam - fade, seam) % len(moved)] = before * (1 - up) + after * up
    return dataclasses.replace(audio, samples=moved.astype(np.float32))


def _borrow(audio: Audio, others: Sequence[Sample], rng: np.random.Generator) -> Audio | None:
    """The sound of another sample, cut to the same length; None where no few have so much at this rate."""
    for number in rng.permutation(len(others))[:_POOL]:
        other = others[int(number)].audio
        if other is None or other.rate != audio.rate or len(other.samples) < len(audio.samples):
            continue
        if np.any(other.samples):
            taken: Floats = other.samples[: len(audio.samples)].copy()
            return Audio(taken, audio.rate, audio.start)
    return None
