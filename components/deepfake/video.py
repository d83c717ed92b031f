"""Frames and sound of a video, in one forward pass of its decoder.

Frames are chosen by their times before anything is decoded (`video_file.timeline`). The decoder passes over
what it can without touching a pixel of the chosen frames: groups of pictures with none of them in it, what
follows the last of them in its group, and frames that no other frame refers to. Never a seek per frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from components.core.errors import BadRecord
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Audio, Pixels
from components.deepfake.video_file import (
    Probe,
    Source,
    Timeline,
    display_matrix,
    nearest,
    number_of,
    opened_video,
    probe,
    timeline,
    upright,
)
from components.deepfake.video_sound import SoundStretch

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

__all__ = ["Frame", "Frames", "Probe", "Source", "probe", "sample_frames"]

DENSE_RATE: Final = 30.0
"""Most frames a second of the dense stretch."""
_RATE_SLACK: Final = 1.05
"""A rate so little above the cap is left as it is: 30.3 frames a second are not thinned to 30."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: its number in the file from 0, its seconds after the first one, RGB pixels."""

    index: int
    seconds: float
    image: Pixels


@dataclass(frozen=True, slots=True)
class Frames:
    """What was decoded of a video.

    Attributes:
        even: frames spread evenly over its time.
        dense: a run of consecutive frames; each is one of the file, none is made up.
        audio: sound of exactly the run's stretch.
        planned: frames that `even` was to have.
        problem: TRUNCATED where a part of the file is missing or damaged.
    """

    even: list[Frame] = field(default_factory=list)
    dense: list[Frame] = field(default_factory=list)
    audio: Audio | None = None
    planned: int = 0
    problem: DeepfakeReason | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    """pts of the frames that are wanted; the stretch in seconds of the container's clock."""

    even: npt.NDArray[np.int64]
    dense: npt.NDArray[np.int64]
    stretch: tuple[float, float] | None

    @property
    def wanted(self) -> npt.NDArray[np.int64]:
        return np.union1d(self.even, self.dense)


def _plan(times: Timeline, even: int, dense_seconds: float, dense_rate: float) -> _Plan:
    order = times.order
    first, last = int(order[0]), int(order[-1])
    evenly = order[nearest(order, np.linspace(first, last, even))] if even else order[:0]
    if dense_seconds <= 0:
        return _Plan(evenly, order[:0], None)
    length = dense_seconds / float(times.base)
    start = max(float(first), (first + last - length) / 2)
    run = order[(order >= start) & (order < start + length)]
    if len(run) == 0:  # a gap in the middle
        run = order[nearest(order, np.array([start]))]
    if len(run) > dense_rate * _RATE_SLACK * dense_seconds:
        run = run[nearest(run, np.arange(run[0], run[-1] + 1, 1 / dense_rate / float(times.base)))]
    begin = float(int(run[0]) * times.base)
    return _Plan(evenly, run, (begin, min(begin + dense_seconds, float(first * times.base) + times.seconds)))


