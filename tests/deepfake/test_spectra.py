"""Features of the frequency domain against closed forms and known manipulations."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.deepfake import spectra
from tests.deepfake.crops import crop, texture


def named(image: np.ndarray, **options: object) -> dict[str, float]:
    given_crop = crop(image, **options)  # type: ignore[arg-type]
    names = spectra.feature_names(given_crop.landmarks is not None)
    return dict(zip(names, spectra.frequency_features(given_crop), strict=True))


def test_names_and_shapes() -> None:
    assert len(spectra.feature_names(True)) == 64 + 63 + 72 + 6
    assert len(spectra.feature_names(False)) == 64 + 63 + 24 + 6
    assert len(set(spectra.feature_names(True))) == 205
    features = named(texture(1))
    assert all(np.isfinite(value) for value in features.values())
    assert len(named(texture(1, 97), landmarks=None)) == 157
    with pytest.raises(ValueError, match="63 x 70 pixels"):
        spectra.frequency_features(crop(np.zeros((70, 63, 3), np.uint8), landmarks=None))


def test_a_wave_stands_in_the_bin_of_its_frequency() -> None:
    x = np.arange(256)
    for cycles in (20, 50, 100):
        wave = (128 + 100 * np.cos(2 * np.pi * cycles * x / 256))[None, :].repeat(256, 0).astype(np.float32)
        assert spectra.radial_spectrum(wave).argmax() == int(cycles / 256 / 0.5 * spectra.BINS)


def test_spectrum_of_a_power_law_has_its_slope() -> None:
    for slope in (0.6, 1.0, 1.4):
        curve = spectra.radial_spectrum(spectra.luma(texture(3, slope=slope)))
        frequency = (np.arange(64) + 0.5) / 128
        fitted = np.polyfit(np.log(frequency[4:40]), curve[4:40], 1)[0]
        assert fitted == pytest.approx(-2 * slope, abs=0.25)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(0.3, 1.5), offset=st.floats(-50, 50))
def test_spectrum_does_not_know_contrast_or_brightness(gain: float, offset: float) -> None:
    grey = spectra.luma(texture(4, 64))
    changed = (grey * gain + offset).astype(np.float32)
    np.testing.assert_allclose(spectra.radial_spectrum(changed), spectra.radial_spectrum(grey), atol=2e-2)


def test_variances_of_the_dct_are_those_of_opencv() -> None:
    grey = spectra.luma(texture(5, 128))
    blocks = [cv2.dct(grey[y : y + 8, x : x + 8]).ravel() for y in range(0, 128, 8) for x in range(0, 128, 8)]
    expected = np.log(np.var(np.array(blocks, np.float64), axis=0)[1:])
    np.testing.assert_allclose(spectra.dct_variances(grey), expected, atol=1e-3)


def test_filters_remove_what_they_should() -> None:
    ramp = np.add.outer(2 * np.arange(64), 3 * np.arange(64)).astype(np.float32)
    inside = np.s_[4:-4, 4:-4]
    assert np.allclose(spectra.residual(ramp, "first")[inside], 3)
    assert np.allclose(spectra.residual(ramp, "square3")[inside], 0, atol=1e-3)
    cubic = np.multiply.outer(np.arange(64.0) ** 2, np.arange(64.0)).astype(np.float32) / 4096
    assert np.allclose(spectra.residual(cubic, "square5")[inside], 0, atol=1e-3)
    for kernel in spectra.SRM.values():
        assert kernel.sum() == pytest.approx(0, abs=1e-6)


def test_statistics_of_white_noise_are_known() -> None:
    random = np.random.Generator(np.random.PCG64(6))
    noise = random.normal(0, 1, (256, 256)).astype(np.float32)
    found = spectra.residual_statistics(noise, np.ones((256, 256), bool))
    within = 0.3829  # P(|z| < 0.5)
    one = 0.8664 - within  # P(0.5 <= |z| < 1.5)
    most = 2 * (one / 2) ** 2 + within**2 + 2 * ((1 - within - one) / 2) ** 2
    expected = [0, np.log(np.sqrt(2 / np.pi)), np.log(3), within, one, 0, 0, most]
    np.testing.assert_allclose(found, expected, atol=0.03)
    assert not spectra.residual_statistics(noise, np.zeros((256, 256), bool)).any()


def test_smoothing_the_face_shows_in_the_inner_region_alone() -> None:
    real = texture(7)
    smooth = cv2.GaussianBlur(real, (0, 0), 2)
    forged = real.copy()
    forged[110:180, 100:156] = smooth[110:180, 100:156]
    before, after = named(real), named(forged)
    inner, outer = "srm_square3_inner_log_std", "srm_square3_outer_log_std"
    assert after[inner] < before[inner] - 0.2
    assert after[outer] == before[outer]


def enlarged(image: np.ndarray, factor: int) -> np.ndarray:
    """Linear interpolation that keeps the samples, as zero insertion and a tent filter do."""
    side = len(image) * factor
    affine = np.array([[factor, 0, 0], [0, factor, 0]], np.float64)
    return cv2.warpAffine(image, affine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("factor", [2, 4])
def test_up_sampling_leaves_its_trace(factor: int) -> None:
    traced, rest = [], []
    for seed in range(5):
        big = enlarged(texture(10 + seed, 256 // factor), factor)
        traced.append(named(big, landmarks=None)[f"periodic_{factor}"])
        rest.append(named(texture(10 + seed), landmarks=None)[f"periodic_{factor}"])
    assert min(traced) > max(rest) + 2


@pytest.mark.parametrize("period", spectra.PERIODS)
def test_a_grid_stands_out_at_its_period(period: int) -> None:
    plain = texture(20)
    grid = plain.astype(np.int16)
    grid[::period] += 2 * period
    grid[:, ::period] += 2 * period
    shown = named(np.clip(grid, 0, 255).astype(np.uint8), landmarks=None)
    assert shown[f"peak_{period}"] > named(plain, landmarks=None)[f"peak_{period}"] + 2


def test_a_black_crop_gives_finite_numbers() -> None:
    assert all(np.isfinite(value) for value in named(np.zeros((256, 256, 3), np.uint8)).values())
