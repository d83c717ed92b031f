import numpy as np
import pytest

from components.deepfake.pulse import dominant, pulse, signal_to_noise

PULSE = np.array([0.33, 0.77, 0.53])
"""How strongly red, green and blue of skin follow the blood (de Haan and van Leest 2014)."""


@pytest.mark.parametrize("beats", [50, 72, 110, 165])
def test_the_rate_is_found_under_a_flickering_lamp(beats: int) -> None:
    times = np.arange(250) / 25
    rng = np.random.Generator(np.random.PCG64(beats))
    blood = 0.5 * np.sin(2 * np.pi * beats / 60 * times)[:, None] * PULSE / PULSE.max()
    lamp = 1 + 0.03 * np.sin(2 * np.pi * 0.9 * times)[:, None]
    colours = (np.array([190, 140, 120]) + blood) * lamp + rng.normal(0, 0.08, (250, 3))
    found = pulse(colours, 25)
    assert 60 * dominant(found, 25) == pytest.approx(beats, rel=0.05)
    assert signal_to_noise(found, 25, beats / 60) > 3


def test_light_alone_is_no_pulse() -> None:
    lamp = 1 + 0.05 * np.sin(2 * np.pi * 1.5 * np.arange(250) / 25)[:, None]
    assert np.abs(pulse(np.array([190.0, 140.0, 120.0]) * lamp, 25)).max() < 0.02


def test_noise_has_less_signal_than_noise() -> None:
    rng = np.random.Generator(np.random.PCG64(0))
    for _ in range(20):
        found = pulse(128 + rng.normal(0, 1, (250, 3)), 25)
        assert signal_to_noise(found, 25, dominant(found, 25)) < 0