def _needed(times: Timeline, wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which packets must be decoded: in each group of pictures those up to the last wanted one.

    A wanted frame that is shown before the key frame which it follows in the file refers to the group
    before, too. One packet more is decoded than wanted: the second field of an interlaced picture.
    """
    needed = np.ones(len(times.pts), dtype=bool)
    starts = np.flatnonzero(times.keys)
    if not times.timed or len(starts) == 0 or starts[0] != 0:
        return needed
    is_wanted = np.isin(times.pts, wanted)
    needed[:] = False
    ends = [*starts[1:].tolist(), len(times.pts)]
    refers_back = False
    for start, end in zip(starts[::-1].tolist(), ends[::-1], strict=True):
        places = np.flatnonzero(is_wanted[start:end])
        if refers_back:
            needed[start:end] = True
        elif len(places):
            needed[start : min(end, start + int(places[-1]) + 2)] = True
        refers_back = bool(np.any(times.pts[start:end][places] < times.pts[start]))
    return needed


class _Decoder:
    """Feeds packets to a decoder, as few as the wanted frames take.

    Attributes:
        damaged: whether something could not be decoded; frames the decoder patched up are not given.
    """

    def __init__(
        self, video: VideoStream, times: Timeline, wanted: npt.NDArray[np.int64], *, thrifty: bool
    ) -> None:
        self.damaged = False
        self._context, self._times = video.codec_context, times
        self._needed = _needed(times, wanted) if thrifty else np.ones(len(times.pts), dtype=bool)
        self._is_wanted = np.isin(times.pts, wanted) if thrifty and times.timed else None
        self._packets = self._frames = 0
        self._run: int | None = None
        """pts at which a run of packets began that follows a gap."""
        self._fed = False

    def frames(self, packet: Packet[Any]) -> Iterator[tuple[int, VideoFrame]]:
        """(pts, frame) of what comes out when the next packet of the file is fed; an empty one ends it."""
        if packet.size == 0:
            yield from self._decode(None)
            return
        number, self._packets = self._packets, self._packets + 1
        if number >= len(self._needed):
            return
        if not self._needed[number]:
            if self._fed:
                yield from self._decode(None)  # what the decoder still holds
                self._context.flush_buffers()
                self._fed = False
            return
        pts = int(self._times.pts[number])
        if not self._fed:
            self._run = pts if number else None
            self._fed = True
        if self._run is not None and pts < self._run:
            return  # refers to the group that was passed over
        if self._is_wanted is not None:
            self._context.skip_frame = "DEFAULT" if self._is_wanted[number] else "NONREF"
        yield from self._decode(packet)

    def _decode(self, packet: Packet[Any] | None) -> Iterator[tuple[int, VideoFrame]]:
        import av

        try:
            decoded = self._context.decode(packet)
        except av.EOFError:
            return
        except (av.FFmpegError, ValueError):
            self.damaged = True
            return
        for frame in decoded:
            number, self._frames = self._frames, self._frames + 1
            if frame.is_corrupt:
                self.damaged = True
            elif not self._times.timed:
                yield number, frame
            elif frame.pts is not None:
                yield frame.pts, frame


class _Chooser:
    """Takes the wanted frames out of those that come, in order of time; the next one for one that is lost.

    Attributes:
        exact: how many of `taken` are the wanted ones themselves.
    """

    def __init__(self, wanted: npt.NDArray[np.int64], times: Timeline, max_side: int | None) -> None:
        self.taken: list[Frame] = []
        self.exact = 0
        self._wanted, self._order, self._base = wanted, times.order, times.base
        self._max_side = max_side
        self._next = 0

    def offer(self, pts: int, frame: VideoFrame) -> None:
        """Convert a frame if it is wanted."""
        after = int(np.searchsorted(self._wanted, pts, side="right"))
        if after <= self._next:
            return
        self._next = after
        self.exact += int(self._wanted[after - 1]) == pts
        seconds = float((pts - int(self._order[0])) * self._base)
        self.taken.append(Frame(number_of(self._order, pts), seconds, _pixels(frame, self._max_side)))


def _pixels(frame: VideoFrame, max_side: int | None) -> Pixels:
    """RGB, upright, no side longer than `max_side`."""
    width, height = frame.width, frame.height
    if max_side is not None and max(width, height) > max_side:
        scale = max_side / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    small = frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA", threads=1)
    return upright(np.asarray(small.to_ndarray(), dtype=np.uint8), display_matrix(frame))


def sample_frames(
    source: Source,
    even: int,
    dense_seconds: float = 0.0,
    *,
    dense_rate: float = DENSE_RATE,
    max_side: int | None = None,
    dense_side: int | None = None,
    threads: int = 1,
) -> Frames:
    """Decode evenly spread frames, and a stretch of consecutive ones with its sound.

    Frames that can't be decoded are replaced by the next one that can, or are missing.

    Args:
        even: frames spread over the whole time, by their times: a video with fewer gives all of them.
        dense_seconds: length of the stretch, in the middle of the file; 0: none, and no sound.
        dense_rate: most frames a second of it; of a faster video every second or third is taken.
        max_side: longest side of even frames in pixels, larger ones are scaled down; None: as they are.
        dense_side: likewise, of the stretch.
        threads: of the decoder.

    Raises:
        BadRecord: as `video_file.opened_video`; NO_FRAMES, or UNDECODABLE where nothing can be decoded.
    """
    with opened_video(source) as (container, video):
        times = timeline(container, video)
    plan = _plan(times, even, dense_seconds, dense_rate)
    sides = max_side, dense_side
    frames = _decoded(source, times, plan, sides, threads, thrifty=True)
    if frames is None:
        # key frames that are none, wrong times, damage: what the decoder makes of all packets counts
        frames = _decoded(source, times, plan, sides, threads, thrifty=False)
    assert frames is not None
    if not frames.even and not frames.dense:
        raise BadRecord(DeepfakeReason.UNDECODABLE, "none of its frames can be decoded")
    return frames


def _decoded(
    source: Source,
    times: Timeline,
    plan: _Plan,
    sides: tuple[int | None, int | None],
    threads: int,
    *,
    thrifty: bool,
) -> Frames | None:
    """One pass; None where a thrifty one does not give exactly the wanted frames."""
    import av

    even = _Chooser(plan.even, times, sides[0])
    dense = _Chooser(plan.dense, times, sides[1])
    with opened_video(source, threads) as (container, video):
        sound = None
        if plan.stretch is not None and container.streams.audio:
            sound = SoundStretch(float(int(times.order[0]) * times.base), *plan.stretch)
        streams = [video, *container.streams.audio[:1]] if sound else [video]
        decoder = _Decoder(video, times, plan.wanted, thrifty=thrifty)
        try:
            for packet in container.demux(*streams):
                if packet.stream_index != video.index:
                    assert sound is not None
                    sound.feed(packet)
                    continue
                for pts, frame in decoder.frames(packet):
                    even.offer(pts, frame)
                    dense.offer(pts, frame)
        except av.FFmpegError:
            decoder.damaged = True
    if thrifty and (decoder.damaged or even.exact < len(plan.even) or dense.exact < len(plan.dense)):
        return None
    is_less = len(even.taken) < len(plan.even) or len(dense.taken) < len(plan.dense)
    problem = DeepfakeReason.TRUNCATED if is_less or decoder.damaged else times.problem
    heard = None if sound is None else sound.audio()
    return Frames(even.taken, dense.taken, heard, len(plan.even), problem)
