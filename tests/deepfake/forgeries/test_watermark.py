import io
from pathlib import Path

import av
import numpy as np
import PIL.Image as PilImage
import pytest

from components.deepfake.forgeries.watermark import mark, mark_jpeg, mark_png, write_clip
from components.deepfake.provenance import read_provenance
from tests.deepfake.crops import texture
from tests.deepfake.forgeries.faces import voice

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


def test_a_clip_holds_its_frames_its_sound_and_the_mark(tmp_path: Path) -> None:
    frames = [np.roll(texture(1, 96, slope=2.0), 2 * number, 1)[:81, :95] for number in range(10)]
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    for path in (one, two):
        write_clip(frames, path, method="warp", source=SOURCE, fps=29.97, audio=voice(1, 0.5))
    assert one.read_bytes() == two.read_bytes()
    with av.open(str(one)) as clip:
        assert clip.metadata["comment"] == f"kalemint: {SAID}"
        assert clip.streams.video[0].codec_context.name == "h264"
        assert float(clip.streams.video[0].average_rate or 0) == pytest.approx(29.97, abs=0.01)
        assert clip.streams.audio[0].rate == 16_000
        back = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)]
    with av.open(str(one)) as clip:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in clip.decode(audio=0)])
    assert len(back) == 10
    assert back[0].shape == (80, 94, 3)
    for made, seen in zip(frames, back, strict=True):
        assert np.abs(made[:80, :94].astype(int) - seen).mean() < 8
    assert len(sound) == pytest.approx(8_000, abs=2_048)
    assert np.abs(sound).max() > 0.2
    found = read_provenance(one.read_bytes())
    assert (found.verdict, found.standard) == ("synthetic", "watermark")


def test_a_clip_needs_frames(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frames"):
        write_clip([], tmp_path / "a.mp4", method="warp", source=SOURCE)
