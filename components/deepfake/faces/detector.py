"""Finding faces: YuNet (Wu, Peng and Yu 2023) through OpenCV, at a working size.

The network is run at `detect_side` pixels of the longer side; a smaller picture as it is, for enlarging
one adds nothing it could find at the least width asked for. Where it finds nothing, the picture is
looked at twice as large (small faces in large pictures) and then half as large (a face that fills the
picture: the largest anchors see about 400 pixels).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.deepfake.faces_params import ExamineParams
from components.deepfake.sample import Floats, Pixels

MODEL: Final = Path(__file__).parent / "yunet_n_640_640.onnx"
_OVERLAP: Final = 0.3
"""Intersection over union above which two boxes are one face (YuNet's own)."""
_MOST: Final = 5000
"""Candidates kept before overlapping ones are merged (YuNet's own)."""
_LEAST_SIDE: Final = 8
"""Pixels below which a picture is not given to the network at all."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face of one frame.

    Attributes:
        box: x0, y0, x1, y1 in pixels of the frame; it may reach beyond it.
        landmarks: (5, 2), pixels of the frame: the eye on the left of the picture, the other one, tip of
            the nose, the corner of the mouth on the left, the other one.
        confidence: 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: Floats
    confidence: float

    @property
    def width(self) -> float:
        """Of the box, in pixels of the frame."""
        return self.box[2] - self.box[0]

    @property
    def area(self) -> float:
        """Of the box, in square pixels of the frame."""
        return self.width * (self.box[3] - self.box[1])


@dataclass(frozen=True, slots=True)
class Found:
    """The faces of one frame.

    Attributes:
        faces: those to look at, the largest first.
        small: how many more are narrower than `min_face`.
        surplus: how many more `max_faces` left out.
    """

    faces: tuple[Face, ...] = ()
    small: int = 0
    surplus: int = 0


def find_faces(image: Pixels, params: ExamineParams, min_face: float | None = None) -> Found:
    """The faces of a picture. The same pixels give the same faces.

    Args:
        image: RGB, (height, width, 3).
        min_face: least width in pixels of this picture, where it is a frame that was shrunk; else that of
            `params`.
    """
    least = params.min_face if min_face is None else min_face
    faces: list[Face] = []
    for side in _sides(image, params.detect_side):
        faces = _detect(image, side, params.min_confidence)
        if faces:
            break
    wide = [face for face in faces if face.width >= least]
    wide.sort(key=lambda face: (-face.area, face.box))
    kept = tuple(wide[: params.max_faces])
    return Found(kept, small=len(faces) - len(wide), surplus=len(wide) - len(kept))


def _sides(image: Pixels, side: int) -> Iterator[int]:
    """Longer sides at which a picture is looked at until something is found."""
    longest = max(image.shape[:2])
    if min(image.shape[:2]) < _LEAST_SIDE:
        return
    yield min(longest, side)
    if longest > 1.4 * side:
        yield min(longest, 2 * side)
    if longest > side // 2:
        yield side // 2


def _detect(image: Pixels, side: int, min_confidence: float) -> list[Face]:
    import cv2

    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(_LEAST_SIDE, round(width * scale)), max(_LEAST_SIDE, round(height * scale)))
    # the network takes blue, green, red
    small = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if size != (width, height):
        small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
    detector = _yunet()
    detector.setInputSize(size)
    detector.setScoreThreshold(min_confidence)
    _, rows = detector.detect(small)
    if rows is None:
        return []
    stretch = np.array([width / size[0], height / size[1]], np.float32)
    return [_face(row, stretch) for row in np.asarray(rows, np.float32) if np.isfinite(row).all()]


def _face(row: Floats, stretch: Floats) -> Face:
    """From a row of YuNet: x, y, width, height, five points, confidence."""
    corner, size = row[:2] * stretch, row[2:4] * stretch
    x0, y0, x1, y1 = (float(value) for value in (*corner, *(corner + size)))
    landmarks = np.ascontiguousarray(row[4:14].reshape(5, 2) * stretch, np.float32)
    return Face((x0, y0, x1, y1), landmarks, float(row[14]))


@functools.cache
def _yunet() -> Any:
    """The network, read once a process."""
    import cv2

    # OpenCV 5 warns of a setting that FaceDetectorYN itself makes
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        return cv2.FaceDetectorYN.create(str(MODEL), "", (320, 320), 0.8, _OVERLAP, _MOST)
    finally:
        cv2.utils.logging.setLogLevel(before)
