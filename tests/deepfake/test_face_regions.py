"""Regions of an aligned face."""

import numpy as np
import pytest

from components.deepfake.face_regions import REGIONS, face_mask, regions
from tests.deepfake.crops import LANDMARKS, crop


@pytest.mark.parametrize("turn", [0, 20, -35])
def test_regions_cover_a_face_once_and_lie_where_they_should(turn: float) -> None:
    centre = LANDMARKS.mean(0)
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (LANDMARKS - centre) @ rotation.T + centre
    face = crop(np.zeros((256, 256, 3), np.uint8), landmarks=points)
    masks = regions(face)
    assert tuple(masks) == REGIONS
    assert np.all(sum(mask.astype(int) for mask in masks.values()) == 1)
    for x, y in points:
        assert masks["inner"][round(y), round(x)]
    assert masks["outer"][0, 0] and masks["outer"][255, 255]
    down = (points[3:].mean(0) - points[:2].mean(0)) / np.hypot(*(points[3:].mean(0) - points[:2].mean(0)))
    chin = points[3:].mean(0) + 0.6 * down * np.hypot(*(points[3:].mean(0) - points[:2].mean(0)))
    assert masks["ring"][round(chin[1]), round(chin[0])]
    assert not (masks["inner"] & ~face_mask(face)).any()


def test_a_patch_is_one_region() -> None:
    patch = crop(np.zeros((80, 100, 3), np.uint8), landmarks=None)
    masks = regions(patch)
    assert list(masks) == ["whole"] and masks["whole"].all() and masks["whole"].shape == (80, 100)
    assert face_mask(patch).all()
