"""What a file says it is, what it really is, and what it may not do."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.core.errors import BadRecord
from components.core.images import MAX_PIXELS
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.video_file import nearest, probe, upright
from tests.deepfake.clips import clip, faststart, no_frames, sound_only, tone, truncated


def reason(data: bytes) -> DeepfakeReason:
    with pytest.raises(BadRecord) as bad:
        probe(data)
    assert isinstance(bad.value.reason, DeepfakeReason)
    assert bad.value.detail
    return bad.value.reason


def test_a_probe_tells_what_is_there() -> None:
    about = probe(clip(50, fps=25, sound=tone(2.0)))
    assert (about.format, about.width, about.height, about.frames) == ("mov", 160, 96, 50)
    assert (about.seconds, about.fps) == pytest.approx((2.0, 25.0))
    assert (about.has_audio, about.problem) == (True, None)
    assert probe(clip(1)).fps == 0.0
    assert not probe(clip(2, container="avi", codec="mpeg4")).has_audio


def test_frames_are_counted_where_the_header_does_not() -> None:
    about = probe(clip(33, container="matroska"))
    assert (about.format, about.frames) == ("matroska", 33)
    assert probe(clip(33, container="h264")).frames == 33


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_a_cut_off_video_says_so(container: str) -> None:
    codec = "mpeg4" if container == "avi" else "libx264"
    whole = faststart(200) if container == "mp4" else clip(200, container=container, codec=codec)
    about = probe(truncated(whole, 0.6))
    assert about.problem == DeepfakeReason.TRUNCATED
    assert 0 < about.frames < 200
    assert probe(whole).problem is None


def test_an_index_that_is_cut_off_leaves_nothing() -> None:
    assert reason(truncated(clip(50))) == DeepfakeReason.UNDECODABLE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", DeepfakeReason.EMPTY_FILE),
        (b"hello " * 1000, DeepfakeReason.NOT_MEDIA),
        (bytes(5000), DeepfakeReason.NOT_MEDIA),
        (sound_only(), DeepfakeReason.UNSUPPORTED_KIND),
        (no_frames(), DeepfakeReason.NO_FRAMES),
        (b"\x00\x00\x00\x18ftypheic" + bytes(300), DeepfakeReason.UNSUPPORTED_KIND),
        (b"\x00\x00\x00\x18ftypisom" + bytes(300), DeepfakeReason.UNDECODABLE),
    ],
)
def test_refusals(data: bytes, expected: DeepfakeReason) -> None:
    assert reason(data) == expected


def test_a_file_can_not_have_others_opened(tmp_path: Path) -> None:
    other = tmp_path / "secret.mp4"
    other.write_bytes(clip(3))
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\n{other.as_uri()}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{other}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
    ):
        assert reason(text.encode()) == DeepfakeReason.NOT_MEDIA


def test_a_header_may_not_claim_any_size() -> None:
    """The sample entry of an MP4 (avc1) holds width and height; the coded stream has others."""
    side = 20_000
    assert side * side > MAX_PIXELS
    whole = bytearray(clip(3, codec="mjpeg", container="matroska", options={"strict": "-1"}))
    start = whole.find(b"\xff\xc0\x00\x11\x08")
    assert start > 0
    while start > 0:  # the size in every picture's own header
        whole[start + 5 : start + 9] = side.to_bytes(2, "big") * 2
        start = whole.find(b"\xff\xc0\x00\x11\x08", start + 1)
    assert reason(bytes(whole)) in {DeepfakeReason.MEDIA_TOO_LARGE, DeepfakeReason.UNDECODABLE}


def test_an_image_is_no_video() -> None:
    sink = io.BytesIO()
    Image.new("RGB", (64, 48)).save(sink, "BMP")
    assert reason(sink.getvalue()) == DeepfakeReason.NOT_MEDIA


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (None, [[1, 2, 3], [4, 5, 6]]),
        ((-65536, 0, 0, 0, 65536, 0, 0, 0, 1), [[3, 2, 1], [6, 5, 4]]),
        ((65536, 0, 0, 0, -65536, 0, 0, 0, 1), [[4, 5, 6], [1, 2, 3]]),
        ((0, 65536, 0, -65536, 0, 0, 0, 0, 1), [[4, 1], [5, 2], [6, 3]]),
        ((0, -65536, 0, 65536, 0, 0, 0, 0, 1), [[3, 6], [2, 5], [1, 4]]),
        ((0, 65536, 0, 65536, 0, 0, 0, 0, 1), [[1, 4], [2, 5], [3, 6]]),
    ],
)
def test_quarter_turns_and_mirrors(matrix: tuple[int, ...] | None, expected: list[list[int]]) -> None:
    image = np.repeat(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.uint8)[:, :, None], 3, axis=2)
    assert upright(image, matrix)[:, :, 0].tolist() == expected


def test_nearest_frames() -> None:
    order = np.array([0, 10, 20, 100])
    assert nearest(order, np.array([0.0, 4.0, 6.0, 15.0, 70.0, 999.0])).tolist() == [0, 1, 3]
    assert nearest(order[:1], np.array([5.0])).tolist() == [0]
