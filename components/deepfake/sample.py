"""What a detector gets to see of one image or video, decoded once.

`components.deepfake.examine` makes it from a file, `components.deepfake.sample_rows` from the rows of
samples/1 and crops/1 and back. Pixels are RGB, 8 bits, (height, width, 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

FACE_SIDE: Final = 256
"""Pixels of an aligned face of an evenly sampled frame."""
DENSE_SIDE: Final = 128
"""Pixels of an aligned face of a run of consecutive frames."""
PATCH_SIDE: Final = 256
"""Pixels of a patch: cut from a frame as it is, never resampled."""

ProvenanceVerdict = Literal["synthetic", "edited", "captured", "none"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file says of its own origin (column `provenance` of media/1)."""

    verdict: ProvenanceVerdict = "none"
    standard: str | None = None
    trusted: bool | None = None
    tool: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Crop:
    """A face of one frame, aligned, or a patch of one frame.

    Attributes:
        frame: its number in the file, from 0.
        seconds: its time.
        image: pixels.
        box: x0, y0, x1, y1 of the face (without margin) or the patch, in pixels of the frame.
        landmarks: (5, 2): the eye on the left of the picture, the other one, tip of the nose, the corner
            of the mouth on the left, the other one; in pixels of `image`. None for a patch.
        confidence: of the face detector, 0 to 1.
        face_pixels: width of the face in the frame; 0 for a patch.
        mask: (height, width), 255 where forged; None where it is real or nobody knows.
    """

    frame: int
    seconds: float
    image: Pixels
    box: tuple[float, float, float, float]
    landmarks: Floats | None = None
    confidence: float = 1.0
    face_pixels: float = 0.0
    mask: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One face followed through frames, in order of time."""

    number: int
    crops: tuple[Crop, ...]


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono sound of the dense stretch: `samples` from -1 to 1 at `rate` a second, from `start` seconds on."""

    samples: Floats
    rate: int
    start: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was to be looked at could be; `problem` is a reason where it is less."""

    planned: int = 0
    decoded: int = 0
    with_face: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """One image or video.

    Attributes:
        id: SHA-256 (hex) of the file.
        kind: image or video.
        width, height: pixels as displayed.
        seconds, fps: duration and mean rate; 0 for an image.
        provenance: what the file says of itself.
        faces: tracks over evenly spread frames, aligned, FACE_SIDE.
        dense: tracks over one run of consecutive frames, aligned, DENSE_SIDE; empty for an image.
        patches: squares of evenly spread frames at their own resolution, PATCH_SIDE or smaller.
        audio: sound of the dense stretch; None where there is none.
        coverage: what could be seen.
    """

    id: str
    kind: Literal["image", "video"]
    width: int
    height: int
    seconds: float = 0.0
    fps: float = 0.0
    provenance: Provenance = field(default_factory=Provenance)
    faces: tuple[Track, ...] = ()
    dense: tuple[Track, ...] = ()
    patches: tuple[Crop, ...] = ()
    audio: Audio | None = None
    coverage: Coverage = field(default_factory=Coverage)
