import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.faces.align import cut, inverse, moved, similarity, template
from components.deepfake.faces.detector import find_faces
from components.deepfake.faces_params import ExamineParams
from tests.deepfake.faces.drawn import canvas, draw_face

POINTS = template(112, 1.0)


@given(
    scale=st.floats(0.05, 20),
    angle=st.floats(-np.pi, np.pi),
    x=st.floats(-2000, 2000),
    y=st.floats(-2000, 2000),
)
def test_a_similarity_is_found_again_and_undone(scale: float, angle: float, x: float, y: float) -> None:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = POINTS @ turn.T + (x, y)
    matrix = similarity(POINTS, there)
    np.testing.assert_allclose(matrix, np.column_stack([turn, (x, y)]), atol=1e-6 * (1 + scale * 100))
    np.testing.assert_allclose(
        moved(moved(POINTS, matrix), inverse(matrix)), POINTS, atol=1e-2 / min(scale, 1)
    )


def test_it_is_the_least_squares_one_and_never_a_reflection() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    noisy = POINTS * 2 + random.normal(0, 3, POINTS.shape)
    matrix = similarity(POINTS, noisy)
    best = np.square(POINTS @ matrix[:, :2].T + matrix[:, 2] - noisy).sum()
    for _ in range(50):
        other = matrix + np.array([[1, -1, 0], [1, 1, 0]]) * random.normal(0, 0.01)
        assert np.square(POINTS @ other[:, :2].T + other[:, 2] - noisy).sum() >= best
    mirrored = POINTS * (-1, 1)
    assert np.linalg.det(similarity(POINTS, mirrored)[:, :2]) > 0
    with pytest.raises(ValueError, match="all the same"):
        similarity(np.ones((5, 2)), POINTS)


def test_a_margin_shrinks_the_template_about_the_middle() -> None:
    tight, wide = template(256, 1.0), template(256, 1.3)
    np.testing.assert_allclose((wide - 128) * 1.3, tight - 128)
    np.testing.assert_allclose(template(112, 1.0)[0], (38.2946, 51.6963))


@pytest.mark.parametrize("angle", [-40, 0, 25])
def test_a_face_stands_upright_in_its_crop(angle: float) -> None:
    turn = cv2.getRotationMatrix2D((320, 240), angle, 1.0)
    upright = draw_face(canvas(), 320, 240, 180)
    image = np.asarray(cv2.warpAffine(upright, turn, (640, 480), borderMode=cv2.BORDER_REFLECT), np.uint8)
    (face,) = find_faces(image, ExamineParams()).faces
    target = template(256, 1.3)
    matrix = similarity(face.landmarks, target)
    crop = cut(image, matrix, 256)
    assert np.abs(moved(face.landmarks, matrix) - target).max() < 15
    (again,) = find_faces(crop, ExamineParams()).faces
    assert abs(again.landmarks[1, 1] - again.landmarks[0, 1]) < 12  # eyes level: unturned it would be 60
    assert np.abs(again.landmarks - moved(face.landmarks, matrix)).max() < 12


def test_a_frame_that_is_much_larger_is_averaged() -> None:
    checks = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = np.repeat(checks[..., None], 3, axis=2)
    matrix = np.array([[0.125, 0, 0], [0, 0.125, 0]])
    crop = cut(image, matrix, 128)
    assert np.abs(crop.astype(int) - 127).max() <= 2  # bilinear alone gives 0 or 255


def test_averaging_moves_nothing() -> None:
    ramp = np.repeat(np.linspace(0, 250, 1000)[None, :], 1000, axis=0)
    image = np.repeat(np.rint(ramp)[..., None], 3, axis=2).astype(np.uint8)
    matrix = similarity(POINTS, POINTS * 0.2)
    crop = cut(image, matrix, 200)
    middle = crop[100, :, 0].astype(float)
    np.testing.assert_allclose(middle[10:190], (np.arange(10, 190) * 5) * 250 / 999, atol=1.0)


def test_beyond_the_frame_lies_its_mirror_image() -> None:
    image = draw_face(canvas(), 320, 240, 180)
    shift = np.array([[1.0, 0, 50], [0, 1.0, 0]])
    crop = cut(image, shift, 256)
    np.testing.assert_array_equal(crop[:, 50:], image[:256, :206])
    np.testing.assert_array_equal(crop[:, :50], image[:256, 50:0:-1])
