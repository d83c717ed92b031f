"""What moves and changes in a face over consecutive frames, as series: mouth, eyes, skin, landmarks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.face_regions import face_mask
from components.deepfake.optical_flow import MEDIUM, Flow, Grey
from components.deepfake.sample import Crop, Floats, Track
from components.deepfake.time_series import Series

GAP: Final = 0.25
"""Seconds without the face after which a track is two: less is bridged by interpolation."""

_MOUTH: Final = (1.3, 1.2)
"""Width and height of the window of the mouth, in distances of its corners."""
_MOUTH_SCALE: Final = 2
"""A mouth is about 20 pixels wide in a dense crop; flow by patches of 8 pixels needs it larger."""
_EYE: Final = (0.5, 0.36)
"""Width and height of the window of an eye, in distances between the eyes: lids (about 30 mm by 11 mm, at
63 mm between the pupils) and the lashes, without the brows."""
_EYE_SCALE: Final = 2
_APART: Final = 0.4
_STILL: Final = 0.04
"""See `is_still`."""
_SKIN: Final = {
    "left cheek": (-0.38, 0.55, 0.30, 0.28),
    "right cheek": (0.38, 0.55, 0.30, 0.28),
    "forehead": (0.0, -0.50, 0.70, 0.28),
}
"""Centre and size (x, y, width, height) of patches of skin from the middle between the eyes, in distances
between the eyes, y down the face. After the regions of interest of de Haan and Jeanne 2013, section IV."""
SKIN: Final = tuple(_SKIN)


def longest_run(track: Track) -> tuple[Crop, ...]:
    """The longest stretch of a track in which the face is never gone for more than GAP seconds."""
    runs: list[list[Crop]] = [[]]
    for crop in track.crops:
        if crop.landmarks is None:
            continue
        if runs[-1] and crop.seconds - runs[-1][-1].seconds > GAP:
            runs.append([])
        if not runs[-1] or crop.seconds > runs[-1][-1].seconds:
            runs[-1].append(crop)
    return max((tuple(run) for run in runs), key=duration)


def duration(crops: tuple[Crop, ...]) -> float:
    """Seconds from the first to the last crop; -1 without any."""
    return crops[-1].seconds - crops[0].seconds if crops else -1.0


def frame_rate(crops: tuple[Crop, ...]) -> float:
    """Frames a second of a run: one by the median step; 0 for a single crop."""
    if len(crops) < 2:
        return 0.0
    return float(1 / np.median(np.diff([crop.seconds for crop in crops])))


def seconds(crops: tuple[Crop, ...]) -> Series:
    """(n,) times."""
    return np.array([crop.seconds for crop in crops], np.float64)


def landmarks(crops: tuple[Crop, ...]) -> Series:
    """(n, 5, 2) landmarks in pixels of the crops."""
    return np.stack([_points(crop) for crop in crops]).astype(np.float64)


def eye_distance(crops: tuple[Crop, ...]) -> float:
    """Median distance between the eyes in pixels of the crops."""
    points = landmarks(crops)
    return float(np.median(np.linalg.norm(points[:, 1] - points[:, 0], axis=1)))


def mouth_series(crops: tuple[Crop, ...]) -> tuple[Series, Series]:
    """How far and how fast the mouth opens, from the flow of its window.

    Speed: mean downward flow (DIS, Kroeger et al. 2016) of the lower half of the window minus that of
    the upper half, over its middle columns. It is 0 for any shift of the window, so jitter of landmarks
    and nods cancel. Opening: the sum of the speed since the first frame; it drifts, so take the slow part
    off.

    Returns:
        Opening (n,) and speed (n,; 0 for the first), in widths of the mouth.
    """
    points = landmarks(crops)
    width = float(np.median(np.linalg.norm(points[:, 4] - points[:, 3], axis=1)))
    size = (max(8, round(width * _MOUTH[0])), max(8, round(width * _MOUTH[1])))
    scaled = (size[0] * _MOUTH_SCALE, size[1] * _MOUTH_SCALE)
    engine = Flow(MEDIUM)
    speed = np.zeros(len(crops))
    before: Grey | None = None
    for index, crop in enumerate(crops):
        cut = cv2.getRectSubPix(luma(crop), size, _pair(points[index, 3:].mean(0)))
        window = np.asarray(cv2.resize(cut, scaled, interpolation=cv2.INTER_LINEAR), np.uint8)
        if before is not None:
            down = engine.between(before, window)[:, scaled[0] // 4 : -(scaled[0] // 4), 1]
            half = scaled[1] // 2
            speed[index] = float(down[half:].mean() - down[:half].mean()) / (width * _MOUTH_SCALE)
        before = window
    return np.cumsum(speed), speed


def eye_openness(crops: tuple[Crop, ...]) -> Series:
    """How much upright structure each eye shows: the sides of iris and white, gone when the lid closes.

    The mean absolute horizontal difference over a window around the eye, by the window's median: closed
    lids leave a dark line of lashes, which is dark as an iris but lies flat. No lid is located, so compare
    it with itself over time only; turning the head and motion blur lower it as well.

    Returns:
        (n, 2): the eye on the left of the picture, the other one; no unit.
    """
    points = landmarks(crops)
    distance = eye_distance(crops)
    size = (max(4, round(distance * _EYE[0])), max(4, round(distance * _EYE[1])))
    scaled = (size[0] * _EYE_SCALE, size[1] * _EYE_SCALE)
    found = np.zeros((len(crops), 2))
    for index, crop in enumerate(crops):
        grey = luma(crop)
        for eye in range(2):
            cut = cv2.getRectSubPix(grey, size, _pair(points[index, eye]))
            large = cv2.resize(cut, scaled, interpolation=cv2.INTER_CUBIC)
            window = cv2.GaussianBlur(large.astype(np.float32), (0, 0), 1.0)
            across = np.abs(np.diff(window, axis=1)).mean(dtype=np.float64)
            found[index, eye] = across / (float(np.median(window)) + 1)
    return found


def skin_colours(crops: tuple[Crop, ...]) -> Series:
    """Mean colour of the patches of SKIN.

    Returns:
        (n, 3 patches, 3 colours R, G, B), 0 to 255.
    """
    found = np.zeros((len(crops), len(_SKIN), 3))
    for index, crop in enumerate(crops):
        points = _points(crop).astype(np.float64)
        across = points[1] - points[0]
        down = np.array([-across[1], across[0]])
        scale = float(np.linalg.norm(across))
        for number, (x, y, width, height) in enumerate(_SKIN.values()):
            centre = points[:2].mean(0) + x * across + y * down
            size = (max(3, round(width * scale)), max(3, round(height * scale)))
            found[index, number] = cv2.getRectSubPix(crop.image, size, _pair(centre)).mean((0, 1))
    return found


def pose(crops: tuple[Crop, ...]) -> Series:
    """Proxies of the head's pose from the five landmarks: no angles, but they rise and fall with them.

    Returns:
        (n, 3): yaw (the nose aside from the middle between the eyes), pitch (its height between eyes and
        mouth) and stretch (eyes to mouth), each in distances between the eyes.
    """
    points = landmarks(crops)
    eyes, mouth = points[:, :2].mean(1), points[:, 3:].mean(1)
    distance = np.linalg.norm(points[:, 1] - points[:, 0], axis=1) + 1e-6
    nose = (points[:, 2] - eyes) / distance[:, None]
    return np.stack([nose[:, 0], nose[:, 1], np.linalg.norm(mouth - eyes, axis=1) / distance], axis=1)


def landmark_jitter(crops: tuple[Crop, ...]) -> Series:
    """How much landmarks tremble beyond smooth motion of the head: aligned crops have position, size and
    roll taken off already, and second differences take off steady motion of what is left.

    Returns:
        (n - 2, 5): a landmark's second difference, in distances between the eyes.
    """
    return np.linalg.norm(np.diff(landmarks(crops), 2, axis=0), axis=2) / (eye_distance(crops) + 1e-6)


def is_still(crops: tuple[Crop, ...]) -> bool:
    """Whether a face is a picture in the video, not a living face: nothing in it changes but compression.

    The median over moments 0.4 s apart of the mean difference of the inner face, by its contrast. In 31
    faces of videos it is .11 or more, in 4 stills in videos .017 at most.
    """
    step = max(1, round(_APART * frame_rate(crops)))
    moments = crops[::step]
    if len(moments) < 2:
        return True
    mask = face_mask(crops[0])
    changes = [
        float(np.abs(luma(after)[mask].astype(np.float64) - luma(before)[mask]).mean())
        / (float(luma(before)[mask].std()) + 1)
        for before, after in pairwise(moments)
    ]
    return float(np.median(changes)) < _STILL


def luma(crop: Crop) -> Grey:
    """The crop in grey (BT.601)."""
    return np.asarray(cv2.cvtColor(crop.image, cv2.COLOR_RGB2GRAY), np.uint8)


def pairs(crops: tuple[Crop, ...], longest: float = GAP) -> Iterator[tuple[Crop, Crop]]:
    """Neighbours in time, not further apart than `longest` seconds."""
    for before, after in pairwise(crops):
        if after.seconds - before.seconds <= longest:
            yield before, after


def _points(crop: Crop) -> Floats:
    if crop.landmarks is None:
        raise ValueError(f"the crop of frame {crop.frame} has no landmarks")
    return crop.landmarks


def _pair(point: npt.NDArray[np.float64]) -> tuple[float, float]:
    return float(point[0]), float(point[1])
