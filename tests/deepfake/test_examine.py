"""Files made by code; `test_examine_corpora.py` looks at real ones."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import cv2
import numpy as np
import PIL.Image as PilImage
import pytest

from components.core.errors import BadRecord
from components.deepfake.detectors.base import Need
from components.deepfake.examine import examine
from components.deepfake.faces.align import template
from components.deepfake.faces_params import ExamineParams
from components.deepfake.patches import patch_boxes
from components.deepfake.sample import Pixels, Provenance
from tests.deepfake import clips
from tests.deepfake.crops import texture
from tests.deepfake.faces.drawn import canvas, draw_face

PARAMS = ExamineParams(frames=4, dense_seconds=0.4)


def png(image: Pixels) -> bytes:
    target = io.BytesIO()
    PilImage.fromarray(image).save(target, "PNG")
    return target.getvalue()


def two_faces() -> Pixels:
    return draw_face(draw_face(canvas(), 180, 220, 120), 450, 240, 170)


def moving_faces(frames: int = 20, *, faces: bool = True) -> list[Pixels]:
    made = [canvas(480, 320) for _ in range(frames)]
    for n, image in enumerate(made if faces else []):
        draw_face(image, 130 + 2 * n, 160, 110)
        draw_face(image, 360 - n, 170, 80)
    return made


def test_a_still_gives_aligned_faces_and_patches_of_its_own_pixels() -> None:
    image = two_faces()
    data = png(image)
    sample = examine(data, "image", PARAMS)
    assert sample.id == hashlib.sha256(data).hexdigest()
    assert (sample.kind, sample.width, sample.height, sample.seconds, sample.fps) == ("image", 640, 480, 0, 0)
    assert (sample.dense, sample.audio) == ((), None)
    assert [(t.number, len(t.crops)) for t in sample.faces] == [(0, 1), (1, 1)]
    large, small = (track.crops[0] for track in sample.faces)
    assert abs((large.box[0] + large.box[2]) / 2 - 450) < 30
    assert abs((small.box[0] + small.box[2]) / 2 - 180) < 30
    for crop in (large, small):
        assert crop.image.shape == (256, 256, 3)
        assert crop.image.dtype == np.uint8
        assert crop.landmarks is not None
        assert np.abs(crop.landmarks - template(256, 1.3)).max() < 15
        assert crop.face_pixels == pytest.approx(crop.box[2] - crop.box[0], rel=1e-5)
    c = sample.coverage
    assert (c.planned, c.decoded, c.with_face, c.problem) == (1, 1, 1, None)
    for patch in sample.patches:
        x0, y0, x1, y1 = map(int, patch.box)
        np.testing.assert_array_equal(patch.image, image[y0:y1, x0:x1])
        assert patch.landmarks is None
        assert patch.face_pixels == 0


def test_the_margin_and_the_least_face_are_parameters() -> None:
    data = png(two_faces())
    tight = examine(data, "image", ExamineParams(margin=1.0)).faces[0].crops[0]
    assert tight.landmarks is not None
    assert np.abs(tight.landmarks - template(256, 1.0)).max() < 20
    assert len(examine(data, "image", ExamineParams(min_face=130)).faces) == 1
    nobody = examine(data, "image", ExamineParams(min_face=300))
    assert nobody.faces == ()
    assert nobody.coverage.problem == "face_too_small"
    assert nobody.patches
    crowd = examine(data, "image", ExamineParams(max_faces=1))
    assert (len(crowd.faces), crowd.coverage.problem) == (1, "too_many_faces")


def test_no_face_is_said_and_patches_are_there() -> None:
    sample = examine(png(canvas()), "image", PARAMS)
    c = sample.coverage
    assert (c.planned, c.decoded, c.with_face, c.problem) == (1, 1, 0, "no_face")
    assert sample.patches


def test_what_is_not_needed_is_not_made() -> None:
    data = png(two_faces())

    def needing(*needs: Need) -> tuple[int, int, int]:
        sample = examine(data, "image", PARAMS, needs=frozenset(needs))
        assert (sample.width, sample.height) == (640, 480)
        return len(sample.faces), len(sample.patches), sample.coverage.planned

    assert needing("provenance") == (0, 0, 0)
    assert needing("faces") == (2, 0, 1)
    assert needing("patches")[0] == 0
    # nothing is decoded for the provenance alone: half a file will do
    half = examine(data[: len(data) // 2], "image", PARAMS, needs=frozenset({"provenance"}))
    assert half.width == 640


def test_provenance_is_read_unless_it_is_given() -> None:
    info = PilImage.fromarray(two_faces())
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("parameters", "a face\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Model: sd15")
    target = io.BytesIO()
    info.save(target, "PNG", pnginfo=text)
    only = frozenset[Need]({"provenance"})
    assert examine(target.getvalue(), "image", PARAMS, needs=only).provenance.verdict == "synthetic"
    given = Provenance("captured", "exif")
    assert examine(target.getvalue(), "image", PARAMS, needs=only, provenance=given).provenance is given
    assert (
        examine(target.getvalue(), "image", PARAMS, needs=frozenset({"patches"})).provenance == Provenance()
    )


def test_orientation_is_undone() -> None:
    upright = two_faces()
    target = io.BytesIO()
    exif = PilImage.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    PilImage.fromarray(np.ascontiguousarray(np.rot90(upright))).save(target, "PNG", exif=exif)
    sample = examine(target.getvalue(), "image", PARAMS)
    assert (sample.width, sample.height) == (640, 480)
    plain = examine(png(upright), "image", PARAMS)
    assert [t.crops[0].box for t in sample.faces] == [t.crops[0].box for t in plain.faces]
    header_only = examine(target.getvalue(), "image", PARAMS, needs=frozenset({"provenance"}))
    assert (header_only.width, header_only.height) == (640, 480)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_of_an_animation_the_first_picture_counts(kind: str) -> None:
    target = io.BytesIO()
    first, second = PilImage.fromarray(two_faces()), PilImage.fromarray(canvas())
    first.save(target, kind, save_all=True, append_images=[second, second], duration=100)
    sample = examine(target.getvalue(), "image", PARAMS)
    assert len(sample.faces) == 2
    assert sample.kind == "image"


def _claiming(width: int, height: int) -> bytes:
    """A PNG whose header says so, with nothing in it."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    ihdr = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return (
        b"\x89PNG\r\n\x1a\n" + ihdr + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )


