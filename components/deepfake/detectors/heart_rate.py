"""Physiological: whether the pulse in the colour of the skin is one pulse all over the face."""

from __future__ import annotations

from itertools import combinations
from typing import ClassVar, Final

import numpy as np
from pydantic import Field

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Abstained, Detector, DetectorParams, Evidence, Finding, Need
from components.deepfake.face_signals import SKIN, duration, frame_rate, longest_run, seconds, skin_colours
from components.deepfake.pulse import HIGH, LOW, dominant, pulse, signal_to_noise
from components.deepfake.sample import Crop, Sample
from components.deepfake.time_series import (
    Series,
    band_pass,
    correlation,
    even_grid,
    power_spectrum,
    resample,
    standard,
)

_DARK: Final = 40.0
_BRIGHT: Final = 235.0
"""Mean green (0 to 255) of skin beyond which a change of 0.5 %, what a pulse makes, is lost to rounding or
clipping."""
_AGREE: Final = 0.3
"""Mean correlation between patches that speaks neither way: independent noise of 6 s gives 0.27 at its 99th
percentile (200 simulated faces)."""
_SLOPE: Final = 4.0
_MOST: Final = 1.5
"""Log-odds never go beyond: see the class."""
_SPECTRUM_STEP: Final = 0.02


class HeartRateParams(DetectorParams):
    """Parameters of the pulse detector."""

    seconds: float = Field(
        5.0, ge=3, le=60, description="Seconds of an unbroken view of the face below which it abstains."
    )
    rate: float = Field(15.0, ge=8, le=120, description="Frames a second below which it abstains.")
    face_pixels: float = Field(80.0, ge=32, description="Width of a face in pixels below which it abstains.")
    snr: float = Field(
        2.0,
        ge=-5,
        le=20,
        description="Signal-to-noise ratio in dB (de Haan and Jeanne 2013) below which there is no pulse to "
        "judge; noise alone reaches 0.9 in 1 % of stretches of 6 s.",
    )


@register(HeartRateParams)
class HeartRateDetector(Detector[HeartRateParams]):
    """Looks for one pulse in both cheeks and the forehead (POS), and how well the three agree.

    Where no pulse stands out of the noise it abstains (NO_SIGNAL): video compression takes the pulse from
    most real videos too, so its absence proves nothing. Where one stands out, the mean correlation of the
    three patches decides: a living face has one heart (FakeCatcher, arXiv 1901.02212, compares patches
    likewise). Log-odds = 4 x (0.3 - correlation), at most 1.5 to either side: slope and limits are set by
    hand, not fitted, since too few videos carry a pulse.

    What it can't see: forgeries that keep the colours of a real video (lip-sync, some swaps keep its pulse:
    Seibold et al. 2025), flickering lamps, make-up, darker skin with less signal. On compressed clips it
    nearly always abstains.
    """

    name = "heart_rate"
    family = "physiological"
    says = "whether cheeks and forehead show one pulse"
    needs: ClassVar[tuple[Need, ...]] = ("dense",)

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """The face with the strongest sign of forgery among those with a pulse."""
        if sample.kind != "video":
            return self.abstain(Abstained.NOT_A_VIDEO)
        if not sample.dense:
            return self.abstain(Abstained.NO_FACE)
        best: tuple[float, int, Waves] | None = None
        reasons = set()
        for track in sample.dense:
            crops = longest_run(track)
            why = self._unfit(crops)
            if why is not None:
                reasons.add(why)
                continue
            waves = waves_of(crops)
            if waves.snr < self.params.snr:
                reasons.add(Abstained.NO_SIGNAL)
                continue
            score = float(np.clip(_SLOPE * (_AGREE - waves.agreement), -_MOST, _MOST))
            if best is None or score > best[0]:
                best = (score, track.number, waves)
        if best is None:
            order = (Abstained.NO_SIGNAL, Abstained.TOO_FEW_FRAMES, Abstained.FACE_TOO_SMALL)
            return self.abstain(next(why for why in order if why in reasons))
        score, number, waves = best
        return Finding(self.name, score, evidence=(_shown(waves, number),) if evidence else ())

    def _unfit(self, crops: tuple[Crop, ...]) -> Abstained | None:
        if duration(crops) < self.params.seconds or frame_rate(crops) < self.params.rate:
            return Abstained.TOO_FEW_FRAMES
        if float(np.median([crop.face_pixels for crop in crops])) < self.params.face_pixels:
            return Abstained.FACE_TOO_SMALL
        green = skin_colours(crops[:: max(1, len(crops) // 8)])[:, :, 1]
        return None if _DARK <= float(green.mean()) <= _BRIGHT else Abstained.NO_SIGNAL


class Waves:
    """The pulses of the three patches of skin of one face.

    Attributes:
        patches: (n, 3) pulse of each patch of SKIN, standardised, LOW to HIGH Hz.
        rate: samples a second.
        frequency: of the mean pulse, in Hz.
        snr: of the mean pulse, in dB.
        agreement: mean correlation between patches, -1 to 1.
    """

    def __init__(self, colours: Series, rate: float) -> None:
        raw = np.stack([pulse(colours[:, patch], rate) for patch in range(len(SKIN))], axis=1)
        self.rate = rate
        self.patches = standard(
            np.stack([band_pass(raw[:, patch], rate, LOW, HIGH) for patch in range(len(SKIN))], axis=1)
        )
        self.mean = standard(raw).mean(axis=1)
        self.frequency = dominant(self.mean, rate)
        self.snr = signal_to_noise(self.mean, rate, self.frequency)
        pairs = [
            correlation(self.patches[:, first], self.patches[:, second])
            for first, second in combinations(range(len(SKIN)), 2)
        ]
        self.agreement = float(np.mean(pairs))


def waves_of(crops: tuple[Crop, ...]) -> Waves:
    """The pulses of an unbroken view of a face."""
    times, rate = seconds(crops), frame_rate(crops)
    colours = skin_colours(crops).reshape(len(crops), -1)
    even = resample(times, colours, even_grid(times, rate))
    return Waves(even.reshape(len(even), len(SKIN), 3), rate)


def _shown(waves: Waves, track: int) -> Evidence:
    frequencies, power = power_spectrum(waves.mean, waves.rate, _SPECTRUM_STEP)
    inside = (frequencies >= LOW) & (frequencies <= HIGH)
    values = np.stack([60 * frequencies[inside], power[inside] / power[inside].max()], axis=1)
    text = (
        f"A pulse of {60 * waves.frequency:.0f} beats a minute stands {waves.snr:.1f} dB out of the noise; "
        f"{', '.join(SKIN)} agree with a mean correlation of {waves.agreement:.2f} (noise: below 0.3). A "
        "flickering lamp can look like a pulse, and a forgery can keep that of the video it was made from."
    )
    return Evidence(
        "Spectrum of the pulse", "spectrum", text, values.astype(np.float32), ("beats a minute", "power"),
        track=track,
    )  # fmt: skip
