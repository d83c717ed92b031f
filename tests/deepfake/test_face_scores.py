"""From scores of faces to one of a sample."""

import numpy as np
import pytest

from components.deepfake.detectors.base import Abstained, FrameScore
from components.deepfake.face_scores import sample_score, usable_faces
from tests.deepfake.crops import crop, sample

SMALL = np.zeros((64, 64, 3), np.uint8)


def test_mean_over_a_track_and_maximum_over_tracks() -> None:
    frames = [FrameScore(0, 0, 5.0), FrameScore(1, 0, -3.0), FrameScore(0, 1, 2.0), FrameScore(1, 1, 1.0)]
    assert sample_score(frames) == 1.5
    assert sample_score(frames[:2]) == 1.0
    assert sample_score([FrameScore(0, -1, -0.123456)]) == pytest.approx(-0.1235)


def test_faces_that_are_too_small_are_not_judged() -> None:
    wide, narrow = crop(SMALL, face_pixels=48), crop(SMALL, face_pixels=47.9)
    assert usable_faces(sample(), 48) is Abstained.NO_FACE
    assert usable_faces(sample([narrow]), 48) is Abstained.FACE_TOO_SMALL
    found = usable_faces(sample([narrow], [wide, narrow]), 48)
    assert not isinstance(found, Abstained)
    assert [(number, face.face_pixels) for number, face in found] == [(1, 48)]
