import numpy as np
import pytest

from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.heart_rate import HeartRateDetector, HeartRateParams, waves_of
from components.deepfake.sample import Track
from tests.deepfake.drawn_faces import STILL, face, texture, track, video

SKIN = np.array([190.0, 150.0, 130.0])
BLOOD = np.array([0.43, 1.0, 0.69])


def skin(*beats: float, rate: float = 25.0, seconds: float = 8.0, level: float = 1.0) -> Track:
    """A face whose left cheek, right cheek and forehead pulse at rates of their own (beats a minute)."""
    base = face() * level
    rng = np.random.Generator(np.random.PCG64(2))
    parts = [np.s_[64:90, :62], np.s_[64:90, 66:], np.s_[20:50, :]]
    images = []
    for index in range(round(seconds * rate)):
        image = base.copy()
        for where, beat in zip(parts, beats, strict=False):
            image[where] += 1.2 * np.sin(2 * np.pi * beat / 60 * index / rate) * BLOOD
        images.append(image + rng.normal(0, 0.15, 3))
    return track(images, rate)


@pytest.mark.parametrize("beats", [54, 75, 120])
def test_a_planted_pulse_is_recovered(beats: int) -> None:
    found = waves_of(skin(beats, beats, beats).crops)
    assert 60 * found.frequency == pytest.approx(beats, rel=0.05)
    assert found.agreement > 0.6
    finding = HeartRateDetector(HeartRateParams()).score(video(skin(beats, beats, beats)), evidence=True)
    assert finding.score is not None
    assert finding.score < -1
    (shown,) = finding.evidence
    assert shown.values is not None
    assert shown.values[np.argmax(shown.values[:, 1]), 0] == pytest.approx(beats, rel=0.05)


def test_without_a_pulse_there_is_no_signal() -> None:
    found = HeartRateDetector(HeartRateParams()).score(video(skin()))
    assert (found.score, found.abstained) == (None, Abstained.NO_SIGNAL)


def test_two_hearts_in_one_face_speak_for_a_forgery() -> None:
    one = HeartRateDetector(HeartRateParams(snr=-5)).score(video(skin(75, 75, 75)))
    two = HeartRateDetector(HeartRateParams(snr=-5)).score(video(skin(55, 95, 135)))
    assert one.score is not None
    assert two.score is not None
    assert two.score > 0 > one.score


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (STILL, Abstained.NOT_A_VIDEO),
        (video(), Abstained.NO_FACE),
        (video(skin(75, 75, 75, seconds=4)), Abstained.TOO_FEW_FRAMES),
        (video(skin(75, 75, 75, rate=10)), Abstained.TOO_FEW_FRAMES),
        (video(skin(75, 75, 75, level=0.2)), Abstained.NO_SIGNAL),
        (video(track([face() + texture(1)[..., None]] * 200, pixels=50)), Abstained.FACE_TOO_SMALL),
    ],
)
def test_it_abstains(sample, why) -> None:
    found = HeartRateDetector(HeartRateParams()).score(sample)
    assert (found.score, found.abstained) == (None, why)
