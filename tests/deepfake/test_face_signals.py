import numpy as np
import pytest

from components.deepfake.face_signals import (
    eye_openness,
    frame_rate,
    is_still,
    landmark_jitter,
    longest_run,
    mouth_series,
    pose,
    skin_colours,
)
from components.deepfake.sample import Crop, Track
from components.deepfake.time_series import correlation, detrend
from tests.deepfake.drawn_faces import LANDMARKS, face, track


def at(*seconds: float) -> Track:
    image = np.zeros((128, 128, 3), np.uint8)
    return Track(
        0, tuple(Crop(round(one * 25), one, image, (0, 0, 1, 1), landmarks=LANDMARKS) for one in seconds)
    )


def test_the_longest_run_ends_where_the_face_is_gone_too_long() -> None:
    found = longest_run(at(0.0, 0.04, 0.08, 0.6, 0.64, 0.68, 0.72))
    assert [crop.seconds for crop in found] == [0.6, 0.64, 0.68, 0.72]
    assert [crop.seconds for crop in longest_run(at(0.0, 0.04, 0.2))] == [0.0, 0.04, 0.2]
    assert longest_run(Track(0, ())) == ()
    assert frame_rate(found) == pytest.approx(25)


def test_a_mouth_that_opens_and_shuts_is_followed() -> None:
    wanted = 4 * (1 - np.cos(2 * np.pi * np.arange(50) / 10))
    opening, speed = mouth_series(track([face(mouth=float(gap)) for gap in wanted]).crops)
    assert correlation(detrend(opening, 10), detrend(wanted, 10)) > 0.9
    assert correlation(speed[1:], np.diff(wanted)) > 0.85


def test_a_face_moved_as_a_whole_opens_no_mouth() -> None:
    images = [np.roll(face(), round(2 * np.sin(index)), axis=0) for index in range(30)]
    moved = mouth_series(track(images).crops)[1]
    spoken = mouth_series(track([face(mouth=float(4 + 4 * np.sin(index))) for index in range(30)]).crops)[1]
    assert moved[1:].std() < spoken[1:].std() / 4


def test_openness_falls_as_lids_close() -> None:
    found = eye_openness(track([face(eyes=eyes) for eyes in (1.0, 0.6, 0.3, 0.0)]).crops)
    assert found.shape == (4, 2)
    assert (found[3] < 0.5 * found[0]).all()
    assert (np.diff(found.mean(axis=1)) < 0).all()


def test_skin_is_taken_from_cheeks_and_forehead() -> None:
    found = skin_colours(track([face(skin=(180, 140, 120)), face(skin=(200, 150, 125))]).crops)
    assert found.shape == (2, 3, 3)
    assert found[0] == pytest.approx(np.tile([180, 140, 120], (3, 1)), abs=6)
    assert found[1] - found[0] == pytest.approx(np.tile([20, 10, 5], (3, 1)), abs=1)


def test_jitter_is_what_steady_motion_leaves() -> None:
    steady = [LANDMARKS + np.float32(index * 0.3) for index in range(20)]
    rng = np.random.Generator(np.random.PCG64(3))
    trembling = [points + rng.normal(0, 0.5, points.shape).astype(np.float32) for points in steady]

    def jitter(points: list[np.ndarray]) -> float:  # type: ignore[type-arg]
        image = np.zeros((128, 128, 3), np.uint8)
        crops = tuple(
            Crop(index, index / 25, image, (0, 0, 1, 1), landmarks=one) for index, one in enumerate(points)
        )
        return float(landmark_jitter(crops).mean())

    assert jitter(steady) < 1e-5
    # second differences of independent errors of 0.5 pixels in x and y: 0.5 * sqrt(6) * sqrt(pi / 2), by 32
    assert jitter(trembling) == pytest.approx(0.5 * 6**0.5 * (np.pi / 2) ** 0.5 / 32, rel=0.15)


def test_pose_follows_the_nose() -> None:
    turned = LANDMARKS.copy()
    turned[2, 0] += 8
    image = np.zeros((128, 128, 3), np.uint8)
    crops = tuple(Crop(0, 0.0, image, (0, 0, 1, 1), landmarks=points) for points in (LANDMARKS, turned))
    assert pose(crops)[:, 0] == pytest.approx([0, 0.25], abs=1e-6)


def test_a_picture_in_a_video_is_still_and_a_face_is_not() -> None:
    assert is_still(track([face()] * 50).crops)
    talking = [
        face(mouth=float(4 + 4 * np.sin(index / 2)), eyes=0.5 + 0.5 * np.cos(index)) for index in range(50)
    ]
    swaying = [np.roll(image, round(3 * np.sin(index / 6)), axis=1) for index, image in enumerate(talking)]
    assert not is_still(track(swaying).crops)


def test_a_crop_without_landmarks_is_refused() -> None:
    with pytest.raises(ValueError, match="frame 7 has no landmarks"):
        eye_openness((Crop(7, 0.0, np.zeros((128, 128, 3), np.uint8), (0, 0, 1, 1)),))
