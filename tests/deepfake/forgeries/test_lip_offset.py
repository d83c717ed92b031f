import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.lip_offset import LipOffset, shift
from components.deepfake.sample import Audio
from tests.deepfake.forgeries.faces import video, voice


def lag(one: Audio, other: Audio) -> float:
    """Seconds by which the second comes later, where their cross-correlation is greatest."""
    spectra = np.fft.rfft(one.samples), np.fft.rfft(other.samples)
    found = int(np.fft.irfft(np.conj(spectra[0]) * spectra[1], len(one.samples)).argmax())
    length = len(one.samples)
    return (found if found < length / 2 else found - length) / one.rate


@given(st.floats(-0.99, 0.99))  # a full second is half of the two: as early as late
def test_sound_comes_later_by_what_was_asked_and_keeps_its_length(seconds: float) -> None:
    noise = np.random.Generator(np.random.PCG64(1)).normal(0, 0.1, 32_000).astype(np.float32)
    audio = Audio(noise, 16_000, 2.0)
    moved = shift(audio, seconds)
    assert len(moved.samples) == 32_000
    assert (moved.rate, moved.start) == (16_000, 2.0)
    assert lag(audio, moved) == pytest.approx(seconds, abs=1 / 16_000)


def test_the_seam_is_no_click() -> None:
    time = np.arange(32_000) / 16_000
    audio = Audio(
        (np.sin(2 * np.pi * 50 * time) * np.linspace(0.9, 0.1, 32_000)).astype(np.float32), 16_000, 0
    )
    step = np.abs(np.diff(audio.samples)).max()
    # cut where the end of the tone does not meet its beginning
    audio = dataclasses.replace(audio, samples=audio.samples[: 32_000 - 77])
    plain = np.roll(audio.samples, 8_000)
    assert np.abs(np.diff(plain)).max() > 2 * step
    assert np.abs(np.diff(shift(audio, 0.5).samples)).max() < 1.5 * step


def test_half_are_shifted_by_three_tenths_to_one_second_and_half_are_of_others() -> None:
    others = [video(2), video(3)]
    shifted, borrowed = [], 0
    for number in range(30):
        forged = LipOffset().forge(video(1), others, generator(str(number)))
        assert forged is not None
        assert forged.audio is not None
        if any((forged.audio.samples == other.audio.samples).all() for other in others if other.audio):
            borrowed += 1
        else:
            shifted.append(lag(voice(1), forged.audio))
    assert 6 < borrowed < 24
    assert all(0.29 < abs(offset) < 1.01 for offset in shifted)
    assert min(shifted) < 0 < max(shifted)


def test_pixels_stay_and_alone_the_sound_is_shifted() -> None:
    real = video(1)
    forged = LipOffset().forge(real, [], generator("x"))
    assert forged is not None
    assert forged.audio is not None
    assert (forged.faces, forged.dense, forged.patches) == (real.faces, real.dense, real.patches)
    assert abs(lag(voice(1), forged.audio)) >= 0.29


def test_the_sound_of_another_sample_fits_in_rate_and_length_or_is_not_taken() -> None:
    short = dataclasses.replace(video(2), audio=voice(2, 2.0))
    other_rate = dataclasses.replace(video(3), audio=voice(3, 8.0, 8_000))
    for number in range(10):
        forged = LipOffset().forge(video(1), [short, other_rate], generator(str(number)))
        assert forged is not None
        assert forged.audio is not None
        assert abs(lag(voice(1), forged.audio)) >= 0.29


@pytest.mark.parametrize(
    "change",
    [
        {"audio": None}, {"dense": ()}, {"audio": voice(1, 1.0)},
        {"audio": Audio(np.zeros(64_000, np.float32), 16_000, 0.0)},
    ],
    ids=["no sound", "no frames", "too short", "silent"],
)  # fmt: skip
def test_what_has_no_sound_or_lips_is_left(change: dict) -> None:
    assert LipOffset().forge(dataclasses.replace(video(1), **change), [], generator("x")) is None
