"""Following faces through frames, from place, size and time alone.

Every face of a frame is joined to the track whose last sighting it is most like: overlap of the boxes
(intersection over union) plus nearness of their centres, greedily from the best pair on. Between frames
that follow each other closely a track goes on with the speed it had, so that two faces that cross keep
their tracks. Between frames that lie seconds apart, as evenly spread ones do, a face may move further and
change its size more. A cut ends all tracks: a face at the same place after it is somebody else's until
shown otherwise. That makes two tracks of one person who is seen before and after; never one of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from components.deepfake.faces.detector import Face
from components.deepfake.sample import Floats, Pixels

_NEAR_S: Final = 0.5
"""Seconds between sightings up to which a face is taken to move on with the speed it had."""
_LOST_FRAMES: Final = 5
_LOST_S: Final = 1.0
"""A track that is missing from more than so many frames and for longer than so many seconds has ended."""
_SMEAR: Final = 0.5
"""Weight of the last step in the running mean of a track's speed."""
_CUT: Final = 0.5
"""Share of two pictures' colours in common below which there is a cut between them.

Of 24 clips of talking people no neighbours among 16 evenly spread frames had less than 0.60 in common, and
none among consecutive frames less than 0.85; of 276 pairs of different clips 271 had less than 0.5."""
_LEVELS: Final = 6
_CUT_SIDE: Final = 64


@dataclass(frozen=True, slots=True)
class Sighting:
    """A face of a track: number of the frame in the sequence given, and number of the face in it."""

    frame: int
    face: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame: its time, its faces, and its colours (`colours`); None: no cut is looked for."""

    seconds: float
    faces: Sequence[Face]
    colours: Floats | None = None


@dataclass(slots=True)
class _Open:
    """A track that may go on."""

    sightings: list[Sighting]
    box: Floats
    seconds: float
    speed: Floats = field(default_factory=lambda: np.zeros(2, np.float32))
    missed: int = 0


def colours(image: Pixels) -> Floats:
    """How a picture's pixels are spread over 6 x 6 x 6 colours, in each quarter of it; sums to 1."""
    import cv2

    side = (_CUT_SIDE, _CUT_SIDE)
    small = np.asarray(cv2.resize(image, side, interpolation=cv2.INTER_AREA), np.int64)
    bins = small * _LEVELS // 256
    place = np.arange(_CUT_SIDE) * 2 // _CUT_SIDE
    quarter = place[:, None] * 2 + place[None, :]
    flat = ((quarter * _LEVELS + bins[..., 0]) * _LEVELS + bins[..., 1]) * _LEVELS + bins[..., 2]
    counts = np.bincount(flat.ravel(), minlength=4 * _LEVELS**3)
    return (counts / flat.size).astype(np.float32)


def is_cut(before: Floats, after: Floats) -> bool:
    """Whether two pictures have less than half of their colours in common (histogram intersection)."""
    return float(np.minimum(before, after).sum()) < _CUT


def follow(frames: Sequence[Seen]) -> list[list[Sighting]]:
    """The tracks of a sequence of frames, the most prominent first (by the sum of its faces' areas).

    Every face of every frame is in exactly one track; a track is in order of time.

    Args:
        frames: in order of time.
    """
    open_tracks: list[_Open] = []
    ended: list[_Open] = []
    for number, frame in enumerate(frames):
        before = frames[number - 1].colours if number else None
        if before is not None and frame.colours is not None and is_cut(before, frame.colours):
            ended += open_tracks
            open_tracks = []
        joined = _match(open_tracks, frame)
        for index, track in enumerate(open_tracks):
            if index not in joined.values():
                track.missed += 1
        for face_number, face in enumerate(frame.faces):
            box = np.array(face.box, np.float32)
            sighting = Sighting(number, face_number)
            if face_number in joined:
                _go_on(open_tracks[joined[face_number]], sighting, box, frame.seconds)
            else:
                open_tracks.append(_Open([sighting], box, frame.seconds))
        lost = [t for t in open_tracks if t.missed > _LOST_FRAMES and frame.seconds - t.seconds > _LOST_S]
        ended += lost
        open_tracks = [track for track in open_tracks if track not in lost]
    tracks = [track.sightings for track in ended + open_tracks]

    def order(track: list[Sighting]) -> tuple[float, int, int]:
        area = sum(frames[sighting.frame].faces[sighting.face].area for sighting in track)
        return -area, track[0].frame, track[0].face

    return sorted(tracks, key=order)


def _match(tracks: Sequence[_Open], frame: Seen) -> dict[int, int]:
    """Number of a face to the number of the track it goes on with."""
    pairs = [
        (-likeness, track_number, face_number)
        for track_number, track in enumerate(tracks)
        for face_number, face in enumerate(frame.faces)
        if (likeness := _likeness(track, np.array(face.box, np.float32), frame.seconds)) > 0
    ]
    joined: dict[int, int] = {}
    for _, track_number, face_number in sorted(pairs):
        if face_number not in joined and track_number not in joined.values():
            joined[face_number] = track_number
    return joined


def _likeness(track: _Open, box: Floats, seconds: float) -> float:
    """How well a box goes on with a track; 0: it does not."""
    gap = max(0.0, seconds - track.seconds)
    expected = track.box
    if gap <= _NEAR_S:
        expected = track.box + np.tile(track.speed, 2) * gap
    size, other = _size(expected), _size(box)
    growth = max(size, other) / max(1e-6, min(size, other))
    reach = min(2.0, 0.5 + 1.5 * gap)  # in widths of the face
    if growth > min(2.5, 1.5 + gap):
        return 0.0
    away = float(np.hypot(*(_middle(box) - _middle(expected)))) / max(size, other)
    overlap = _overlap(expected, box)
    if away > reach and overlap < 0.1:
        return 0.0
    # the growth settles which of two faces at one place it is
    return 1e-6 + overlap + max(0.0, 1 - away / reach) / growth


def _go_on(track: _Open, sighting: Sighting, box: Floats, seconds: float) -> None:
    gap = seconds - track.seconds
    if 0 < gap <= _NEAR_S:
        step = (_middle(box) - _middle(track.box)) / np.float32(gap)
        track.speed = (_SMEAR * step + (1 - _SMEAR) * track.speed).astype(np.float32)
    elif gap > _NEAR_S:
        track.speed = np.zeros(2, np.float32)
    track.sightings.append(sighting)
    track.box, track.seconds, track.missed = box, seconds, 0


def _middle(box: Floats) -> Floats:
    return np.asarray((box[:2] + box[2:]) / 2, np.float32)


def _size(box: Floats) -> float:
    return float(np.sqrt(max(1e-6, float(box[2] - box[0]) * float(box[3] - box[1]))))


def _overlap(one: Floats, other: Floats) -> float:
    """Intersection over union."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.maximum(0, high - low)))
    return common / (_size(one) ** 2 + _size(other) ** 2 - common)
