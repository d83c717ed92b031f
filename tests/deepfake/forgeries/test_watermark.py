import io

import numpy as np
import PIL.Image as PilImage
import pytest

from components.deepfake.forgeries.watermark import mark, mark_jpeg, mark_png
from components.deepfake.provenance import read_provenance
from tests.deepfake.crops import texture

SOURCE = "ab" * 32
SAID = f"pseudo-fake warp of {SOURCE}"


def encoded(picture_format: str) -> bytes:
    data = io.BytesIO()
    PilImage.fromarray(texture(1)).save(data, picture_format)
    return data.getvalue()


@pytest.mark.parametrize("picture_format", ["PNG", "JPEG"])
def test_a_marked_picture_says_what_it_is_and_keeps_its_pixels(picture_format: str) -> None:
    plain = encoded(picture_format)
    marked = mark(plain, "warp", SOURCE)
    pixels = [np.asarray(PilImage.open(io.BytesIO(data)).convert("RGB")) for data in (plain, marked)]
    assert (pixels[0] == pixels[1]).all()
    assert read_provenance(plain).verdict == "none"
    found = read_provenance(marked)
    assert (found.verdict, found.standard, found.tool) == ("synthetic", "watermark", "kalemint")
    assert b"digitalsourcetype/compositeSynthetic" in marked
    assert b"http://ns.adobe.com/xap/1.0/" in marked


def test_the_words_are_a_text_chunk_of_a_png_and_a_comment_of_a_jpeg() -> None:
    png = PilImage.open(io.BytesIO(mark_png(encoded("PNG"), "warp", SOURCE)))
    png.load()
    assert png.text["kalemint"] == SAID  # type: ignore[attr-defined]
    jpeg = PilImage.open(io.BytesIO(mark_jpeg(encoded("JPEG"), "warp", SOURCE)))
    assert jpeg.info["comment"] == f"kalemint: {SAID}".encode()
    assert jpeg.info["jfif_version"] == (1, 1)


def test_a_jpeg_without_a_jfif_header_is_marked_after_its_first_two_bytes() -> None:
    plain = encoded("JPEG")
    bare = plain[:2] + plain[4 + int.from_bytes(plain[4:6], "big") :]
    assert read_provenance(mark_jpeg(bare, "warp", SOURCE)).standard == "watermark"


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(ValueError, match="PNG and JPEG"):
        mark(b"GIF89a", "warp", SOURCE)
