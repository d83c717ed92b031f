"""Open a video of a stranger and list its frames without decoding them.

FFmpeg reads from a file object only, and only containers of the list below: those that name other files or
addresses (playlists, concatenations, SDP) are refused, so that a file can't make it open anything else.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from components.core.errors import BadRecord
from components.core.images import MAX_PIXELS
from components.deepfake.reasons import DeepfakeReason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Source = bytes | str | Path
"""The bytes of a file, or the path of a local one."""

_CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,flv,asf,ogg,ivf,mxf,dv,"
    "yuv4mpegpipe,mp3,wav,flac,aac,amr,aiff,ac3"
)
"""Containers FFmpeg may try. Those of sound alone are there to be recognised, and refused as such."""
_HEIF: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_STATES_DURATION: Final = frozenset({"mov", "matroska", "avi"})
"""Containers that write down how long they are; for others FFmpeg guesses from the bit rate."""
_MISSING_S: Final = 1.0
_MISSING_SHARE: Final = 0.05
"""How much shorter than it says a video must be to count as cut off: the larger of both."""
_HIGHEST_RATE: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video is.

    Attributes:
        format: container, as FFmpeg names it (the first of its names), such as mov or matroska.
        width, height: pixels as displayed (rotation applied; the shape of a pixel is not).
        seconds: from the first frame to the end of the last one that is there.
        fps: mean rate; 0 where there is one frame.
        frames: that are in the file, by count and not by what it says.
        has_audio: whether there is an audio track.
        problem: TRUNCATED where the file says it is longer than it is.
    """

    format: str
    width: int
    height: int
    seconds: float
    fps: float
    frames: int
    has_audio: bool
    problem: DeepfakeReason | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The frames of a file, found by reading its packets.

    Attributes:
        pts: (n,) int64, of packets as they lie in the file; what the container leaves out is made up from
            their number, and `timed` is False.
        keys: (n,) whether a decoder can begin there.
        shown: (n,) False for packets that an edit list hides.
        base: seconds of one unit of pts.
        timed: whether pts are the file's own.
        problem: TRUNCATED where packets are damaged or fewer than the file says.
    """

    pts: npt.NDArray[np.int64]
    keys: npt.NDArray[np.bool_]
    shown: npt.NDArray[np.bool_]
    base: Fraction
    timed: bool
    fps: float
    problem: DeepfakeReason | None

    @property
    def order(self) -> npt.NDArray[np.int64]:
        """pts of the frames that are shown, rising, each once."""
        return np.unique(self.pts[self.shown])

    @property
    def seconds(self) -> float:
        """From the first frame to the end of the last."""
        order = self.order
        length = float((int(order[-1]) - int(order[0])) * self.base)
        return length + (1 / self.fps if self.fps else 0.0)


def _promised(data: bytes) -> str | None:
    """The format that the first bytes promise."""
    if data[4:8] in {b"ftyp", b"moov", b"mdat", b"wide"}:
        return "MP4 or QuickTime"
    magics = {
        b"\x1a\x45\xdf\xa3": "Matroska or WebM",
        b"\x00\x00\x01\xba": "MPEG",
        b"\x00\x00\x01\xb3": "MPEG",
        b"FLV\x01": "FLV",
        b"\x30\x26\xb2\x75": "ASF",
        b"OggS": "Ogg",
        b"\x89PNG": "PNG",
        b"\xff\xd8\xff\xe0": "JPEG",
        b"\xff\xd8\xff\xe1": "JPEG",
        b"GIF8": "GIF",
    }
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "AVI"
    if data[:1] == b"\x47" and data[188:189] == b"\x47" and data[376:377] == b"\x47":
        return "MPEG transport stream"
    return magics.get(data[:4])


@contextmanager
def opened_video(source: Source, threads: int = 1) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its video stream (the best one FFmpeg knows of, never a cover picture).

    Args:
        threads: of the decoder; stages run several processes instead.

    Raises:
        BadRecord: EMPTY_FILE, NOT_MEDIA, UNDECODABLE, UNSUPPORTED_KIND (sound without pictures) or
            MEDIA_TOO_LARGE (its frames have more pixels than are ever decoded).
    """
    import av

    with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as stream:
        start = stream.read(512)
        stream.seek(0)
        if not start:
            raise BadRecord(DeepfakeReason.EMPTY_FILE, "the file has no bytes")
        if start[4:8] == b"ftyp" and start[8:12] in _HEIF:
            # FFmpeg would take one tile of it for a frame
            raise BadRecord(DeepfakeReason.UNSUPPORTED_KIND, "an image in HEIF (HEIC), which is not read")
        try:
            container = av.open(stream, mode="r", container_options={"format_whitelist": _CONTAINERS})
        except (av.FFmpegError, ValueError, OSError) as error:
            promised = _promised(start)
            if promised is None:
                raise BadRecord(DeepfakeReason.NOT_MEDIA, "no image and no video that is known") from None
            raise BadRecord(
                DeepfakeReason.UNDECODABLE, f"begins like {promised}, but can't be opened: {error}"
            ) from None
        with container:
            yield container, _video_stream(container, threads)


def _video_stream(container: InputContainer, threads: int) -> VideoStream:
    from av.stream import Disposition

    pictures = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not pictures:
        if container.streams.audio:
            raise BadRecord(DeepfakeReason.UNSUPPORTED_KIND, "holds sound and no pictures")
        raise BadRecord(DeepfakeReason.NO_FRAMES, "holds no stream of pictures")
    best = container.streams.best("video")
    found = next((s for s in pictures if best is not None and s.index == best.index), pictures[0])
    context = found.codec_context
    if context is None:
        raise BadRecord(DeepfakeReason.UNDECODABLE, "its pictures are coded in a way that is not known")
    if found.width * found.height > MAX_PIXELS:
        raise BadRecord(
            DeepfakeReason.MEDIA_TOO_LARGE, f"its header says {found.width}x{found.height} pixels a frame"
        )
    # a stream may grow in its middle, where the header's size has been checked long ago
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_count = threads
    return found


