import numpy as np
import pytest

from components.deepfake.audio_envelope import envelope, loudness
from components.deepfake.sample import Audio


def test_a_tone_that_gets_louder() -> None:
    times = np.arange(16_000) / 8000
    amplitude = np.where(times < 1, 0.1, 0.4)
    sound = Audio((amplitude * np.sin(2 * np.pi * 200 * times)).astype(np.float32), 8000, start=3.0)
    found = envelope(sound, np.array([3.5, 4.5]), 0.06)
    # the root mean square of a tone is its amplitude by sqrt(2)
    assert found == pytest.approx(np.log(np.array([0.1, 0.4]) / 2**0.5), abs=1e-3)
    assert loudness(sound) == pytest.approx(10 * np.log10((0.005 + 0.08) / 2), abs=0.01)


def test_moments_without_sound_are_nan_and_silence_has_a_floor() -> None:
    silence = Audio(np.zeros(8000, np.float32), 8000, start=1.0)
    found = envelope(silence, np.array([0.5, 1.5, 1.99, 2.5]), 0.06)
    assert np.isnan(found).tolist() == [True, False, True, True]
    assert found[1] == pytest.approx(np.log(0.001), abs=1e-3)
    assert loudness(silence) == -float("inf")
    assert loudness(Audio(np.zeros(0, np.float32), 8000, 0.0)) == -float("inf")
