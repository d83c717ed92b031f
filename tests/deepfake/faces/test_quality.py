import cv2
import numpy as np
import pytest

from components.deepfake.faces.quality import sharpness, yaw
from tests.deepfake.crops import LANDMARKS, texture


def test_blur_lowers_sharpness_and_a_flat_picture_has_none() -> None:
    image = texture(3)
    values = [sharpness(np.asarray(cv2.GaussianBlur(image, (0, 0), s), np.uint8)) for s in (0.5, 1, 2, 4)]
    assert sharpness(image) > values[0] > values[1] > values[2] > values[3] > 0
    assert sharpness(np.full((20, 20, 3), 90, np.uint8)) == 0


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    image = np.repeat(np.zeros((5, 5, 1), np.uint8), 3, axis=2)
    image[2, 2] = 100  # Laplacian: -400 there, 100 at four neighbours
    assert sharpness(image) == pytest.approx((400**2 + 4 * 100**2) / 25, abs=0.1)


def _head(degrees: float, roll: float = 0.0) -> np.ndarray:
    """The five landmarks of a head turned about its vertical axis, seen from far away."""
    angle = np.radians(degrees)
    points = np.array([(-31.5, -30, 0), (31.5, -30, 0), (0, 0, 38), (-25, 35, 4), (25, 35, 4)])
    seen = np.stack([points[:, 0] * np.cos(angle) + points[:, 2] * np.sin(angle), points[:, 1]], axis=1)
    turn = np.radians(roll)
    return seen @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


@pytest.mark.parametrize("roll", [0, 30, -50])
@pytest.mark.parametrize("degrees", [-60, -30, 0, 15, 45])
def test_yaw_of_a_head_in_perfect_view(degrees: float, roll: float) -> None:
    assert yaw(_head(degrees, roll)) == pytest.approx(degrees, abs=2)


def test_yaw_of_a_frontal_face_and_of_one_whose_eyes_coincide() -> None:
    assert yaw(LANDMARKS) == pytest.approx(0, abs=1)
    assert yaw(np.ones((5, 2))) == 90
