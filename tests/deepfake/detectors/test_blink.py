import math

import pytest

from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.blink import BlinkDetector, BlinkParams, blinks, log_odds
from components.deepfake.sample import Track
from tests.deepfake.drawn_faces import STILL, face, track, video

SHUT = (0.6, 0.1, 0.0, 0.0, 0.4)
"""A blink of 0.2 s at 25 frames a second."""


def eyes(length: int, *starts: int, shut: tuple[float, ...] = SHUT, pixels: float = 120.0) -> Track:
    """A face whose eyes shut at frames, and whose mouth moves."""
    openness = [1.0] * length
    for start in starts:
        openness[start : start + len(shut)] = shut
    images = [face(eyes=value, mouth=3 + 3 * math.sin(index / 2)) for index, value in enumerate(openness)]
    return track(images, pixels=pixels)


def test_blinks_are_counted_where_they_are() -> None:
    found = blinks(eyes(200, 30, 90, 160).crops, 0.18)
    assert found == pytest.approx([32 / 25, 92 / 25, 162 / 25], abs=0.05)
    assert blinks(eyes(200).crops, 0.18) == []


def test_eyes_that_stay_shut_do_not_blink() -> None:
    assert blinks(eyes(200, 60, shut=(0.0,) * 24).crops, 0.18) == []


def test_a_face_that_never_blinks_scores_higher_than_one_that_does() -> None:
    detector = BlinkDetector(BlinkParams())
    real = detector.score(video(eyes(200, 30, 90, 160)), evidence=True)
    forged = detector.score(video(eyes(200)), evidence=True)
    assert real.score is not None
    assert forged.score is not None
    assert real.score < 0 < forged.score
    (shown,) = real.evidence
    assert shown.text.startswith("3 blinks in 8.0 s")
    assert shown.values is not None
    assert shown.values.shape == (200, 2)
    # the face that does not blink is found beside one that does
    both = detector.score(video(eyes(200, 30, 90, 160), Track(1, eyes(200).crops)))
    assert both.score == forged.score


def test_log_odds_are_those_of_the_stated_rates() -> None:
    # gamma-Poisson with shape 2 and mean 17 / min: none in 12 s
    people = (2 / (2 + 3.4)) ** 2
    assert log_odds(0, 12) == pytest.approx(math.log(0.5 * math.exp(-0.2) / people + 0.5))
    assert log_odds(0, 6) < log_odds(0, 12) < log_odds(0, 60)
    assert log_odds(20, 60) == pytest.approx(math.log(0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (STILL, Abstained.NOT_A_VIDEO),
        (video(), Abstained.NO_FACE),
        (video(eyes(100)), Abstained.TOO_FEW_FRAMES),
        (video(eyes(200, pixels=60)), Abstained.FACE_TOO_SMALL),
        (video(track([face()] * 200)), Abstained.NO_SIGNAL),
    ],
)
def test_it_abstains(sample, why) -> None:
    found = BlinkDetector(BlinkParams()).score(sample)
    assert (found.score, found.abstained) == (None, why)
