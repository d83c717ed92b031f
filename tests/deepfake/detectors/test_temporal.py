import math

import pytest

from components.core.errors import ConfigurationError
from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.temporal import TemporalDetector, TemporalParams
from components.deepfake.linear_model import LinearModel
from components.deepfake.sample import Track
from components.deepfake.temporal_features import TEMPORAL_NAMES, temporal_features
from tests.deepfake.drawn_faces import STILL, face, track, video
from tests.deepfake.test_temporal_features import shimmering, swaying


def model(**changes: object) -> LinearModel:
    count = len(TEMPORAL_NAMES)
    values: dict[str, object] = {
        "names": list(TEMPORAL_NAMES), "mean": [0.5] * count, "scale": [2.0] * count,
        "weights": [0.1] * count, "intercept": 0.25, "licence": "Apache-2.0",
    }  # fmt: skip
    return LinearModel.model_validate(values | changes)


def test_shimmer_raises_the_score_without_weights(tmp_path) -> None:
    detector = TemporalDetector(TemporalParams(), tmp_path)
    real = detector.score(video(track(swaying(24))))
    forged = detector.score(video(track(shimmering(swaying(24)))), evidence=True)
    assert real.score is not None
    assert forged.score is not None
    assert forged.score > real.score + 1
    assert [shown.name for shown in forged.evidence] == [
        "Unexplained change: inner",
        "Unexplained change: outer",
    ]
    assert all(shown.values is not None and shown.values.shape == (23, 2) for shown in forged.evidence)


def test_one_forged_face_among_real_ones_is_found(tmp_path) -> None:
    detector = TemporalDetector(TemporalParams(), tmp_path)
    forged = Track(1, track(shimmering(swaying(24))).crops)
    both = detector.score(video(track(swaying(24)), forged))
    assert both.score == detector.score(video(forged)).score
    assert [frame.track for frame in both.frames] == [0, 1]


def test_a_trained_model_decides_where_there_is_one(tmp_path) -> None:
    (tmp_path / "temporal.json").write_text(model().model_dump_json())
    found = TemporalDetector(TemporalParams(), tmp_path).score(video(track(swaying(24))))
    features = temporal_features(track(swaying(24)))
    assert features is not None
    wanted = 0.25 + math.fsum(0.1 * (float(value) - 0.5) / 2 for value in features)
    assert found.score == pytest.approx(wanted, abs=1e-6)


def test_a_model_of_other_features_is_refused(tmp_path) -> None:
    names = list(TEMPORAL_NAMES)
    names[0] = "something_else"
    (tmp_path / "temporal.json").write_text(model(names=names).model_dump_json())
    with pytest.raises(ConfigurationError, match="something_else"):
        TemporalDetector(TemporalParams(), tmp_path)


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (STILL, Abstained.NOT_A_VIDEO),
        (video(), Abstained.NO_FACE),
        (video(track(swaying(8))), Abstained.TOO_FEW_FRAMES),
        (video(track(swaying(24), pixels=40)), Abstained.FACE_TOO_SMALL),
        (video(track([face()] * 40)), Abstained.NO_SIGNAL),
    ],
)
def test_it_abstains(sample, why, tmp_path) -> None:
    found = TemporalDetector(TemporalParams(), tmp_path).score(sample)
    assert (found.score, found.abstained) == (None, why)
