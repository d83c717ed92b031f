"""Video detectors on real clips, decoded and cut out by `examine`; figures in aggregate only."""

import dataclasses
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.blink import BlinkDetector, BlinkParams, blinks
from components.deepfake.detectors.lip_sync import LipSyncDetector, LipSyncParams
from components.deepfake.examine import examine
from components.deepfake.face_signals import longest_run
from components.deepfake.faces_params import ExamineParams

pytestmark = pytest.mark.corpora


def test_speech_fits_its_own_sound_better_than_that_of_others(corpora: Path) -> None:
    clips = sorted((corpora / "faces").glob("grid__*"))[:6]
    assert len(clips) == 6
    seen = [
        examine(path.read_bytes(), "video", ExamineParams(), needs=frozenset({"dense", "audio"}))
        for path in clips
    ]
    detector = LipSyncDetector(LipSyncParams())
    own = [detector.score(sample).score for sample in seen]
    others = [
        detector.score(dataclasses.replace(face, audio=sound.audio)).score
        for face, sound in pairwise([*seen, seen[0]])
    ]
    assert None not in own + others
    assert np.mean(own) < np.mean(others) - 0.5


def test_blinks_of_a_real_clip(corpora: Path) -> None:
    data = (corpora / "faces" / "pyfeat__feat__tests__data__single_face.mp4").read_bytes()
    sample = examine(data, "video", ExamineParams(), needs=frozenset({"dense"}))
    # 2.4 s with one blink, seen by eye at frame 26 of 30 a second
    (track,) = sample.dense
    assert blinks(longest_run(track), BlinkParams().depth) == pytest.approx([26 / 30], abs=0.1)
    assert BlinkDetector(BlinkParams()).score(sample).abstained == Abstained.TOO_FEW_FRAMES