def timeline(container: InputContainer, video: VideoStream) -> Timeline:
    """Read all packets and decode none.

    Raises:
        BadRecord: NO_FRAMES where there are none.
    """
    import av

    stamps: list[int | None] = []
    keys: list[bool] = []
    shown: list[bool] = []
    is_damaged = False
    heard = 0.0
    base = video.time_base or Fraction(1, 1000)
    try:
        for packet in container.demux():
            if packet.size == 0:
                continue  # the end of a stream
            if packet.pts is not None and packet.time_base is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                heard = max(heard, float(end))
            if packet.stream_index != video.index:
                continue
            is_damaged = is_damaged or packet.is_corrupt
            stamps.append(packet.pts)
            keys.append(packet.is_keyframe)
            shown.append(not packet.is_discard)
    except av.FFmpegError:
        is_damaged = True
    if not any(shown):
        raise BadRecord(DeepfakeReason.NO_FRAMES, "its stream of pictures is empty")
    timed = all(stamp is not None for stamp in stamps)
    declared = _rate(video)
    if not timed:
        rate = Fraction(declared).limit_denominator(1001) if declared else Fraction(25)
        base = 1 / rate
    pts = np.array(stamps if timed else range(len(stamps)), dtype=np.int64)
    order = np.unique(pts[np.array(shown)])
    spread = float((int(order[-1]) - int(order[0])) * base)
    fps = (len(order) - 1) / spread if spread > 0 else 0.0
    if is_damaged or len(stamps) < (video.frames or 0) or _is_short(container, heard):
        problem = DeepfakeReason.TRUNCATED
    else:
        problem = None
    return Timeline(pts, np.array(keys), np.array(shown), base, timed, fps, problem)


def _rate(video: VideoStream) -> float:
    for rate in (video.average_rate, video.guessed_rate):
        if rate is not None and 0 < rate <= _HIGHEST_RATE:
            return float(rate)
    return 0.0


def _is_short(container: InputContainer, heard: float) -> bool:
    if container.duration is None or _format(container) not in _STATES_DURATION:
        return False
    said = container.duration / 1e6
    begun = (container.start_time or 0) / 1e6
    return said - (heard - begun) > max(_MISSING_S, _MISSING_SHARE * said)


def _format(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def upright(image: npt.NDArray[np.uint8], matrix: tuple[int, ...] | None) -> npt.NDArray[np.uint8]:
    """An image turned and mirrored as a display matrix says, in quarter turns.

    Args:
        image: (height, width, 3).
        matrix: nine numbers of FFmpeg's AV_FRAME_DATA_DISPLAYMATRIX; None: as it is.
    """
    if matrix is None:
        return image
    across, along = matrix[0], matrix[1]
    up, down = matrix[3], matrix[4]
    if abs(across) >= abs(along):  # x' = a x, y' = d y
        turned = image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    else:  # x' = c y, y' = b x
        turned = image.transpose(1, 0, 2)[:: -1 if along < 0 else 1, :: -1 if up < 0 else 1]
    return np.ascontiguousarray(turned)


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The display matrix of a frame; None where it has none."""
    from av.sidedata.sidedata import Type

    found = frame.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
    if found is None:
        return None
    return tuple(np.frombuffer(bytes(found), dtype="<i4", count=9).tolist())


def probe(source: Source) -> Probe:
    """What a video is: reads all packets and decodes one frame.

    Raises:
        BadRecord: as `opened_video`; NO_FRAMES or UNDECODABLE where no frame can be decoded.
    """
    with opened_video(source) as (container, video):
        has_audio = bool(container.streams.audio)
        times = timeline(container, video)
        name = _format(container)
    width, height = _size(source)
    return Probe(name, width, height, times.seconds, times.fps, len(times.order), has_audio, times.problem)


def _size(source: Source) -> tuple[int, int]:
    """Width and height of the first frame that can be decoded."""
    import av

    with opened_video(source) as (container, video):
        detail = "no frame came out"
        try:
            for packet in container.demux(video):
                try:
                    frames = packet.decode()
                except (av.FFmpegError, ValueError) as error:
                    detail = str(error)
                    continue
                if frames:
                    matrix = display_matrix(frames[0])
                    size = frames[0].width, frames[0].height
                    return size if matrix is None or abs(matrix[0]) >= abs(matrix[1]) else size[::-1]
        except av.FFmpegError as error:
            detail = str(error)
    raise BadRecord(DeepfakeReason.UNDECODABLE, f"none of its frames can be decoded: {detail}")


def number_of(order: npt.NDArray[np.int64], pts: int) -> int:
    """The number of the frame shown at `pts`, from 0."""
    return max(0, int(np.searchsorted(order, pts, side="right")) - 1)


def nearest(order: npt.NDArray[np.int64], wanted: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Numbers of the frames nearest to moments (in units of pts), rising, each once; the earlier on a tie."""
    after = np.clip(np.searchsorted(order, wanted), 1, max(1, len(order) - 1))
    if len(order) == 1:
        return np.zeros(1, dtype=np.int64)
    before = after - 1
    is_later = (order[after] - wanted) < (wanted - order[before])
    return np.unique(np.where(is_later, after, before))
