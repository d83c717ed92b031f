import dataclasses

import numpy as np
import pytest

from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.upsample import Recipe, Upsample, draw, upsample
from tests.deepfake.crops import texture
from tests.deepfake.forgeries.faces import video


def peak(image: np.ndarray) -> float:
    """Energy at the Nyquist frequency along x (what a grid of 2 leaves), over that beside it."""
    grey = image.mean(-1)
    power = (np.abs(np.fft.rfft(grey - grey.mean(), axis=1)) ** 2).mean(0)
    return float(power[-1] / power[-9:-1].mean())


def bilinear(size: int) -> Recipe:
    taps = np.array([0.5, 1, 0.5] if size == 3 else [0.25, 0.75, 0.75, 0.25])
    return Recipe("transposed_3" if size == 3 else "transposed_4", np.outer(taps, taps).astype(np.float32))


@pytest.mark.parametrize("recipe", [Recipe("nearest"), bilinear(3), bilinear(4)], ids=lambda r: r.layer)
@pytest.mark.parametrize("shape", [(64, 64, 3), (65, 43, 3), (2, 2, 3)], ids=str)
def test_size_is_kept_and_a_plain_picture_stays_plain(recipe: Recipe, shape: tuple[int, int, int]) -> None:
    plain = np.full(shape, 77, np.uint8)
    assert (upsample(plain, recipe) == 77).all()


def test_nothing_moves() -> None:
    image = texture(1, slope=2.0)
    for recipe, most in ((Recipe("nearest"), 3.0), (bilinear(4), 3.0)):
        assert np.abs(upsample(image, recipe).astype(int) - image).mean() < most


def test_a_transposed_convolution_is_the_sum_of_shifted_kernels() -> None:
    kernel = np.random.Generator(np.random.PCG64(3)).uniform(0.5, 1, (4, 4)).astype(np.float32)
    kernel *= 4 / kernel.sum()
    small = np.zeros((8, 8, 3), np.uint8)
    small[4, 3] = 100
    image = small.repeat(2, 0).repeat(2, 1)
    expected = np.zeros((16, 16))
    expected[7:11, 5:9] = np.rint(kernel * 100)  # padding 1: output 2i-1 to 2i+2
    assert np.abs(upsample(image, Recipe("transposed_4", kernel))[..., 0] - expected).max() <= 1


def test_nearest_neighbour_empties_the_highest_frequency_and_an_uneven_kernel_fills_it() -> None:
    image = texture(2)
    smooth = peak(upsample(image, bilinear(4)))
    uneven = [
        recipe
        for number in range(20)
        if (recipe := draw(generator("kernels", str(number)))).layer == "transposed_4"
    ]
    assert uneven
    assert np.mean([peak(upsample(image, recipe)) for recipe in uneven]) > 10 * smooth
    repeated = upsample(image, Recipe("nearest"))
    assert (repeated[:, ::2] == repeated[:, 1::2]).all()


def test_kernels_keep_the_brightness() -> None:
    for number in range(30):
        recipe = draw(generator("kernels", str(number)))
        if recipe.kernel is not None:
            assert recipe.kernel.sum() == pytest.approx(4)
            assert upsample(texture(3), recipe).mean() == pytest.approx(texture(3).mean(), abs=1)


def test_faces_consecutive_frames_and_patches_go_through_one_layer() -> None:
    forged = Upsample().forge(video(1), [], generator("x"))
    assert forged is not None
    recipe = draw(generator("x"))
    pairs = [
        *zip(forged.faces[0].crops, video(1).faces[0].crops, strict=True),
        *zip(forged.dense[0].crops, video(1).dense[0].crops, strict=True),
        *zip(forged.patches, video(1).patches, strict=True),
    ]
    assert len(pairs) == 9
    for made, real in pairs:
        assert (made.image == upsample(real.image, recipe)).all()
        assert made.mask is not None
        assert (made.mask == 255).all()


def test_a_picture_without_a_face_is_forged_by_its_patches_and_nothing_by_none() -> None:
    bare = dataclasses.replace(video(1), faces=(), dense=())
    forged = Upsample().forge(bare, [], generator("x"))
    assert forged is not None
    assert len(forged.patches) == 2
    assert Upsample().forge(dataclasses.replace(bare, patches=()), [], generator("x")) is None
