"""From scores of single faces to one of a sample, the same way for every detector of frames.

A track's score is the mean of its frames' log-odds; a sample's is the maximum over its tracks, so that
one swapped face among many is found. Patches count as one track (number -1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import Field

from components.deepfake.detectors.base import Abstained, Detector, DetectorParams, Finding, FrameScore
from components.deepfake.sample import Crop, Sample

DIGITS: Final = 4
"""Decimal places of log-odds: what batches and processors change lies below."""

Faces = list[tuple[int, Crop]]
"""Crops with the numbers of their tracks; -1 for a patch."""


class FaceParams(DetectorParams):
    """Which faces a detector judges."""

    least_face: float = Field(
        default=48.0,
        ge=16,
        le=1000,
        description="Pixels: a face narrower than this in its frame was enlarged too far to be judged.",
    )


def usable_faces(sample: Sample, least: float) -> Faces | Abstained:
    """Faces wide enough to be judged, by track and time, or why there are none."""
    faces = [(track.number, crop) for track in sample.faces for crop in track.crops]
    if not faces:
        return Abstained.NO_FACE
    wide = [(number, crop) for number, crop in faces if crop.face_pixels >= least]
    return wide or Abstained.FACE_TOO_SMALL


def sample_score(frames: Sequence[FrameScore]) -> float:
    """Maximum over tracks of the mean of their frames; at least one frame is needed."""
    tracks: dict[int, list[float]] = {}
    for frame in frames:
        tracks.setdefault(frame.track, []).append(frame.score)
    return round(max(sum(scores) / len(scores) for scores in tracks.values()), DIGITS)


def finding(detector: Detector, faces: Faces, log_odds: Sequence[float]) -> Finding:
    """The finding of scores of single crops, without evidence."""
    frames = tuple(
        FrameScore(crop.seconds, number, round(float(score), DIGITS))
        for (number, crop), score in zip(faces, log_odds, strict=True)
    )
    return Finding(detector.name, sample_score(frames), None, frames)


def strongest(faces: Faces, judged: Finding) -> tuple[int, Crop]:
    """The crop with the highest score, the first of equals: what evidence is made of."""
    best = max(range(len(faces)), key=lambda row: judged.frames[row].score)
    return faces[best]