def _garbled() -> bytes:
    """A PNG whose compressed pixels are none."""
    whole = _claiming(100, 100)[:33]
    body = b"IDAT" + b"\xff" * 4000
    data = struct.pack(">I", 4000) + body + struct.pack(">I", zlib.crc32(body))
    return whole + data + struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", "image", "empty_file"),
        (b"", "video", "empty_file"),
        (b"GIF", "image", "not_media"),
        (b"\x00" * 500, "image", "not_media"),
        (b"\x00" * 500, "video", "not_media"),
        (_claiming(10_000, 10_000), "image", "media_too_large"),
        (_claiming(100_000, 100_000), "image", "media_too_large"),
        (_claiming(100, 100), "image", "truncated"),
        (_garbled(), "image", "undecodable"),
    ],
)
def test_hostile_bytes_end_with_a_reason(data: bytes, kind: str, reason: str) -> None:
    with pytest.raises(BadRecord) as refused:
        examine(data, kind, PARAMS)  # type: ignore[arg-type]
    assert refused.value.reason == reason


def test_truncated_stills_and_files_of_the_other_kind() -> None:
    target = io.BytesIO()
    PilImage.fromarray(two_faces()).save(target, "JPEG")
    with pytest.raises(BadRecord) as refused:
        examine(target.getvalue()[: len(target.getvalue()) // 2], "image", PARAMS)
    assert refused.value.reason == "truncated"
    with pytest.raises(BadRecord) as refused:
        examine(clips.clip(5), "image", PARAMS)
    assert refused.value.reason == "not_media"
    with pytest.raises(BadRecord) as refused:
        examine(target.getvalue(), "video", PARAMS)
    assert refused.value.reason == "undecodable"
    assert "JPEG" in refused.value.detail


def test_a_video_gives_tracks_patches_and_sound() -> None:
    data = clips.clip(moving_faces(), sound=clips.tone(0.8), options={"crf": "12"})
    sample = examine(data, "video", PARAMS)
    assert (sample.kind, sample.width, sample.height) == ("video", 480, 320)
    assert sample.seconds == pytest.approx(0.8, abs=0.05)
    assert sample.fps == pytest.approx(25, abs=0.1)
    c = sample.coverage
    assert (c.planned, c.decoded, c.with_face, c.problem) == (4, 4, 4, None)
    assert [(t.number, len(t.crops)) for t in sample.faces] == [(0, 4), (1, 4)]
    assert [(t.number, len(t.crops)) for t in sample.dense] == [(0, 10), (1, 10)]
    assert {crop.image.shape for t in sample.faces for crop in t.crops} == {(256, 256, 3)}
    assert {crop.image.shape for t in sample.dense for crop in t.crops} == {(128, 128, 3)}
    for tracks in (sample.faces, sample.dense):  # the larger one goes right and is number 0 in both
        for track, step in zip(tracks, (2, -1), strict=True):
            frames = [crop.frame for crop in track.crops]
            assert frames == sorted(frames)
            middle = [(crop.box[0] + crop.box[2]) / 2 for crop in track.crops]
            speed = (middle[-1] - middle[0]) / (frames[-1] - frames[0])
            assert speed == pytest.approx(step, abs=0.6)
    assert len(sample.patches) == 4
    assert {patch.image.shape for patch in sample.patches} == {(256, 256, 3)}
    assert sample.audio is not None
    assert len(sample.audio.samples) == pytest.approx(0.4 * sample.audio.rate, rel=0.05)
    steps = sample.audio.samples * 32768
    assert (steps == np.rint(steps)).all()


def test_the_same_bytes_give_the_same_sample() -> None:
    data = clips.clip(moving_faces(8))
    one, other = examine(data, "video", PARAMS), examine(data, "video", PARAMS)
    for first, second in zip(one.faces + one.dense, other.faces + other.dense, strict=True):
        for a, b in zip(first.crops, second.crops, strict=True):
            assert (a.frame, a.box, a.confidence) == (b.frame, b.box, b.confidence)
            np.testing.assert_array_equal(a.image, b.image)


def test_frames_that_are_scaled_down_keep_the_coordinates_of_the_file() -> None:
    data = clips.clip(moving_faces(8), options={"crf": "12"})
    full = examine(data, "video", PARAMS)
    half = examine(
        data, "video", PARAMS.model_copy(update={"frame_side": 256, "dense_frame_side": 256, "min_face": 60})
    )
    for one, other in ((full.faces, half.faces), (full.dense, half.dense)):
        a, b = one[0].crops[0], other[0].crops[0]
        np.testing.assert_allclose(a.box, b.box, atol=12)
        assert b.face_pixels == pytest.approx(a.face_pixels, rel=0.15)


def test_a_video_without_faces_or_of_other_needs() -> None:
    data = clips.clip(moving_faces(8, faces=False), sound=clips.tone(0.4))
    sample = examine(data, "video", PARAMS)
    assert (sample.faces, sample.dense, sample.coverage.problem) == ((), (), "no_face")
    assert len(sample.patches) == 4
    assert sample.audio is not None
    none = examine(data, "video", PARAMS, needs=frozenset({"provenance"}))
    assert (none.patches, none.audio, none.coverage.planned, none.width) == ((), None, 0, 480)
    heard = examine(data, "video", PARAMS, needs=frozenset({"audio"}))
    assert heard.audio is not None
    assert heard.coverage.problem is None


def test_faces_are_looked_for_after_the_corruption() -> None:
    data = png(two_faces())
    seen: list[tuple[int, ...]] = []

    def hide_the_right(image: Pixels) -> Pixels:
        seen.append(image.shape)
        hidden = image.copy()
        hidden[:, 320:] = 100
        return hidden

    sample = examine(data, "image", PARAMS, corrupt=hide_the_right)
    assert seen == [(480, 640, 3)]
    assert len(sample.faces) == 1
    assert sample.faces[0].crops[0].box[0] < 320


def test_a_corruption_may_change_the_size() -> None:
    data = png(two_faces())
    plain = examine(data, "image", PARAMS)
    half = examine(
        data, "image", PARAMS, corrupt=lambda image: np.asarray(cv2.resize(image, (320, 240)), np.uint8)
    )
    assert (half.width, half.height) == (640, 480)
    for one, other in zip(plain.faces, half.faces, strict=True):
        np.testing.assert_allclose(one.crops[0].box, other.crops[0].box, atol=12)
        # what is left of the face is half as wide
        assert other.crops[0].face_pixels == pytest.approx(one.crops[0].face_pixels / 2, rel=0.15)


def test_patches_are_the_middle_and_then_the_most_textured() -> None:
    image = np.full((800, 1100, 3), 90, np.uint8)
    image[10:260, 830:1090] = texture(1, 260)[:250]
    boxes = patch_boxes(image, 3)
    assert boxes[0] == (422, 272, 678, 528)
    assert boxes[1] == (678, 16, 934, 272)
    assert len(patch_boxes(image, 64)) == 9
    for n, (x0, y0, x1, y1) in enumerate(patch_boxes(image, 64)):
        for a0, b0, a1, b1 in patch_boxes(image, 64)[:n]:
            assert x1 <= a0 or a1 <= x0 or y1 <= b0 or b1 <= y0
    assert patch_boxes(np.zeros((100, 60, 3), np.uint8), 4) == [(0, 0, 60, 100)]
    assert patch_boxes(np.zeros((100, 1000, 3), np.uint8), 2)[0] == (372, 0, 628, 100)
    assert patch_boxes(image, 0) == []
