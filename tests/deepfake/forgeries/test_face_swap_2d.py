import dataclasses

import cv2
import numpy as np
import pytest

from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.face_swap_2d import FaceSwap2D, pose, swap, transfer_colour
from components.deepfake.sample import Track
from tests.deepfake.crops import crop, texture
from tests.deepfake.forgeries.faces import POINTS, drawn, face, video


def test_a_face_swapped_with_itself_stays() -> None:
    target = face(1)
    image, mask = swap(target, target)
    assert np.abs(image.astype(int) - target.image).mean() < 0.5
    assert set(np.unique(mask)) == {0, 255}
    assert 0.1 < (mask > 0).mean() < 0.5


def test_the_swap_changes_the_inside_and_leaves_the_outside() -> None:
    target, source = face(1), face(2)
    image, mask = swap(target, source)
    changed = np.abs(image.astype(int) - target.image).max(-1)
    assert changed[mask == 0].max() <= 1
    assert changed[mask > 0].mean() > 3


def test_the_features_of_the_source_come_to_lie_on_the_landmarks_of_the_target() -> None:
    # the source is shifted, larger and turned; only its own features tell where it went
    angle = np.radians(8)
    turn = 1.1 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = ((POINTS - 128) @ turn.T + 128 + [6, -9]).astype(np.float32)
    plain = np.full((256, 256, 3), 180, np.uint8)
    spots = plain.copy()
    for x, y in points:
        cv2.circle(spots, (round(float(x)), round(float(y))), 6, (20, 20, 20), -1)
    source = crop(spots, landmarks=points)
    grain = np.random.Generator(np.random.PCG64(1)).normal(0, 6, (256, 256, 1))
    target = crop(np.clip(plain + grain, 0, 255).astype(np.uint8), landmarks=POINTS)
    image, _ = swap(target, source)
    grey = image.mean(-1)
    for x, y in POINTS:
        near = grey[int(y) - 12 : int(y) + 13, int(x) - 12 : int(x) + 13]
        rows, columns = np.nonzero(near < near.min() + 0.4 * (np.median(near) - near.min()))
        assert rows.mean() == pytest.approx(12, abs=2)
        assert columns.mean() == pytest.approx(12, abs=2)


def test_colours_are_given_the_mean_and_deviation_of_the_other_picture() -> None:
    inside = np.zeros((256, 256), bool)
    inside[64:192, 64:192] = True
    like = np.clip(texture(2).astype(int) // 2 + [60, 30, 10], 0, 255).astype(np.uint8)
    given = transfer_colour(texture(1), like, inside)
    tones = [cv2.cvtColor(each, cv2.COLOR_RGB2LAB)[inside].astype(float) for each in (given, like)]
    assert tones[0].mean(0) == pytest.approx(tones[1].mean(0), abs=2)
    assert tones[0].std(0) == pytest.approx(tones[1].std(0), rel=0.2)


def test_pose_knows_no_place_and_size() -> None:
    larger = dataclasses.replace(face(1), landmarks=POINTS * np.float32(1.7) + 20)
    assert pose(larger) == pytest.approx(pose(face(1)), abs=1e-5)
    turned = POINTS.copy()
    turned[2, 0] += 25
    assert np.abs(pose(dataclasses.replace(face(1), landmarks=turned)) - pose(face(1))).max() > 0.05


def test_the_face_nearest_in_pose_is_taken() -> None:
    turned = POINTS.copy()
    turned[2, 0] += 25
    near = dataclasses.replace(video(2), faces=(Track(0, (face(2),)),))
    looking_away = dataclasses.replace(face(3), image=drawn(3, points=turned), landmarks=turned)
    far = dataclasses.replace(video(3), faces=(Track(0, (looking_away,)),))
    forged = FaceSwap2D().forge(video(1), [far, near], generator("x"))
    assert forged is not None
    expected, _ = swap(video(1).faces[0].crops[0], near.faces[0].crops[0])
    assert (forged.faces[0].crops[0].image == expected).all()


def test_one_person_is_put_in_from_the_first_frame_to_the_last() -> None:
    sample, others = video(1), [video(person) for person in range(2, 6)]
    forged = FaceSwap2D().forge(sample, others, generator("x"))
    assert forged is not None
    both = [*zip(forged.faces[0].crops, sample.faces[0].crops, strict=True)]
    for made, real in both:
        sources = [
            other for other in others for donor in other.faces[0].crops
            if (swap(real, donor)[0] == made.image).all()
        ]  # fmt: skip
        assert len({source.id for source in sources}) == 1
    assert forged.patches == sample.patches[:1]
    assert all(crop.mask is not None for crop in forged.dense[0].crops)


def test_nobody_else_or_no_face_is_no_swap() -> None:
    assert FaceSwap2D().forge(video(1), [], generator("x")) is None
    faceless = dataclasses.replace(video(2), faces=())
    assert FaceSwap2D().forge(video(1), [faceless], generator("x")) is None
    assert (
        FaceSwap2D().forge(dataclasses.replace(video(1), faces=(), dense=()), [video(2)], generator("x"))
        is None
    )


def test_a_face_at_the_edge_of_its_crop_is_swapped_without_an_error() -> None:
    for shift in ([-90, -80], [90, 70], [300, 0]):
        at_edge = dataclasses.replace(face(1), landmarks=POINTS + np.float32(shift))
        image, mask = swap(at_edge, face(2))
        assert image.shape == (256, 256, 3)
        assert mask.shape == (256, 256)


def test_landmarks_that_fall_together_are_no_error() -> None:
    flat = np.array([[100, 100], [120, 100], [110, 100], [105, 100], [115, 100]], np.float32)
    image, _ = swap(dataclasses.replace(face(1), landmarks=flat), face(2))
    assert image.shape == (256, 256, 3)
