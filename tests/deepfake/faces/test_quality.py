import cv2
import numpy as np
import pytest

from components.deepfake.faces.quality import sharpness
from tests.deepfake.crops import texture


def test_blur_lowers_sharpness_and_a_flat_picture_has_none() -> None:
    image = texture(3)
    values = [sharpness(np.asarray(cv2.GaussianBlur(image, (0, 0), s), np.uint8)) for s in (0.5, 1, 2, 4)]
    assert sharpness(image) > values[0] > values[1] > values[2] > values[3] > 0
    assert sharpness(np.full((20, 20, 3), 90, np.uint8)) == 0


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    image = np.repeat(np.zeros((5, 5, 1), np.uint8), 3, axis=2)
    image[2, 2] = 100  # Laplacian: -400 there, 100 at four neighbours
    assert sharpness(image) == pytest.approx((400**2 + 4 * 100**2) / 25, abs=0.1)
