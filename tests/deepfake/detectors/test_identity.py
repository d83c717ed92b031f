import dataclasses

import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.detectors.base import Abstained
from components.deepfake.detectors.identity import IdentityDetector, IdentityParams, joined
from components.deepfake.face_descriptor import describe
from components.deepfake.sample import Sample, Track
from tests.deepfake.drawn_faces import STILL, face, track, video


def faces(*persons: int, pixels: float = 120.0) -> Track:
    """A face of each person in turn, talking."""
    images = [
        face(person=person, mouth=2 + 2 * np.sin(index), eyes=1 - 0.3 * (index % 2))
        for index, person in enumerate(persons)
    ]
    whole = {person: track(images, rate=2.0, pixels=pixels, seed=person).crops for person in set(persons)}
    return Track(0, tuple(whole[person][index] for index, person in enumerate(persons)))


def clip(*tracks: Track) -> Sample:
    return video(faces=tracks)


def test_a_description_is_of_unit_length_and_tells_people_apart() -> None:
    crops = faces(0, 0, 1).crops
    vectors = np.stack([describe(crop) for crop in crops])
    assert vectors.shape == (3, 512)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    same, other = np.square(vectors[0] - vectors[1]).sum(), np.square(vectors[0] - vectors[2]).sum()
    assert other > 2 * same


def test_even_light_does_not_change_the_description() -> None:
    (crop,) = faces(0).crops
    darker = dataclasses.replace(crop, image=(crop.image * 0.7).astype(np.uint8))
    (other,) = faces(1).crops
    light = np.square(describe(crop) - describe(darker)).sum()
    assert light < 0.5 * np.square(describe(crop) - describe(other)).sum()


def test_a_face_that_becomes_another_one_is_found() -> None:
    detector = IdentityDetector(IdentityParams())
    steady = detector.score(clip(faces(*[0] * 16)))
    swapped = detector.score(clip(faces(*[0] * 8, *[1] * 8)), evidence=True)
    assert steady.score is not None
    assert swapped.score is not None
    assert steady.score == -0.5
    assert swapped.score > 0
    (shown,) = swapped.evidence
    assert "at 4.0 s" in shown.text
    assert shown.values is not None
    assert shown.values.shape == (16, 2)


def test_tracks_at_one_place_are_joined_and_others_are_not() -> None:
    whole = faces(*[0] * 8, *[1] * 8)
    first, second = Track(0, whole.crops[:8]), Track(1, whole.crops[8:])
    assert joined((first, second)) == [whole]
    aside = Track(1, tuple(dataclasses.replace(crop, box=(300, 100, 420, 250)) for crop in second.crops))
    assert joined((first, aside)) == [first, aside]
    beside = Track(1, whole.crops[4:])
    assert joined((first, beside)) == [first, beside]


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (STILL, Abstained.NOT_A_VIDEO),
        (clip(), Abstained.NO_FACE),
        (clip(faces(*[0] * 7)), Abstained.TOO_FEW_FRAMES),
        (clip(faces(*[0] * 12, pixels=30)), Abstained.FACE_TOO_SMALL),
    ],
)
def test_it_abstains(sample, why) -> None:
    found = IdentityDetector(IdentityParams()).score(sample)
    assert (found.score, found.abstained) == (None, why)


def test_an_embedder_that_is_none_is_refused(tmp_path) -> None:
    def opened(path: str) -> IdentityDetector:
        embedder = {"path": path, "licence": "MIT", "step": 0.2}
        return IdentityDetector(IdentityParams.model_validate({"embedder": embedder}))

    with pytest.raises(ConfigurationError, match="there is no file"):
        opened(str(tmp_path / "none.onnx"))
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ConfigurationError, match="no ONNX model"):
        opened(str(tmp_path / "text.onnx"))
