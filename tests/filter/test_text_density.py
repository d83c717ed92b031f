import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from components.filter.image_pixels import decode, grey
from components.filter.text_density import text_density
from tests.filter.pictures import encoded, photograph, written


def of(picture: Image.Image) -> float:
    pixels = decode(encoded(picture), *picture.size)
    assert pixels is not None
    return text_density(grey(pixels))


@pytest.mark.parametrize("number", range(3))
def test_photographs_have_none_or_little(number: int) -> None:
    assert of(photograph(number)) < 0.04


@pytest.mark.parametrize(
    "colours", [{}, {"paper": "black", "ink": "white"}, {"paper": "navy", "ink": "yellow"}]
)
def test_it_grows_with_the_lines_and_is_near_their_share(colours: dict[str, str]) -> None:
    scores = [of(written(lines, **colours)) for lines in (0, 3, 6, 12)]
    assert scores[0] == 0
    assert scores == sorted(scores)
    # 12 lines, 24 pixels of font, about 580 pixels long, on 800 x 600
    assert scores[3] == pytest.approx(12 * 24 * 580 / (800 * 600), rel=0.35)


def test_size_of_the_picture_matters_little() -> None:
    page = written(10)
    scores = [of(page.resize((int(800 * scale), int(600 * scale)))) for scale in (0.7, 1, 3)]
    assert max(scores) < 1.35 * min(scores)


@pytest.mark.parametrize("height", [16, 24, 48, 72])
def test_letters_of_many_sizes(height: int) -> None:
    assert of(written(3, height=height)) > 0.03


def test_text_on_a_photograph() -> None:
    plain = photograph().resize((800, 600))
    page = np.asarray(written(6))
    covered = Image.fromarray(np.where(page < 128, 0, np.asarray(plain) // 2 + 127).astype(np.uint8))
    assert of(covered) > of(plain) + 0.05


def test_transparent_diagram_is_read_on_white() -> None:
    page = written(8)
    transparent = Image.new("RGB", page.size, "black")
    transparent.putalpha(page.convert("L").point(lambda level: 255 - level))
    assert of(transparent) == pytest.approx(of(page), abs=0.01)


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60))))
def test_it_is_a_share(pixels: np.ndarray) -> None:
    assert 0 <= text_density(pixels) <= 1


@pytest.mark.corpora
def test_labelled_diagrams_stand_out_from_photographs(corpora) -> None:
    """The names are of pictures that PP-OCR reads many words in, and none."""
    folder = corpora / "images"
    diagrams = ["OSC_Astro_17_01_Apparent", "OSC_Astro_22_03_HRDiagram", "OSC_Astro_26_05_HLaw"]
    photographs = ["OSC_Astro_09_05_Basin", "OSC_Astro_10_04_OlympusMon", "OSC_Astro_28_03_Geller"]
    low, high = (
        [of(Image.open(folder / f"{name}.jpg")) for name in names] for names in (photographs, diagrams)
    )
    assert max(low) < 0.035
    assert min(high) > 0.05
