from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.errors import BadShard
from components.deepfake.faces.quality import sharpness
from components.deepfake.sample import Audio, Coverage, Crop, Provenance, Sample, Track
from components.deepfake.sample_rows import CropKind, from_rows, read_samples, to_rows
from tests.deepfake.crops import crop, sample, texture

FLOATS = st.floats(-1e4, 1e4, width=32)
UNIT = st.floats(0, 1, width=32)


def _pixels(seed: int, side: int, channels: tuple[int, ...] = (3,)) -> np.ndarray:
    random = np.random.Generator(np.random.PCG64(seed))
    return random.integers(0, 256, (side, side + seed % 3, *channels), np.uint8)


@st.composite
def crops(draw: st.DrawFn, *, patch: bool = False, dense: bool = False) -> Crop:
    seed = draw(st.integers(0, 2**32))
    side = draw(st.integers(3, 24))
    landmarks = np.array(draw(st.lists(FLOATS, min_size=10, max_size=10)), np.float32).reshape(5, 2)
    box = draw(st.tuples(FLOATS, FLOATS, FLOATS, FLOATS))
    has_mask = draw(st.booleans())
    return Crop(
        frame=draw(st.integers(0, 2**31 - 1)),
        seconds=draw(st.floats(0, 1e6)),
        image=np.full((side, side, 3), seed % 256, np.uint8) if dense else _pixels(seed, side),
        box=box,
        landmarks=None if patch else landmarks,
        confidence=1.0 if patch else draw(UNIT),
        face_pixels=0.0 if patch else draw(st.floats(0, 1e4, width=32)),
        mask=_pixels(seed, side, ()) if has_mask else None,
    )


def tracks(**kinds: bool) -> st.SearchStrategy[tuple[Track, ...]]:
    numbered = st.lists(
        st.tuples(st.integers(0, 50), st.lists(crops(**kinds), min_size=1, max_size=3)),
        max_size=3,
        unique_by=lambda pair: pair[0],
    )
    return numbered.map(lambda found: tuple(Track(n, tuple(c)) for n, c in sorted(found, key=lambda p: p[0])))


sounds = st.lists(st.integers(-32768, 32767), max_size=30).map(
    lambda steps: Audio((np.array(steps, np.int16) / 32768).astype(np.float32), 16_000, 1.25)
)
samples = st.builds(
    Sample,
    id=st.just("a" * 64),
    kind=st.sampled_from(["image", "video"]),
    width=st.integers(1, 10_000),
    height=st.integers(1, 10_000),
    seconds=st.floats(0, 1e6),
    fps=st.floats(0, 1e3),
    provenance=st.builds(
        Provenance,
        st.sampled_from(["synthetic", "edited", "captured", "none"]),
        st.none() | st.just("c2pa"),
        st.none() | st.booleans(),
        st.none() | st.text(st.characters(codec="utf-8")),
        st.none() | st.just("found in a chunk"),
    ),
    faces=tracks(),
    dense=tracks(dense=True),
    patches=st.lists(crops(patch=True), max_size=3).map(tuple),
    audio=st.none() | sounds,
    coverage=st.builds(
        Coverage, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.none() | st.just("no_face")
    ),
)


def media_columns(of: Sample) -> dict[str, Any]:
    """What a row of media/1 has besides."""
    return {
        "id": of.id, "uri": "file:///a", "kind": of.kind, "format": "png", "size": 1, "width": of.width,
        "height": of.height, "seconds": of.seconds, "fps": of.fps, "has_audio": of.audio is not None,
        "label": None, "method": None, "family": None, "dataset": "d", "split": None, "group": "g",
        "source": None, "attributes": [], "provenance": dataclasses.asdict(of.provenance),
    }  # fmt: skip


def tables(*given: Sample) -> tuple[pa.Table, pa.Table]:
    rows = [(media_columns(one) | to_rows(one)[0], to_rows(one)[1]) for one in given]
    return (
        pa.Table.from_pylist([row for row, _ in rows], schema=schemas.get("samples/1")),
        pa.Table.from_pylist([c for _, found in rows for c in found], schema=schemas.get("crops/1")),
    )


