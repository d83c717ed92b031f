import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.corruptions import CORRUPTIONS, corrupt, corruption, variant
from tests.deepfake.forgeries.faces import drawn

FRAME = drawn(1)
VARIANTS = [variant(name, level) for name, levels in CORRUPTIONS.items() for level in levels]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal to noise, dB."""
    error = ((one.astype(float) - other) ** 2).mean()
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize("name", ["jpeg", "h264", "resize", "blur", "noise"])
def test_a_harsher_level_is_further_from_the_frame(name: str) -> None:
    found = [psnr(FRAME, corrupt(name, level)(FRAME)) for level in CORRUPTIONS[name]]
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == len(found)
    assert found[-1] > 12


@pytest.mark.parametrize("written", VARIANTS)
@pytest.mark.parametrize("size", [(256, 256), (97, 131), (1, 1)], ids=str)
def test_size_is_kept_and_the_same_frame_gives_the_same_pixels(written: str, size: tuple[int, int]) -> None:
    frame = FRAME[: size[0], : size[1]]
    before = frame.copy()
    one, again = corruption(written)(frame), corruption(written)(frame)
    assert one.shape == frame.shape
    assert one.dtype == np.uint8
    assert (one == again).all()
    assert (frame == before).all()
    if size != (1, 1):
        assert (one != frame).any()


def test_noise_has_the_deviation_it_says_and_differs_between_frames() -> None:
    plain, other = np.full((128, 128, 3), 128, np.uint8), np.full((128, 128, 3), 127, np.uint8)
    noise = corrupt("noise", 8)(plain).astype(float) - 128
    assert noise.std() == pytest.approx(8, rel=0.02)
    assert abs(noise.mean()) < 0.2
    assert np.abs(np.corrcoef(noise.ravel(), corrupt("noise", 8)(other).astype(float).ravel())[0, 1]) < 0.02


def test_brightness_and_contrast_move_grey_as_they_say() -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert (corrupt("brightness", 0.3)(grey) == 176).all()  # 100 + 76.5, to even
    assert (corrupt("brightness", -0.3)(grey) == 24).all()
    assert (corrupt("contrast", 0.7)(grey) == 108).all()  # 127.5 - 0.7 x 27.5 = 108.25
    assert (corrupt("contrast", 1.3)(grey) == 92).all()
    assert (corrupt("brightness", 0.9)(grey) == 255).all()


def test_a_screenshot_shows_the_frame_smaller_between_bars() -> None:
    light = np.full((100, 200, 3), 230, np.uint8)
    shot = corrupt("screenshot", 70)(light)
    assert shot[:8].mean() < 40
    assert shot[:, :20].mean() < 40
    assert np.abs(shot[20:80, 40:160].astype(int) - 230).max() < 12


def test_an_upload_loses_more_than_each_of_its_steps() -> None:
    sent = psnr(FRAME, corruption("social@35")(FRAME))
    assert all(sent < psnr(FRAME, corruption(step)(FRAME)) for step in ("resize@0.5", "h264@35", "jpeg@70"))


def test_names_are_written_and_read() -> None:
    assert variant("jpeg", 50) == "jpeg@50"
    assert variant("resize", 0.5) == "resize@0.5"
    assert variant("brightness", -0.3) == "brightness@-0.3"
    assert len(VARIANTS) == len(set(VARIANTS))
    for name, levels in CORRUPTIONS.items():
        found, asked = corruption(variant(name, levels[0]))(FRAME), corrupt(name, levels[0])(FRAME)
        assert (found == asked).all()


@pytest.mark.parametrize("written", ["sepia@1", "jpeg", "jpeg@", "jpeg@high", ""])
def test_what_is_no_corruption_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="no corruption"):
        corruption(written)
