import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from components.dedup.image_hashes import thumbnail
from components.dedup.phash import MIRROR, phash
from tests.dedup.pictures import distance, scene

THUMBNAILS = hnp.arrays(np.uint8, (32, 32)).map(lambda levels: levels.astype(np.float64))


def by_definition(levels: np.ndarray) -> int:
    """DCT-II and median written down as the textbook has them."""
    angles = np.pi * (2 * np.arange(32) + 1)[None, :] * np.arange(8)[:, None] / 64
    low = (np.cos(angles) @ levels @ np.cos(angles).T).ravel()
    return sum(int(value > np.median(low)) << (63 - i) for i, value in enumerate(low))


def small(seed: int) -> np.ndarray:
    return thumbnail(scene(seed).convert("L"))


@pytest.mark.parametrize("seed", range(10))
def test_bits_are_those_of_the_definition(seed: int) -> None:
    # rounding the cosines may turn a coefficient that lies on the median itself
    assert distance(phash(small(seed)), by_definition(small(seed))) <= 2


@settings(deadline=None, max_examples=60)
@given(THUMBNAILS)
def test_products_of_floats_are_those_of_integers(levels: np.ndarray) -> None:
    from components.dedup.phash import _ROWS

    rows = [[int(value) for value in row] for row in _ROWS]
    pixels = np.array([[int(value) for value in row] for row in levels], object)
    exact = (np.array(rows, object) @ pixels @ np.array(rows, object).T).ravel().tolist()
    middle = sorted(exact)[31:33]
    wanted = sum(int(2 * value > sum(middle)) << (63 - i) for i, value in enumerate(exact))
    assert phash(levels) == wanted


@settings(deadline=None, max_examples=60)
@given(THUMBNAILS)
def test_at_most_half_of_the_bits_are_set(levels: np.ndarray) -> None:
    assert phash(levels).bit_count() <= 32


@pytest.mark.parametrize("seed", range(10))
def test_mirror_bits_give_nearly_the_hash_of_the_mirrored_picture(seed: int) -> None:
    assert distance(phash(small(seed)[:, ::-1]), phash(small(seed)) ^ MIRROR) <= 8
