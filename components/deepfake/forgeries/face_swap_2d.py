"""Face swap without a model: another person's face is warped onto the landmarks and cloned seamlessly.

The steps of the graphics-based swaps before neural ones (FaceSwap in FaceForensics++, arXiv 1901.08971,
section 3; the blended images of Face X-ray, arXiv 1912.13458, section 3.2): a face of near pose, a piecewise
affine warp, the colours' mean and deviation in Lab (Reinhard et al. 2001), Poisson blending (Perez et al.
2003). One source face a track, so that it stays one person.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.detectors.base import Need
from components.deepfake.forgeries import register
from components.deepfake.forgeries.base import Forgery, as_pixels, composite, forge_faces, has_outline
from components.deepfake.forgeries.face_hull import (
    MEAN_LANDMARKS,
    fill,
    mean_points,
    outline,
    project,
)
from components.deepfake.sample import Crop, Floats, Pixels, Sample

_POOL: Final = 8
"""Other samples whose poses are compared; the nearest face among them is taken."""
_WITHIN: Final = 0.93
"""Size of the hull that is cloned: at its full one it would take in hair beside the temples."""
_FADE: Final = 0.06
"""Sides of the crop over which the change of colour sets in from the edge inwards."""
_LEAST: Final = 8
"""Pixels along the shorter side of a hull, below which there is no inside to solve for."""
_BORDER: Final = 4
"""Pixels that the pictures are framed with while they are cloned: a mask must not touch their edge."""


@dataclass(frozen=True, slots=True)
class Donor:
    """Whose face is put in: its crops, of which each target takes the nearest in pose."""

    crops: tuple[Crop, ...]


@register
class FaceSwap2D(Forgery):
    """Every face of a sample replaced by that of another person, the same one a track."""

    name: ClassVar[str] = "face_swap_2d"
    family: ClassVar[str] = "face_swap_2d"
    paper: ClassVar[str] = "Roessler et al., FaceForensics++, ICCV 2019, section 3 (FaceSwap)"
    alters: ClassVar[tuple[Need, ...]] = ("faces", "dense")

    def forge(self, sample: Sample, others: Sequence[Sample], rng: np.random.Generator) -> Sample | None:
        order = rng.permutation(len(others))
        pool = (others[int(number)] for number in order)
        tracks = []
        for other in pool:
            found = [
                Donor(crops) for track in other.faces if (crops := tuple(filter(has_outline, track.crops)))
            ]
            tracks += found[:1]
            if len(tracks) == _POOL:
                break

        def draw(number: int) -> Donor | None:
            if not tracks:
                return None
            crops = [
                crop
                for track in (*sample.faces, *sample.dense)
                if track.number == number
                for crop in track.crops
                if has_outline(crop)
            ]
            middle = np.median([pose(crop) for crop in crops], axis=0)
            return min(tracks, key=lambda donor: min(_far(pose(crop), middle) for crop in donor.crops))

        def forge(crop: Crop, donor: Donor) -> tuple[Pixels, Pixels]:
            mine = pose(crop)
            return swap(crop, min(donor.crops, key=lambda other: _far(pose(other), mine)))

        return forge_faces(sample, draw, forge)


def swap(target: Crop, source: Crop) -> tuple[Pixels, Pixels]:
    """Put the face of one crop onto another.

    Returns:
        Forged picture and mask (0 to 255), both of the target's size; a mask of zeros where so little of the
        face lies on the crop that nothing could be put there.

    Raises:
        ValueError: where one of the two is a patch.
    """
    if target.landmarks is None or source.landmarks is None:
        raise ValueError("a patch has no landmarks: there is no face to swap")
    height, width = target.image.shape[:2]
    warped = _warp(source, target)
    corners = outline(target.landmarks)
    middle = corners.mean(0)
    hull = fill((corners - middle) * _WITHIN + middle, height, width)
    inside = hull > 0.5
    if min(cv2.boundingRect(inside.astype(np.uint8))[2:]) < _LEAST:
        return target.image, np.zeros_like(target.image[..., 0])
    cloned = _clone(warped, target.image, inside)
    # Poisson blending fits the edge only: where hair crosses it, the skin inside comes out too light
    coloured = transfer_colour(cloned, target.image, inside)
    apart = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(apart / (_FADE * max(height, width)), 0, 1).astype(np.float32)
    one, other = ((picture / np.float32(255)).astype(np.float32) for picture in (coloured, cloned))
    return composite(one, other, share), as_pixels(inside.astype(np.float32))


def pose(crop: Crop) -> Floats:
    """How a face is turned, as its five landmarks without place and size: (10,)."""
    assert crop.landmarks is not None
    points = np.asarray(crop.landmarks, np.float32)
    points = points - points.mean(0)
    size = float(np.sqrt((points**2).sum()))
    turned: Floats = (points / max(size, 1e-6)).ravel()
    return turned


def transfer_colour(image: Pixels, like: Pixels, inside: npt.NDArray[np.bool_]) -> Pixels:
    """Give a picture the mean and deviation of another one, channel by channel in Lab (Reinhard 2001).

    Args:
        inside: (height, width): where both are measured, and where the colours of `image` change.
    """
    tones = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    wanted = cv2.cvtColor(like.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[inside]
    mine = tones[inside]
    gain = wanted.std(0) / np.maximum(mine.std(0), 1e-3)
    tones[inside] = (mine - mine.mean(0)) * np.clip(gain, 0.5, 2.0) + wanted.mean(0)
    return as_pixels(np.clip(cv2.cvtColor(tones, cv2.COLOR_LAB2RGB), 0, 1).astype(np.float32))


def _far(one: Floats, other: Floats) -> float:
    return float(((one - other) ** 2).sum())


def _clone(image: Pixels, target: Pixels, inside: npt.NDArray[np.bool_]) -> Pixels:
    """Poisson blending of what is inside."""
    frame = (_BORDER,) * 4
    height, width = inside.shape
    wide = cv2.copyMakeBorder(image, *frame, cv2.BORDER_REPLICATE)
    below = cv2.copyMakeBorder(target, *frame, cv2.BORDER_REPLICATE)
    mask = cv2.copyMakeBorder(inside.astype(np.uint8) * 255, *frame, cv2.BORDER_CONSTANT, value=0)
    left, top, across, down = cv2.boundingRect(mask)
    cloned = cv2.seamlessClone(wide, below, mask, (left + across // 2, top + down // 2), cv2.NORMAL_CLONE)
    within = cloned[_BORDER : _BORDER + height, _BORDER : _BORDER + width]
    result: Pixels = np.where(inside[..., None], within, target)  # it smooths one pixel beyond the mask
    return result


def _warp(source: Crop, target: Crop) -> Pixels:
    """The source's picture bent so that its landmarks and outline come to lie on the target's."""
    height, width = target.image.shape[:2]
    there, here = _mesh(source), _mesh(target)
    # beyond the mesh, an affine map that fits all its points
    whole = np.linalg.lstsq(np.column_stack([here, np.ones(len(here))]), there, rcond=None)[0]
    down, across = np.mgrid[:height, :width].astype(np.float32)
    plain = np.stack([across, down, np.ones_like(down)], -1)
    at = plain @ whole.astype(np.float32)
    for corners in _triangles():
        new, old = here[list(corners)], there[list(corners)]
        if not _has_area(new):
            continue
        drawn = np.zeros((height, width), np.uint8)
        cv2.fillConvexPoly(drawn, np.rint(new).astype(np.int32), 1)
        move = cv2.getAffineTransform(new.astype(np.float32), old.astype(np.float32))
        within = drawn.astype(bool)
        at[within] = plain[within] @ move.T.astype(np.float32)
    warped = cv2.remap(
        source.image,
        at[..., 0].astype(np.float32),
        at[..., 1].astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, np.uint8)


def _mesh(crop: Crop) -> npt.NDArray[np.float64]:
    """Points of the warp on a crop: five landmarks, then the outline."""
    points = np.asarray(crop.landmarks, np.float64)
    return np.concatenate([points, project(points, mean_points("face"))])


@functools.cache
def _triangles() -> tuple[tuple[int, int, int], ...]:
    """Delaunay's triangulation of the mean face, seen from the front: numbers of points of `_mesh`."""
    flat = np.concatenate([MEAN_LANDMARKS, mean_points("face")])[:, :2].astype(np.float32)
    plane = cv2.Subdiv2D((-4, -4, 8, 8))
    for x, y in flat:
        plane.insert((float(x), float(y)))
    found = []
    for corners in np.asarray(plane.getTriangleList()).reshape(-1, 3, 2):
        numbers = [int(np.abs(flat - corner).sum(1).argmin()) for corner in corners]
        if np.abs(flat[numbers] - corners).max() < 1e-3:
            found.append((numbers[0], numbers[1], numbers[2]))
    return tuple(sorted(found))


def _has_area(corners: npt.NDArray[np.float64]) -> bool:
    """Whether a triangle has an area, of more than half a pixel: a turned head leaves some none."""
    one, other = corners[1] - corners[0], corners[2] - corners[0]
    return bool(abs(one[0] * other[1] - one[1] * other[0]) > 1.0)
