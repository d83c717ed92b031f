import cv2
import numpy as np
import pytest

from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.warp import Recipe, Warp, warp
from tests.deepfake.crops import crop, texture
from tests.deepfake.forgeries.faces import face, video


def detail(image: np.ndarray, where: np.ndarray) -> float:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[where].var())


def test_the_face_loses_detail_and_the_rest_keeps_every_pixel() -> None:
    target = face(1)
    image, mask = warp(target, Recipe(24.0, "face"))
    assert (image[mask == 0] == target.image[mask == 0]).all()
    assert detail(image, mask == 255) < 0.2 * detail(target.image, mask == 255)
    # nothing has moved: what is left of the face still lies where it was
    blurred = cv2.GaussianBlur(target.image, (0, 0), 4).astype(int)
    assert np.abs(image.astype(int) - blurred)[mask == 255].mean() < 5


def test_a_smaller_face_loses_more() -> None:
    left = [detail(warp(face(1), Recipe(eyes, "face"))[0], face_area()) for eyes in (12.0, 24.0, 36.0)]
    assert left == sorted(left)
    assert left[0] < 0.7 * left[-1]


def face_area() -> np.ndarray:
    return warp(face(1), Recipe(24.0, "face"))[1] == 255


def test_a_crop_that_is_already_small_is_warped_all_the_same() -> None:
    small = face(1, side=128)
    image, mask = warp(small, Recipe(48.0, "face"))
    assert detail(image, mask == 255) < 0.5 * detail(small.image, mask == 255)


def test_all_faces_of_a_sample_are_warped_alike_and_repeatably() -> None:
    one, again = (Warp().forge(video(1), [], generator("x")) for _ in range(2))
    assert one is not None
    assert again is not None
    for crops in (one.faces[0].crops, one.dense[0].crops):
        assert all(crop.mask is not None and crop.mask.any() for crop in crops)
    assert (one.faces[0].crops[2].image == again.faces[0].crops[2].image).all()
    assert len(one.patches) == 1


def test_a_patch_has_no_face_to_warp() -> None:
    with pytest.raises(ValueError, match="no landmarks"):
        warp(crop(texture(1), landmarks=None), Recipe(24.0, "face"))
