import numpy as np
import pytest

from components.core.dhash import dhash, mirrored_dhashes, thumbnail
from tests.dedup.pictures import distance, scene


def test_lighter_to_the_right_sets_every_bit_and_darker_none() -> None:
    ramp = np.tile(np.arange(32.0) * 8, (32, 1))
    assert dhash(ramp) == 2**64 - 1
    assert dhash(ramp[:, ::-1]) == 0


def test_rows_follow_each_other_from_the_highest_bit() -> None:
    levels = np.zeros((32, 32))
    levels[:4] = np.arange(32) * 8  # the first of eight rows of blocks
    assert dhash(levels) == 0xFF << 56
    assert dhash(np.roll(levels, 8, axis=0)) == 0xFF << 40


def test_noise_below_half_a_level_sets_no_bit() -> None:
    levels = np.full((32, 32), 40.0)
    levels[::5, 16:] += 1  # 0.2 levels a block
    assert dhash(levels) == 0


def test_blocks_are_the_exact_shares_of_pixels() -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        levels = rng.integers(0, 256, (32, 32)).astype(np.float64)
        wide = np.repeat(levels, 9, axis=1)  # every block of the nine is 32 of these columns
        blocks = wide.reshape(8, 4, 9, 32).mean(axis=(1, 3))
        halves = np.floor(blocks * 2 + 1e-9)
        wanted = sum(int(b) << (63 - i) for i, b in enumerate((halves[:, 1:] > halves[:, :-1]).ravel()))
        assert dhash(levels) == wanted


@pytest.mark.parametrize("seed", range(8))
def test_a_smaller_copy_is_near_and_another_picture_far(seed: int) -> None:
    value = dhash(thumbnail(scene(seed).convert("L")))
    assert distance(value, dhash(thumbnail(scene(seed, (128, 96)).convert("L")))) <= 4
    assert distance(value, dhash(thumbnail(scene(seed + 100).convert("L")))) > 10


def test_mirrored_hashes_are_those_of_the_mirrored_pictures() -> None:
    rng = np.random.default_rng(3)
    levels = [rng.integers(0, 256, (32, 32)).astype(np.float64) for _ in range(50)]
    turned = mirrored_dhashes(np.array([dhash(level) for level in levels], np.uint64))
    # neighbouring blocks of noise are now and then equal to half a level
    distances = [
        distance(int(value), dhash(level[:, ::-1])) for value, level in zip(turned, levels, strict=True)
    ]
    assert sum(distances) < 100
    assert mirrored_dhashes(turned).tolist() == [dhash(level) for level in levels]
