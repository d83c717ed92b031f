"""The outline of a face on a crop, and the regions of it that a forgery replaces.

Face X-ray (arXiv 1912.13458) and self-blended images (arXiv 2204.08376) take the convex hull of 68 or 81
landmarks. Models that find so many were trained on pictures that are free for research only (300-W for 68,
a set without a licence for 81), so the outline comes from the five points that every crop has: an affine
camera is fitted to a mean face in three dimensions and shows where its outline lies. A jaw that is hidden
by a turned head falls inside the hull. How well it fits is that of a mean face: a beard, a narrow chin or
an open mouth is not seen.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Crop

Mask = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Region = Literal["face", "face_and_forehead", "lower_face", "mouth", "eyes_and_nose"]
REGIONS: Final[tuple[Region, ...]] = get_args(Region)

MEAN_LANDMARKS: Final = np.array(
    [(-0.5, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.6, 0.45), (-0.4, 1.14, 0.0), (0.4, 1.14, 0.0)]
)
"""The five points of a mean face: x to the right of the picture, y down, z towards the viewer, in distances
between the pupils (63 mm in adults), from the point between the eyes. Rounded from adult anthropometry:
mouth 50 mm wide and 72 mm below the eyes, tip of the nose 28 mm before that plane."""

_SIDE: Final = {
    "temple": (1.04, -0.10, -0.85),
    "cheekbone": (1.08, 0.35, -0.70),
    "ear": (1.05, 0.75, -0.75),
    "jaw": (0.90, 1.20, -0.55),
    "jaw_front": (0.62, 1.62, -0.30),
    "chin": (0.26, 1.86, -0.10),
    "brow_end": (0.92, -0.28, -0.30),
    "brow": (0.52, -0.45, 0.05),
    "forehead": (0.86, -0.75, -0.35),
    "hair_line": (0.45, -1.08, -0.20),
    "eye_end": (0.78, 0.05, -0.12),
    "cheek": (0.72, 0.62, -0.10),
    "nostril": (0.30, 0.66, 0.20),
    "lip": (0.16, 1.00, 0.15),
    "mouth_end": (0.56, 1.14, -0.05),
    "under_mouth": (0.36, 1.46, 0.05),
}
"""Points of the right half of the mean face, in the unit of MEAN_LANDMARKS. From the same adult means
(breadth over the cheek bones 137 mm, over the jaw angles 105-115 mm, eyes to chin 118 mm, eyes to hair line
65-70 mm); the depths are rounded and were checked by drawing them on turned heads."""

_OUTLINES: Final[dict[Region, tuple[str, ...]]] = {
    "face": ("temple", "cheekbone", "ear", "jaw", "jaw_front", "chin", "brow_end", "brow"),
    "face_and_forehead": (
        "temple", "cheekbone", "ear", "jaw", "jaw_front", "chin", "forehead", "hair_line",
    ),
    "lower_face": ("cheek", "ear", "jaw", "jaw_front", "chin", "nostril"),
    "mouth": ("lip", "mouth_end", "under_mouth", "nostril"),
    "eyes_and_nose": ("brow", "brow_end", "eye_end", "nostril"),
}  # fmt: skip
_WITHIN: Final[dict[Region, tuple[int, ...]]] = {
    "face": (0, 1, 2, 3, 4),
    "face_and_forehead": (0, 1, 2, 3, 4),
    "lower_face": (2, 3, 4),
    "mouth": (3, 4),
    "eyes_and_nose": (0, 1, 2),
}
"""Landmarks that the hull of a region holds in any case: a nose seen from the side sticks out."""

_SHIFT: Final = 4
"""Binary digits after the point of a corner that OpenCV draws."""
_STEADY: Final = 0.35
"""How much depth is held back from the fit: only the nose says how a head is turned, and noses differ."""


def outline(landmarks: npt.ArrayLike, region: Region = "face") -> Points:
    """Corners of a region of a face, (n, 2) in pixels, convex, in order around it.

    Args:
        landmarks: (5, 2): two eyes, tip of the nose, two corners of the mouth, as in `Crop`.
    """
    points = np.asarray(landmarks, np.float64)
    seen = np.concatenate([project(points, mean_points(region)), points[list(_WITHIN[region])]])
    hull: Points = cv2.convexHull(seen.astype(np.float32))[:, 0].astype(np.float64)
    return hull


def mean_points(region: Region) -> Points:
    """Points of a region of the mean face, (n, 3), in the unit of MEAN_LANDMARKS: right, left, right ..."""
    sides = (_SIDE[name] for name in _OUTLINES[region])
    return np.array([(side * x, y, z) for x, y, z in sides for side in (1, -1)])


def project(landmarks: npt.NDArray[np.float64], mean: npt.NDArray[np.float64]) -> Points:
    """Where points of the mean face, (n, 3), lie on a crop with these landmarks: (n, 2) in pixels."""
    plane = np.column_stack([MEAN_LANDMARKS[[0, 1, 3, 4], :2], np.ones(4)])
    camera = np.linalg.lstsq(plane, landmarks[[0, 1, 3, 4]], rcond=None)[0]  # (3, 2): x, y, 1
    nose_x, nose_y, nose_z = MEAN_LANDMARKS[2]
    depth = (landmarks[2] - np.array([nose_x, nose_y, 1.0]) @ camera) / nose_z * (1 - _STEADY)
    located: Points = np.column_stack([mean[:, :2], np.ones(len(mean))]) @ camera + mean[:, 2:] * depth
    return located


def region_mask(crop: Crop, region: Region = "face") -> Mask:
    """A region of the face on a crop: (height, width), 1 inside, 0 outside, one smooth pixel between.

    Raises:
        ValueError: for a patch, which has no landmarks.
    """
    if crop.landmarks is None:
        raise ValueError("a patch has no landmarks: there is no face to outline")
    height, width = crop.image.shape[:2]
    return fill(outline(crop.landmarks, region), height, width)


def fill(corners: Points, height: int, width: int) -> Mask:
    """A convex polygon (n, 2) as a mask (height, width), 0 to 1; what lies outside is cut off."""
    drawn = np.zeros((height, width), np.uint8)
    scaled = np.round(corners * (1 << _SHIFT)).astype(np.int32)
    cv2.fillConvexPoly(drawn, scaled, 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    return (drawn / np.float32(255)).astype(np.float32)
