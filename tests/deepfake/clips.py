"""Clips made by code: every frame says its own number, so that a test knows which one it got.

A frame is grey with a code of 8 blocks in its upper third (bit 0 at the left: black 0, white 1), a red square
in its lower left corner and a blue one in its lower right, which tell how it was turned.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

BITS = 8
TONE_HZ = 440.0


def coded_frame(number: int, width: int = 160, height: int = 96) -> npt.NDArray[np.uint8]:
    """(height, width, 3) RGB; `read_code` reads the number off it."""
    image = np.full((height, width, 3), 128, dtype=np.uint8)
    block = width // BITS
    for bit in range(BITS):
        image[: height // 3, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 20
    corner = height // 4
    image[-corner:, :corner] = (220, 30, 30)
    image[-corner:, -corner:] = (30, 30, 220)
    return image


def read_code(image: npt.NDArray[np.uint8]) -> int:
    """The number of a frame, whatever its size."""
    height, width = image.shape[:2]
    block = width / BITS
    row = image[height // 6].mean(axis=-1)
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * block)] > 128)


def tone(seconds: float, rate: int = 48_000, *, begins: float = 0.0) -> npt.NDArray[np.float32]:
    """A sine of TONE_HZ from `begins` on, silence before."""
    time = np.arange(round(seconds * rate)) / rate
    return np.where(time >= begins, 0.5 * np.sin(2 * np.pi * TONE_HZ * time), 0.0).astype(np.float32)


def clip(
    frames: int | Sequence[npt.NDArray[np.uint8]] = 50,
    *,
    width: int = 160,
    height: int = 96,
    fps: int = 25,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    container: str = "mp4",
    gop: int = 12,
    rotation: int = 0,
    sound: npt.NDArray[np.float32] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """An encoded clip.

    Args:
        frames: how many numbered frames (at most 256), or RGB pictures of one size.
        times: seconds at which each is shown, for a variable frame rate; None: evenly at `fps`.
        gop: frames from one key frame to the next.
        rotation: degrees counter-clockwise a player turns it by, multiples of 90 (MP4 only).
        sound: mono, 48,000 samples a second, coded as AAC (MP3 in AVI, Vorbis in WebM).
        options: of the encoder.
    """
    pictures = [coded_frame(n, width, height) for n in range(frames)] if isinstance(frames, int) else frames
    if pictures:
        height, width = pictures[0].shape[:2]
    base = Fraction(1, 1000) if times is not None else Fraction(1, fps)
    target = io.BytesIO()
    with av.open(target, "w", format=container) as out:
        video: Any = out.add_stream(codec, rate=fps, options=options or {})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.gop_size = gop
        video.thread_count = 1
        video.codec_context.time_base = base
        if rotation:
            video.set_display_rotation(rotation)
        audio: Any = None
        if sound is not None:
            audio = out.add_stream({"avi": "mp3", "webm": "libvorbis"}.get(container, "aac"), rate=48_000)
            audio.layout = "mono"
        out.start_encoding()  # writes the header, frames or not
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number if times is None else round(times[number] * 1000)
            frame.time_base = base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None and sound is not None:
            for start in range(0, len(sound), 1024):
                part = av.AudioFrame.from_ndarray(
                    sound[None, start : start + 1024], format="fltp", layout="mono"
                )
                part.sample_rate, part.pts, part.time_base = 48_000, start, Fraction(1, 48_000)
                out.mux(audio.encode(part))
            out.mux(audio.encode(None))
    return target.getvalue()


def truncated(data: bytes, share: float = 0.5) -> bytes:
    """The first part of a file."""
    return data[: int(len(data) * share)]


def faststart(frames: int = 50, *, sound: npt.NDArray[np.float32] | None = None) -> bytes:
    """An MP4 whose index comes before its frames, so that a part of it can still be read when it is cut."""
    return _index_first(clip(frames, sound=sound))


def _index_first(data: bytes) -> bytes:
    target = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov"}
    with (
        av.open(io.BytesIO(data), "r") as source,
        av.open(target, "w", format="mp4", options=options) as out,
    ):
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
    return target.getvalue()


def no_frames() -> bytes:
    """An MP4 with a video track and not one frame in it."""
    return clip(0)


def sound_only(seconds: float = 1.0) -> bytes:
    """A WAV file of a tone."""
    target = io.BytesIO()
    with av.open(target, "w", format="wav") as out:
        audio: Any = out.add_stream("pcm_s16le", rate=48_000)
        audio.layout = "mono"
        values = (tone(seconds) * 32767).astype(np.int16)
        part = av.AudioFrame.from_ndarray(values[None, :], format="s16", layout="mono")
        part.sample_rate, part.pts, part.time_base = 48_000, 0, Fraction(1, 48_000)
        out.mux(audio.encode(part))
        out.mux(audio.encode(None))
    return target.getvalue()