def assert_same_crop(a: Crop, b: Crop, tolerance: int = 0) -> None:
    assert dataclasses.replace(a, image=b.image, landmarks=None, mask=None) == dataclasses.replace(
        b, landmarks=None, mask=None
    )
    assert a.image.shape == b.image.shape
    assert np.abs(a.image.astype(int) - b.image.astype(int)).max() <= tolerance
    for one, other in ((a.landmarks, b.landmarks), (a.mask, b.mask)):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


@settings(max_examples=60)
@given(samples)
def test_a_sample_comes_back_from_its_rows(given_one: Sample) -> None:
    ((row, found),) = read_samples(*tables(given_one))
    bare: dict[str, Any] = {"faces": (), "dense": (), "patches": (), "audio": None}
    assert dataclasses.replace(found, **bare) == dataclasses.replace(given_one, **bare)
    for one, other, tolerance in (
        (given_one.faces, found.faces, 0),
        (given_one.dense, found.dense, 3),
    ):
        assert [t.number for t in one] == [t.number for t in other]
        for a, b in zip(one, other, strict=True):
            for x, y in zip(a.crops, b.crops, strict=True):
                assert_same_crop(x, y, tolerance)
    for x, y in zip(given_one.patches, found.patches, strict=True):
        assert_same_crop(x, y)
    if given_one.audio is None:
        assert found.audio is None
    else:
        assert found.audio is not None
        np.testing.assert_array_equal(given_one.audio.samples, found.audio.samples)
        assert (found.audio.rate, found.audio.start) == (16_000, 1.25)
    assert row["tracks"] == len(given_one.faces)
    assert "audio" not in row


def test_rows_say_how_sharp_a_crop_is_and_its_hash_is_that_of_its_copy() -> None:
    image = texture(4)
    brighter = np.clip(image.astype(int) + 6, 0, 255).astype(np.uint8)
    _, rows = to_rows(sample([crop(image), crop(brighter)], [crop(texture(9))]))
    assert [row["sharpness"] for row in rows] == [sharpness(i) for i in (image, brighter, texture(9))]
    bits = [row["dhash"] & (2**64 - 1) for row in rows]
    assert all(-(2**63) <= row["dhash"] < 2**63 for row in rows)
    assert (bits[0] ^ bits[1]).bit_count() <= 6
    assert (bits[0] ^ bits[2]).bit_count() > 10


def test_dense_crops_are_nearly_what_they_were() -> None:
    image = texture(2, 128)
    one = dataclasses.replace(sample(), dense=(Track(0, (crop(image),)),))
    ((_, found),) = read_samples(*tables(one))
    back = found.dense[0].crops[0].image.astype(int)
    assert 0 < np.abs(back - image).mean() < 4  # colours that change from pixel to pixel
    assert abs(float(back.mean()) - float(image.mean())) < 0.1  # colours of skin are a signal


def test_samples_are_read_in_order_each_with_its_crops_of_the_wanted_kinds() -> None:
    one = sample([crop(texture(1, 32))], name="1" * 64)
    two = sample(name="2" * 64)
    three = sample([crop(texture(2, 32))], patches=(crop(texture(3, 32), landmarks=None),), name="3" * 64)
    table, crop_table = tables(three, one, two)
    read = list(read_samples(table, crop_table))
    assert [s.id[0] for _, s in read] == ["3", "1", "2"]
    assert [len(s.faces) for _, s in read] == [1, 1, 0]
    np.testing.assert_array_equal(read[0][1].faces[0].crops[0].image, texture(2, 32))
    only: list[CropKind] = ["face"]
    faces_only = [s for _, s in read_samples(table, crop_table, only)]
    assert [len(s.patches) for s in faces_only] == [0, 0, 0]
    some = list(read_samples(table.slice(1, 1).drop_columns(["audio", "provenance"]), crop_table))
    assert [(s.id[0], len(s.faces)) for _, s in some] == [("1", 1)]


def test_a_damaged_crop_names_its_sample() -> None:
    one = sample([crop(texture(1, 32))])
    columns, rows = to_rows(one)
    for data in (b"", b"\x89PNG broken"):
        with pytest.raises(BadShard, match="crops/1: a crop of 0000"):
            from_rows(media_columns(one) | columns, [rows[0] | {"image": data}])
