from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image as PilImage
import PIL.ImageSequence
import pytest

from components.core.errors import BadRecord
from components.core.images import ImageReason
from components.publish.tiff import encode_frame, multi_frame_tiff
from tests.publish import samples


def decoded(data: bytes) -> list[np.ndarray]:
    with PilImage.open(io.BytesIO(data)) as tiff:
        return [np.asarray(frame.convert("RGBA")) for frame in PIL.ImageSequence.Iterator(tiff)]


def strip_bytes(data: bytes) -> list[bytes]:
    with PilImage.open(io.BytesIO(data)) as tiff:
        found = []
        for frame in range(tiff.n_frames):
            tiff.seek(frame)
            start, length = tiff.tag_v2[273][0], tiff.tag_v2[279][0]
            found.append(data[start : start + length])
        return found


def original(data: bytes) -> np.ndarray:
    with PilImage.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGBA"))


JPEGS = {
    "4:4:4": samples.jpeg(1, subsampling=0),
    "4:2:2": samples.jpeg(2, subsampling=1),
    "4:2:0": samples.jpeg(3, subsampling=2),
    "progressive": samples.jpeg(4, progressive=True),
    "odd size": samples.encode(samples.picture(61, 37, 5), "JPEG", subsampling=2),
    "grey": samples.encode(samples.picture(seed=6, mode="L"), "JPEG"),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_is_stored_byte_for_byte_and_decodes_to_the_same_pixels(kind: str) -> None:
    data = JPEGS[kind]
    tiff = multi_frame_tiff([encode_frame(data)])
    assert strip_bytes(tiff) == [data]
    np.testing.assert_array_equal(decoded(tiff)[0], original(data))


OTHERS = {
    "png": samples.png(7),
    "palette": samples.encode(samples.picture(mode="P"), "PNG"),
    "bilevel": samples.encode(samples.picture(mode="1"), "PNG"),
    "alpha": samples.encode(samples.picture(mode="RGBA"), "PNG"),
    "webp": samples.encode(samples.picture(seed=8), "WEBP", lossless=True),
    "gif": samples.encode(samples.picture(seed=9), "GIF"),
    "cmyk jpeg": samples.encode(samples.picture(seed=1, mode="CMYK"), "JPEG"),
    "rgb jpeg": samples.encode(samples.picture(seed=2), "JPEG", keep_rgb=True),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_any_other_image_is_stored_without_loss(kind: str) -> None:
    data = OTHERS[kind]
    np.testing.assert_array_equal(decoded(multi_frame_tiff([encode_frame(data)]))[0], original(data))


def test_frames_keep_their_order_and_bytes_are_the_same_each_time() -> None:
    data = [*JPEGS.values(), *OTHERS.values()]
    tiff = multi_frame_tiff([encode_frame(d) for d in data])
    frames = decoded(tiff)
    assert len(frames) == len(data)
    for frame, source in zip(frames, data, strict=True):
        np.testing.assert_array_equal(frame, original(source))
    assert tiff == multi_frame_tiff([encode_frame(d) for d in data])


@pytest.mark.parametrize("broken", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\x00\x03", samples.png()[:60]])
def test_broken_bytes_are_a_bad_record(broken: bytes) -> None:
    with pytest.raises(BadRecord) as error:
        encode_frame(broken)
    assert error.value.reason == ImageReason.IMAGE_UNDECODABLE


@pytest.mark.corpora
def test_real_photographs_survive(corpora: Path) -> None:
    paths = sorted((corpora / "images").glob("*.jpg"), key=lambda p: p.stat().st_size)[:12]
    data = [path.read_bytes() for path in paths]
    tiff = multi_frame_tiff([encode_frame(d) for d in data])
    for frame, source in zip(decoded(tiff), data, strict=True):
        np.testing.assert_array_equal(frame, original(source))
