import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.forgeries.face_hull import (
    MEAN_LANDMARKS,
    REGIONS,
    fill,
    mean_points,
    outline,
    project,
    region_mask,
)
from tests.deepfake.crops import crop, texture
from tests.deepfake.forgeries.faces import POINTS, face


def inside(corners: np.ndarray, point: np.ndarray) -> bool:
    found = cv2.pointPolygonTest(corners.astype(np.float32), (float(point[0]), float(point[1])), False)
    return found >= 0


def area(corners: np.ndarray) -> float:
    return float(cv2.contourArea(corners.astype(np.float32)))


def test_the_camera_puts_the_mean_landmarks_where_they_were_seen() -> None:
    # a face of the mean's own shape, seen from the front: nothing is turned, so nothing is held back
    seen = MEAN_LANDMARKS[:, :2] * 60 + [128, 110]
    assert project(seen, MEAN_LANDMARKS) == pytest.approx(seen, abs=1e-9)


def test_a_head_that_is_turned_hides_its_far_side_and_shows_its_near_one() -> None:
    angle = np.radians(35)  # the nose points to the right of the picture
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0]])
    seen = MEAN_LANDMARKS @ turn.T * 60 + [128, 110]
    corners = outline(seen)
    eyes = seen[:2].mean(0)
    near, far = eyes[0] - corners[:, 0].min(), corners[:, 0].max() - eyes[0]
    assert near > 1.3 * far


@given(
    st.floats(-180, 180), st.floats(0.3, 3), st.floats(-50, 50), st.floats(-50, 50), st.sampled_from(REGIONS)
)
def test_an_outline_turns_grows_and_moves_with_the_landmarks(degrees, scale, across, down, region) -> None:
    angle = np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = POINTS @ turn.T + [across, down]
    expected = outline(POINTS, region) @ turn.T + [across, down]
    found = outline(moved, region)
    assert area(found) == pytest.approx(area(expected), rel=1e-3)
    assert found.mean(0) == pytest.approx(expected.mean(0), abs=0.02 * scale * 64)


@pytest.mark.parametrize("region", REGIONS)
def test_regions_hold_their_landmarks_and_lie_in_the_whole_face(region) -> None:
    held = {
        "face": range(5), "face_and_forehead": range(5), "lower_face": (2, 3, 4), "mouth": (3, 4),
        "eyes_and_nose": (0, 1, 2),
    }[region]  # fmt: skip
    corners = outline(POINTS, region)
    assert all(inside(corners, POINTS[number]) for number in held)
    assert area(corners) <= area(outline(POINTS, "face_and_forehead"))
    assert cv2.isContourConvex(corners.astype(np.float32).reshape(-1, 1, 2))


def test_sizes_of_regions_are_in_the_order_of_what_they_show() -> None:
    sizes = {region: area(outline(POINTS, region)) for region in REGIONS}
    assert sizes["mouth"] < sizes["lower_face"] < sizes["face"] < sizes["face_and_forehead"]
    assert sizes["eyes_and_nose"] < sizes["face"]
    # breadth over the cheek bones is 2.2 distances of the pupils, which are 64 pixels apart here
    corners = outline(POINTS)
    assert np.ptp(corners[:, 0]) == pytest.approx(2.16 * 64, rel=0.03)


def test_a_mask_is_full_inside_empty_outside_and_smooth_between() -> None:
    mask = region_mask(face(1))
    assert mask.shape == (256, 256)
    assert mask.dtype == np.float32
    assert mask[140, 128] == 1
    assert mask[0, 0] == mask[-1, -1] == 0
    assert ((mask > 0) & (mask < 1)).sum() > 50
    assert mask.sum() == pytest.approx(area(outline(POINTS)), rel=0.02)


def test_a_mask_beyond_the_picture_is_cut_off() -> None:
    assert fill(np.array([[-50.0, -50], [20, -50], [20, 20], [-50, 20]]), 40, 40)[:20, :20].min() == 1
    assert not fill(np.array([[-50.0, -50], [-20, -50], [-20, -20]]), 40, 40).any()


def test_a_patch_has_no_outline() -> None:
    with pytest.raises(ValueError, match="no landmarks"):
        region_mask(crop(texture(1), landmarks=None))


def test_the_mean_face_is_symmetric() -> None:
    points = mean_points("face")
    assert points[::2] * [-1, 1, 1] == pytest.approx(points[1::2])
