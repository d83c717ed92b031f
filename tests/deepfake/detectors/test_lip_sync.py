import dataclasses

import numpy as np
import pytest

from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.lip_sync import LipSyncDetector, LipSyncParams, sync
from components.deepfake.sample import Audio, Track
from tests.deepfake.drawn_faces import STILL, face, track, video

RATE = 8000


def syllables(seed: int, seconds: float = 4.0, rate: float = 25.0) -> np.ndarray:  # type: ignore[type-arg]
    """Loudness from 0 to 1 at `rate` a second: syllables of 0.12 to 0.3 s with pauses."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found = np.zeros(round(seconds * rate))
    at = 4.0
    while at < len(found) - 10:
        length = rng.uniform(3, 8)
        steps = np.arange(len(found))
        inside = (steps >= at) & (steps <= at + length)
        found[inside] = rng.uniform(0.4, 1) * np.sin(np.pi * (steps[inside] - at) / length)
        at += length + rng.uniform(1, 7)
    return found


def speech(loud: np.ndarray, start: float = 0.0) -> Audio:  # type: ignore[type-arg]
    times = np.arange(round(len(loud) / 25 * RATE)) / RATE
    volume = np.interp(times, np.arange(len(loud)) / 25, loud)
    return Audio((0.5 * volume * np.sin(2 * np.pi * 180 * times)).astype(np.float32), RATE, start)


def talking(loud: np.ndarray, number: int = 0) -> Track:  # type: ignore[type-arg]
    return track([face(mouth=10 * float(value)) for value in loud], number=number)


def test_a_mouth_in_time_scores_below_one_that_is_not() -> None:
    detector = LipSyncDetector(LipSyncParams())
    loud = syllables(1)
    true = detector.score(video(talking(loud), audio=speech(loud)), evidence=True)
    others = [speech(syllables(seed)) for seed in range(2, 8)] + [speech(np.roll(loud, 15))]
    wrong = [detector.score(video(talking(loud), audio=sound)).score for sound in others]
    assert true.score is not None
    assert true.score < -1
    assert min(wrong) > true.score + 0.5
    assert np.mean(wrong) > 0
    assert [shown.kind for shown in true.evidence] == ["series", "series"]


@pytest.mark.parametrize("late", [-5, -3, 3, 5])
def test_the_lag_is_that_of_the_mouth(late: int) -> None:
    loud = syllables(3)
    found = sync(talking(np.roll(loud, late)).crops, speech(loud), LipSyncParams())
    assert not isinstance(found, Abstained)
    assert found.lag == pytest.approx(late / 25, abs=0.041)
    assert found.best > found.inside


def test_sound_is_placed_by_its_own_clock() -> None:
    loud = syllables(4)
    whole = speech(loud)
    half_second = RATE // 2
    late = dataclasses.replace(whole, samples=whole.samples[half_second:], start=0.5)
    found = sync(talking(loud).crops, late, LipSyncParams())
    assert not isinstance(found, Abstained)
    assert abs(found.lag) < 0.05


def test_the_face_that_speaks_counts() -> None:
    loud = syllables(5)
    detector = LipSyncDetector(LipSyncParams())
    alone = detector.score(video(talking(loud), audio=speech(loud)))
    both = detector.score(video(talking(syllables(6), number=0), talking(loud, 1), audio=speech(loud)))
    assert both.score == alone.score


LOUD = syllables(7)


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (STILL, Abstained.NOT_A_VIDEO),
        (video(talking(LOUD)), Abstained.NO_AUDIO),
        (video(talking(LOUD), audio=speech(0 * LOUD)), Abstained.SILENT),
        (video(audio=speech(LOUD)), Abstained.NO_FACE),
        (video(talking(LOUD[:30]), audio=speech(LOUD)), Abstained.TOO_FEW_FRAMES),
        (video(talking(LOUD), audio=speech(LOUD, start=3.0)), Abstained.TOO_FEW_FRAMES),
        (video(track([face()] * 100), audio=speech(LOUD)), Abstained.NO_SIGNAL),
        (video(talking(LOUD), audio=speech(0 * LOUD + 0.5)), Abstained.NO_SIGNAL),
    ],
)
def test_it_abstains(sample, why) -> None:
    found = LipSyncDetector(LipSyncParams()).score(sample)
    assert (found.score, found.abstained) == (None, why)
