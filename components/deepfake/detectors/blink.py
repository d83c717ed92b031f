"""Physiological: whether a face blinks as people do."""

from __future__ import annotations

import math
from typing import ClassVar, Final

import numpy as np
from pydantic import Field

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Abstained, Detector, DetectorParams, Evidence, Finding, Need
from components.deepfake.face_signals import (
    duration,
    eye_openness,
    frame_rate,
    is_still,
    longest_run,
    seconds,
)
from components.deepfake.sample import Crop, Sample
from components.deepfake.time_series import Series, moving_median

_PER_MINUTE: Final = 17.0
_SHAPE: Final = 2.0
"""Blinks of people are a Poisson count whose rate differs from person to person like a gamma variable: mean
17 a minute at rest, 26 in conversation, 4.5 reading (Bentivoglio et al. 1997, Movement Disorders 12(6),
1028-1034). Shape 2 around 17 puts a twentieth of people below 3 a minute."""
_FORGED_PER_MINUTE: Final = 1.0
_STILL: Final = 0.5
"""Forged faces are taken to blink as people do, or, half of them, hardly ever (In Ictu Oculi, arXiv
1806.02877): by hand, newer generators blink."""
_BASE: Final = 1.0
"""Seconds to either side over whose median an eye is compared with itself."""
_LONGEST: Final = 0.6
"""Seconds beyond which lids that stay down are a gaze, not a blink: blinks last 0.1 to 0.4 s (Schiffman
2001)."""


class BlinkParams(DetectorParams):
    """Parameters of the blink detector."""

    seconds: float = Field(
        6.0, ge=2, le=120, description="Seconds of an unbroken view of the face below which it abstains."
    )
    rate: float = Field(
        12.0,
        ge=10,
        le=120,
        description="Frames a second below which it abstains: a blink takes 0.1 s or more.",
    )
    face_pixels: float = Field(80.0, ge=32, description="Width of a face in pixels below which it abstains.")
    depth: float = Field(
        0.18,
        gt=0.05,
        lt=0.9,
        description="Part of its usual structure that an eye loses in a blink (mean of both eyes).",
    )


@register(BlinkParams)
class BlinkDetector(Detector[BlinkParams]):
    """Counts blinks and asks how likely people, or faces that hardly blink, show so few in that time.

    A blink is a dip of both eyes' upright structure (`eye_openness`) below 1 - `depth` of its median over
    2 s around, no longer than 0.6 s. Log-odds are the logarithm of (0.5 x Poisson of 1 a minute + 0.5 x
    people) / people, with people's count negative-binomial: between -0.7 for one blink or more and about
    +1.3 for none in 12 s. Blinks at odd moments or of odd shape are not judged, many
    blinks neither. Pictures in a video, in which nothing moves, are passed over.

    What it can't see: dark glasses, eyes in shadow, faces turned far (all read as never blinking);
    generators that blink, swaps and reenactment, which blink as their driver does. A head shaken fast
    blurs the eyes, which can count as a blink, and a sleeper never blinks. In stretches of 6 to 10 s of 9
    real people and 6 talking heads, AUC is .78 [.44-1.00]: not told from chance.
    """

    name = "blink"
    family = "physiological"
    says = "whether the eyes blink as often as people's do"
    needs: ClassVar[tuple[Need, ...]] = ("dense",)

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """The face that blinks least for its time."""
        if sample.kind != "video":
            return self.abstain(Abstained.NOT_A_VIDEO)
        if not sample.dense:
            return self.abstain(Abstained.NO_FACE)
        best: tuple[float, int, tuple[Crop, ...]] | None = None
        why = Abstained.TOO_FEW_FRAMES
        for track in sample.dense:
            crops = longest_run(track)
            if duration(crops) < self.params.seconds or frame_rate(crops) < self.params.rate:
                continue
            if float(np.median([crop.face_pixels for crop in crops])) < self.params.face_pixels:
                why = Abstained.FACE_TOO_SMALL
                continue
            if is_still(crops):
                why = Abstained.NO_SIGNAL
                continue
            found = log_odds(len(blinks(crops, self.params.depth)), duration(crops))
            if best is None or found > best[0]:
                best = (found, track.number, crops)
        if best is None:
            return self.abstain(why)
        score, number, crops = best
        shown = (_shown(crops, number, self.params.depth),) if evidence else ()
        return Finding(self.name, score, evidence=shown)


def relative_openness(crops: tuple[Crop, ...]) -> Series:
    """(n,) structure of both eyes against its median over 2 s around; 1 is as usual."""
    eyes = eye_openness(crops)
    usual = moving_median(eyes, max(1, round(_BASE * frame_rate(crops))))
    return np.asarray((eyes / np.maximum(usual, 1e-6)).mean(axis=1))


def blinks(crops: tuple[Crop, ...], depth: float) -> list[float]:
    """Seconds of the deepest moment of each blink."""
    times, openness = seconds(crops), relative_openness(crops)
    closed = np.concatenate([[False], openness < 1 - depth, [False]])
    edges = np.flatnonzero(np.diff(closed.astype(np.int8)))
    found: list[float] = []
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if times[last - 1] - times[first] > _LONGEST:
            continue
        deepest = float(times[first + int(np.argmin(openness[first:last]))])
        # a lid that trembles in the middle of a blink is still one blink
        if not found or deepest - found[-1] > 2 / 10:
            found.append(deepest)
    return found


def log_odds(count: int, length: float) -> float:
    """Log-odds of `count` blinks in `length` seconds, from the rates above."""
    people = _negative_binomial(count, _PER_MINUTE * length / 60, _SHAPE)
    expected = _FORGED_PER_MINUTE * length / 60
    still = math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))
    return math.log(_STILL * still / people + 1 - _STILL)


def _negative_binomial(count: int, mean: float, shape: float) -> float:
    """Probability of a count that is Poisson with a gamma-distributed rate."""
    logarithm = math.lgamma(count + shape) - math.lgamma(shape) - math.lgamma(count + 1)
    return math.exp(
        logarithm + shape * math.log(shape / (shape + mean)) + count * math.log(mean / (shape + mean))
    )


def _shown(crops: tuple[Crop, ...], track: int, depth: float) -> Evidence:
    found = blinks(crops, depth)
    text = (
        f"{len(found)} blinks in {duration(crops):.1f} s; people at rest blink about 17 times a minute, some "
        "3 times. No blink in a short clip, behind dark glasses or in shadow proves nothing."
    )
    values = np.stack([seconds(crops), relative_openness(crops)], axis=1).astype(np.float32)
    return Evidence(
        "Eyes against their usual state", "series", text, values, ("seconds", "openness"), track=track
    )
