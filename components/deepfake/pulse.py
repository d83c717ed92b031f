"""The pulse in the colour of skin (remote photoplethysmography)."""

from __future__ import annotations

from typing import Final

import numpy as np

from components.deepfake.time_series import Series, power_spectrum

LOW: Final = 0.7
HIGH: Final = 3.0
"""Hz: 42 to 180 beats a minute."""
_NOISE_HIGH: Final = 4.0
"""Hz up to which noise is counted: the second harmonic of most rates lies below (de Haan and Jeanne 2013)."""
_WINDOW: Final = 1.6
"""Seconds over which the colours are normalised and projected (Wang et al. 2017, algorithm 1: 32 frames at
20 frames a second)."""
_HALF_BAND: Final = 0.1
"""Hz to either side of the pulse and its harmonic that count as signal (de Haan and Jeanne 2013, eq. 14),
where the recording is long enough to resolve that."""


def pulse(colours: Series, rate: float) -> Series:
    """The pulse by the plane orthogonal to skin (POS; Wang, den Brinker, Stuijk and de Haan 2017, IEEE TBME
    64(7), algorithm 1).

    Args:
        colours: (n, 3) mean R, G, B of a patch of skin, evenly spaced.
        rate: samples a second.

    Returns:
        (n,) pulse without unit: colour relative to its mean, times 1 or so.
    """
    length = max(2, round(_WINDOW * rate))
    found = np.zeros(len(colours))
    for start in range(len(colours) - length + 1):
        window = colours[start : start + length]
        red, green, blue = (window / np.maximum(window.mean(axis=0), 1e-6)).T
        first, second = green - blue, green + blue - 2 * red
        deviation = float(second.std())
        wave = first + (float(first.std()) / deviation if deviation > 1e-12 else 0.0) * second
        found[start : start + length] += wave - wave.mean()
    return found


def dominant(wave: Series, rate: float) -> float:
    """Frequency in Hz with the most power from LOW to HIGH."""
    frequencies, power = power_spectrum(wave, rate)
    inside = (frequencies >= LOW) & (frequencies <= HIGH)
    return float(frequencies[inside][np.argmax(power[inside])])


def signal_to_noise(wave: Series, rate: float, frequency: float) -> float:
    """dB of the power at a frequency and twice it against the rest from LOW to 4 Hz (de Haan and Jeanne 2013,
    IEEE TBME 60(10), eq. 14). A band is never narrower than the duration can resolve."""
    frequencies, power = power_spectrum(wave, rate)
    half = max(_HALF_BAND, rate / len(wave))
    inside = (frequencies >= LOW) & (frequencies <= _NOISE_HIGH)
    near = (np.abs(frequencies - frequency) <= half) | (np.abs(frequencies - 2 * frequency) <= half)
    signal, noise = float(power[inside & near].sum()), float(power[inside & ~near].sum())
    return 10 * float(np.log10((signal + 1e-30) / (noise + 1e-30)))
