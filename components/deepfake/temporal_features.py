"""Features of how a face changes from frame to frame, for the temporal detector and its training."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.face_regions import REGIONS, regions
from components.deepfake.face_signals import eye_distance, landmark_jitter, longest_run, luma, pairs
from components.deepfake.optical_flow import Flow, pulled_back
from components.deepfake.sample import Crop, Floats, Track
from components.deepfake.time_series import Series

LEAST_PAIRS: Final = 8
"""Pairs of consecutive frames below which the features are noise."""
MOST_PAIRS: Final = 75
"""Pairs that are looked at, from the middle of the track: 3 s at 25 frames a second, 4 ms each."""
_TINY: Final = 1e-3
_BLUR: Final = 1.5
"""Standard deviation in pixels that parts low from high frequencies."""

TEMPORAL_NAMES: Final[tuple[str, ...]] = (
    *(f"residual_{region}" for region in REGIONS),
    "residual_inner_to_outer",
    "residual_ring_to_outer",
    *(f"fine_{region}" for region in REGIONS),
    "fine_inner_to_outer",
    "fine_ring_to_outer",
    *(f"flicker_{region}" for region in REGIONS),
    *(f"sharpness_flicker_{region}" for region in REGIONS),
    "flow_inner",
    "flow_outer",
    "flow_change_inner",
    "flow_change_to_flow",
    "jitter_eyes",
    "jitter_nose",
    "jitter_mouth",
    "jitter_peaks",
)
"""Names of `temporal_features`, in order."""


def temporal_features(track: Track) -> Floats | None:
    """Features of a dense track, all natural logarithms, by the steps of its own frame rate.

    Per region of `face_regions` (inner face, the ring around it, the rest):

    - residual: mean absolute difference of a frame and its neighbour warped to it by optical flow (DIS,
      Kroeger et al. 2016), by the region's contrast: what motion does not explain;
    - fine: the same of the high frequencies alone;
    - flicker: deviation of the second difference of the mean luma; sharpness_flicker: of the logarithm of
      the high frequencies' energy;
    - flow: mean length of the flow after the median flow of the crop is taken off; flow_change: mean length
      of the difference of successive flows: motion of bodies is smooth;
    - jitter: medians of `landmark_jitter`; jitter_peaks: its 95th percentile over its median.

    Returns:
        (len(TEMPORAL_NAMES),); None for fewer than LEAST_PAIRS pairs of consecutive frames.
    """
    crops = _middle(longest_run(track))
    steps = list(pairs(crops))
    if len(steps) < LEAST_PAIRS:
        return None
    residuals = np.array(list(residual_series(crops).values()))
    fine, brightness, energy = _fine_and_flicker(crops)
    flow, outer_flow, change = _flow_statistics(crops)
    jitter = landmark_jitter(crops)
    jitters = [jitter[:, :2].mean(1), jitter[:, 2], jitter[:, 3:].mean(1)]
    everything = jitter.mean(1)
    residual = residuals.mean(axis=1)
    values = [
        *residual,
        residual[0] / (residual[2] + _TINY),
        residual[1] / (residual[2] + _TINY),
        *fine,
        fine[0] / (fine[2] + _TINY),
        fine[1] / (fine[2] + _TINY),
        *np.diff(brightness, 2, axis=1).std(axis=1),
        *np.diff(energy, 2, axis=1).std(axis=1),
        flow,
        outer_flow,
        change,
        change / (flow + _TINY),
        *(np.median(one) for one in jitters),
        np.percentile(everything, 95) / (np.median(everything) + _TINY),
    ]
    return np.log(np.asarray(values, np.float64) + _TINY).astype(np.float32)


def residual_series(crops: tuple[Crop, ...]) -> dict[str, Series]:
    """Per region, (n - 1,) of what optical flow leaves of the difference of neighbours, by contrast."""
    found: dict[str, list[float]] = {region: [] for region in REGIONS}
    engine = Flow()
    for before, after in pairs(crops):
        first, second = luma(before), luma(after)
        left = np.abs(pulled_back(second, engine.between(first, second)) - first.astype(np.float32))
        for region, mask in regions(before).items():
            found[region].append(_by_contrast(left, first, mask))
    return {region: np.array(values) for region, values in found.items()}


def _fine_and_flicker(crops: tuple[Crop, ...]) -> tuple[Series, Series, Series]:
    """Differences of high frequencies (3 regions,), mean luma and log energy of high frequencies (3, n)."""
    differences = np.zeros((len(REGIONS), max(0, len(crops) - 1)))
    brightness, energy = np.zeros((2, len(REGIONS), len(crops)))
    masks = list(regions(crops[len(crops) // 2]).values())
    engine = Flow()
    before: npt.NDArray[np.float32] | None = None
    grey_before: npt.NDArray[np.uint8] | None = None
    for at, crop in enumerate(crops):
        grey = luma(crop)
        fine = grey.astype(np.float32) - cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR)
        for number, mask in enumerate(masks):
            brightness[number, at] = grey[mask].mean() if mask.any() else 0.0
            energy[number, at] = np.log(float(np.square(fine[mask]).mean()) + 1) if mask.any() else 0.0
        if before is not None and grey_before is not None:
            left = np.abs(pulled_back(fine, engine.between(grey_before, grey)) - before)
            for number, mask in enumerate(masks):
                differences[number, at - 1] = _by_contrast(left, before, mask)
        before, grey_before = fine, grey
    return differences.mean(axis=1), brightness, energy


def _flow_statistics(crops: tuple[Crop, ...]) -> tuple[float, float, float]:
    """Mean flow of inner face and surroundings and mean change of flow of the inner face, in parts of the
    distance between the eyes."""
    engine = Flow()
    scale = eye_distance(crops) + 1e-6
    inner, outer, changes = [], [], []
    last: Floats | None = None
    for before, after in pairs(crops):
        flow = engine.between(luma(before), luma(after))
        flow = flow - np.median(flow, axis=(0, 1)).astype(np.float32)
        masks = regions(before)
        length = np.linalg.norm(flow, axis=2)
        inner.append(float(length[masks["inner"]].mean()))
        outer.append(float(length[masks["outer"]].mean()))
        if last is not None:
            changes.append(float(np.linalg.norm(flow - last, axis=2)[masks["inner"]].mean()))
        last = flow
    return (
        float(np.mean(inner)) / scale,
        float(np.mean(outer)) / scale,
        float(np.mean(changes)) / scale,
    )


def _middle(crops: tuple[Crop, ...]) -> tuple[Crop, ...]:
    start = max(0, (len(crops) - MOST_PAIRS - 1) // 2)
    return crops[start : start + MOST_PAIRS + 1]


def _by_contrast(
    left: npt.NDArray[np.float32], image: npt.NDArray[np.generic], mask: npt.NDArray[np.bool_]
) -> float:
    if not mask.any():
        return 0.0
    return float(left[mask].mean(dtype=np.float64)) / (float(image[mask].std(dtype=np.float64)) + 1.0)
