import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from components.filter.image_pixels import decode, grey
from components.filter.sharpness import sharpness
from tests.filter.pictures import PHOTOGRAPHS, blurred, encoded, photograph


def of(picture: Image.Image) -> float:
    pixels = decode(encoded(picture), *picture.size)
    assert pixels is not None
    return sharpness(grey(pixels))


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_it_is_the_variance_of_the_laplacian(pixels: np.ndarray) -> None:
    assert sharpness(pixels) == pytest.approx(cv2.Laplacian(pixels, cv2.CV_64F).var(), abs=0.006)


def test_one_colour_has_none() -> None:
    assert sharpness(np.full((50, 60), 9, np.uint8)) == 0


@pytest.mark.parametrize("number", range(len(PHOTOGRAPHS)))
def test_the_more_blurred_the_lower(number: int) -> None:
    picture = photograph(number)
    short = min(picture.size) / 512
    scores = [of(picture), *(of(blurred(picture, radius * short)) for radius in (1, 2, 4, 8))]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 100 > scores[3]


def test_enlarging_does_not_blur() -> None:
    """At its own size a picture three times as large has a hundredth of the score."""
    picture = photograph().resize((900, 600))
    large = picture.resize((2700, 1800), Image.Resampling.BICUBIC)
    assert of(large) > 0.5 * of(picture)
    assert sharpness(np.asarray(large.convert("L"))) < 0.1 * sharpness(np.asarray(picture.convert("L")))


@pytest.mark.corpora
def test_real_pictures_and_their_blurred_copies(corpora) -> None:
    folder = corpora / "near-duplicates"
    original, little, lot = (
        of(Image.open(folder / f"pdq__data__bridge-mods__{name}.jpg"))
        for name in ("aaa-orig", "blur-a-little", "blur-a-lot")
    )
    assert original > little > lot
    assert original > 100 > lot
