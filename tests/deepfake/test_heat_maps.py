"""Heat maps against a classifier of which it is known where it looks."""

from collections.abc import Sequence

import numpy as np

from components.deepfake.heat_maps import deletion, occlusion_map
from tests.deepfake.crops import texture

PLACE = np.s_[48:88, 96:136]


def sharp_here(images: Sequence[np.ndarray]) -> np.ndarray:
    """Log-odds: contrast of one place alone."""
    return np.array([image[PLACE].astype(float).std() for image in images])


def test_occlusion_finds_the_place_that_decides() -> None:
    heat = occlusion_map(texture(1, 192, slope=0.5), sharp_here)
    assert heat.shape == (192, 192) and heat.min() == 0 and heat.max() == 1
    assert heat[PLACE].mean() > 5 * heat.mean()


def test_deletion_tells_a_faithful_map_from_another() -> None:
    image = texture(1, 192, slope=0.5)
    faithful = deletion(image, occlusion_map(image, sharp_here), sharp_here)
    assert faithful.brightest > 5 * abs(faithful.others)
    elsewhere = np.zeros((192, 192), np.float32)
    elsewhere[150:, :60] = 1
    assert deletion(image, elsewhere, sharp_here).brightest == 0
    assert "it is no proof" in faithful.sentence()


def test_a_model_that_looks_nowhere_has_an_empty_map() -> None:
    heat = occlusion_map(texture(2, 96), lambda images: np.zeros(len(images)))
    assert not heat.any()
