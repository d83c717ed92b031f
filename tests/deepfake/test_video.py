"""Frames and sound out of real encoders' files: which ones, when, which way up, and out of broken files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import BadRecord
from components.deepfake import video
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.video import Frames, sample_frames
from components.deepfake.video_file import opened_video, timeline
from tests.deepfake.clips import TONE_HZ, clip, coded_frame, faststart, read_code, tone, truncated

EVERY = [
    ("mp4", "libx264"), ("mp4", "libx265"), ("avi", "mpeg4"), ("webm", "libvpx-vp9"), ("webm", "libvpx"),
    ("mpeg", "mpeg1video"), ("mpeg", "mpeg2video"), ("mpegts", "libx264"), ("h264", "libx264"),
    ("matroska", "libx264"), ("asf", "mpeg4"), ("flv", "flv"),
]  # fmt: skip


def quiet(codec: str) -> dict[str, str]:
    return {"x265-params": "log-level=none"} if codec == "libx265" else {}


def codes(frames: Frames) -> list[int]:
    return [read_code(frame.image) for frame in frames.even]


@pytest.fixture(scope="module")
def plain() -> bytes:
    return clip(50)


@pytest.mark.parametrize(("container", "codec"), EVERY)
def test_frames_of_every_container(container: str, codec: str) -> None:
    frames = sample_frames(clip(50, container=container, codec=codec, options=quiet(codec)), 8, 1.0)
    assert codes(frames) == [frame.index for frame in frames.even] == [0, 7, 14, 21, 28, 35, 42, 49]
    assert [frame.seconds for frame in frames.even] == pytest.approx(
        [n / 25 for n in codes(frames)], abs=1e-3
    )
    assert [read_code(frame.image) for frame in frames.dense] == list(range(12, 37))
    assert (frames.planned, frames.problem, frames.audio) == (8, None, None)


def test_pixels_are_those_that_were_encoded(plain: bytes) -> None:
    for frame in sample_frames(plain, 3).even:
        assert np.abs(frame.image.astype(int) - coded_frame(frame.index)).mean() < 3


def test_fewer_frames_than_wanted_are_all_taken() -> None:
    frames = sample_frames(clip(5), 32)
    assert (codes(frames), frames.planned, frames.problem) == ([0, 1, 2, 3, 4], 5, None)
    assert codes(sample_frames(clip(1), 32, 2.0)) == [0]


@given(even=st.integers(1, 60), dense=st.sampled_from([0.0, 0.2, 1.0, 9.0]))
@settings(max_examples=20)
def test_any_plan_is_in_order_and_spread(plain: bytes, even: int, dense: float) -> None:
    frames = sample_frames(plain, even, dense)
    numbers = codes(frames)
    assert numbers == sorted(set(numbers))
    assert len(numbers) == min(even, 50) == frames.planned
    assert even == 1 or (numbers[0], numbers[-1]) == (0, 49)
    steps = np.diff(numbers)
    assert len(steps) == 0 or steps.max() - steps.min() <= 1
    run = [frame.index for frame in frames.dense]
    assert run == list(range(run[0], run[0] + len(run))) if dense else not run
    assert len(run) == min(50, round(dense * 25))


@pytest.mark.parametrize("gop", [1, 5, 250])
@pytest.mark.parametrize(
    ("container", "codec", "options"),
    [
        ("mp4", "libx264", {}),
        ("mp4", "libx264", {"x264-params": "open-gop=1:bframes=4:b-pyramid=normal"}),
        ("mp4", "libx264", {"x264-params": "intra-refresh=1"}),
        ("mp4", "libx264", {"x264-params": "interlaced=1"}),
        ("mp4", "libx265", {"x265-params": "log-level=none:open-gop=1:bframes=4"}),
        ("mpegts", "mpeg2video", {"bf": "2"}),
        ("webm", "libvpx-vp9", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    ],
)
def test_what_is_passed_over_changes_no_pixel(
    gop: int, container: str, codec: str, options: dict[str, str]
) -> None:
    random = np.random.default_rng(7)
    moving = [
        np.clip(coded_frame(n).astype(int) + random.integers(-40, 40, (96, 160, 1)), 0, 255).astype(np.uint8)
        for n in range(60)
    ]
    data = clip(moving, container=container, codec=codec, options=options, gop=gop)
    with opened_video(data) as (opened, stream):
        times = timeline(opened, stream)
    plan = video._plan(times, 4, 0.4, 30.0)
    whole = video._decoded(data, times, plan, (None, None), 1, thrifty=False)
    assert whole is not None
    frames = sample_frames(data, 4, 0.4)
    assert (frames.planned, frames.problem, len(frames.dense)) == (4, None, 10)
    for one, other in zip(frames.even + frames.dense, whole.even + whole.dense, strict=True):
        assert one.index == other.index == read_code(one.image)
        assert np.array_equal(one.image, other.image)


def test_threads_change_no_pixel(plain: bytes) -> None:
    one, two = (sample_frames(plain, 5, threads=threads) for threads in (1, 2))
    for ours, theirs in zip(one.even, two.even, strict=True):
        assert np.array_equal(ours.image, theirs.image)


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_frames_are_upright(turn: int) -> None:
    picture = coded_frame(3)
    data = clip([picture] * 3, rotation=turn)
    expected = np.rot90(picture, turn // 90)
    found = sample_frames(data, 1).even[0].image
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 3
    about = video.probe(data)
    assert (about.height, about.width) == expected.shape[:2]


def test_frames_are_spread_by_time_where_the_rate_varies() -> None:
    times = [0.04 * n for n in range(10)] + [0.4 + 0.3 * n for n in range(10)]
    frames = sample_frames(clip(20, times=times), 6)
    seen = [frame.seconds for frame in frames.even]
    assert seen == pytest.approx([times[number] for number in codes(frames)])
    assert codes(frames) == [0, 11, 13, 15, 17, 19]  # nearest to 0, 0.62, 1.24, 1.86, 2.48, 3.1 s


def test_a_fast_video_is_thinned_in_the_dense_stretch() -> None:
    frames = sample_frames(clip(240, fps=120), 2, 1.0)
    numbers = [frame.index for frame in frames.dense]
    assert numbers == list(range(numbers[0], numbers[0] + 120, 4))
    slow = sample_frames(clip(240, fps=120), 2, 1.0, dense_rate=120)
    assert len(slow.dense) == 120


def test_large_frames_are_scaled_down(plain: bytes) -> None:
    frames = sample_frames(plain, 2, 0.2, max_side=80, dense_side=40)
    assert {frame.image.shape for frame in frames.even} == {(48, 80, 3)}
    assert {frame.image.shape for frame in frames.dense} == {(24, 40, 3)}
    assert [read_code(frame.image) for frame in frames.even] == [0, 49]


@pytest.mark.parametrize("container", ["mp4", "matroska"])
def test_sound_is_that_of_the_stretch(container: str) -> None:
    frames = sample_frames(clip(100, sound=tone(4.0, begins=2.0), container=container), 2, 2.0)
    audio = frames.audio
    assert audio is not None
    assert (audio.rate, audio.start, len(audio.samples)) == (16_000, 1.0, 32_000)
    assert frames.dense[0].seconds == pytest.approx(audio.start)
    assert np.flatnonzero(np.abs(audio.samples) > 0.1)[0] / audio.rate == pytest.approx(1.0, abs=0.03)
    heard = audio.samples[18_000:30_000]
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 16_000 / len(heard) == pytest.approx(TONE_HZ, abs=2)


def test_sound_that_ends_before_the_stretch_is_none() -> None:
    assert sample_frames(clip(100, sound=tone(0.5)), 2, 1.0).audio is None
    assert sample_frames(clip(50, sound=tone(2.0)), 2).audio is None


def test_a_video_that_is_cut_off_gives_what_is_there() -> None:
    cut = truncated(faststart(100, sound=tone(4.0)))
    frames = sample_frames(cut, 8, 0.4)
    assert frames.problem == DeepfakeReason.TRUNCATED
    assert 0 < len(frames.even) <= frames.planned == 8
    assert codes(frames) == [frame.index for frame in frames.even]


@pytest.mark.parametrize("container", ["mpegts", "matroska", "avi"])
def test_damaged_bytes_cost_no_more_than_their_frames(container: str) -> None:
    random = np.random.default_rng(3)
    codec = "mpeg4" if container == "avi" else "libx264"
    noisy = [
        np.clip(coded_frame(n).astype(int) + random.integers(-30, 30, (96, 160, 1)), 0, 255).astype(np.uint8)
        for n in range(60)
    ]
    data = bytearray(clip(noisy, container=container, codec=codec))
    middle = len(data) // 2
    data[middle : middle + 3000] = random.integers(0, 256, 3000, dtype=np.uint8).tobytes()
    frames = sample_frames(bytes(data), 10)
    assert len(frames.even) >= 5
    assert [frame.index for frame in frames.even] == sorted({frame.index for frame in frames.even})
    # an MPEG-4 decoder that meets damage gives its frames one late
    assert abs(read_code(frames.even[0].image) - frames.even[0].index) <= (container == "avi")


def test_nothing_decodable(plain: bytes) -> None:
    with opened_video(plain) as (opened, stream):
        sizes = [(p.pos, p.size) for p in opened.demux(stream) if p.size]
    broken = bytearray(plain)
    for place, size in sizes:
        broken[place : place + size] = bytes(size)
    with pytest.raises(BadRecord) as bad:
        sample_frames(bytes(broken), 4)
    assert bad.value.reason == DeepfakeReason.UNDECODABLE


def test_a_path_is_read_as_its_bytes_are(tmp_path: Path, plain: bytes) -> None:
    path = tmp_path / "concat:clip.txt"  # neither the extension nor the protocol counts
    path.write_bytes(plain)
    assert codes(sample_frames(path, 4)) == codes(sample_frames(plain, 4))


@pytest.mark.corpora
def test_real_clips_give_every_frame_that_was_planned(corpora: Path) -> None:
    clips = [p for p in sorted((corpora / "faces").iterdir()) if p.suffix in {".mp4", ".mpg"}][::4]
    assert len(clips) >= 6
    for path in clips:
        frames = sample_frames(path, 8, 0.5)
        assert (len(frames.even), frames.problem) == (8, None)
        assert frames.audio is not None
        assert len(frames.audio.samples) == 8000
