"""Identity: whether a face stays the same person's through a video."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, ClassVar, Final

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from components.core.errors import ConfigurationError
from components.deepfake.detectors import register
from components.deepfake.detectors.base import Abstained, Detector, DetectorParams, Evidence, Finding, Need
from components.deepfake.face_descriptor import describe
from components.deepfake.face_signals import pose
from components.deepfake.identity_drift import LEAST_PART, Step, largest_step
from components.deepfake.sample import Crop, Sample, Track
from components.deepfake.time_series import Series

_STEP: Final = 0.035
"""Size of a step of the built-in description that speaks neither way: 23 real videos, 24 frames each, have
.010 on average and .034 at most; the same with the last third from another person .063, .036 at least."""
_SLOPE: Final = 2.0
"""Log-odds per unit of the logarithm of the size, by hand."""
_LEAST: Final = -0.5
_MOST: Final = 3.0
"""Limits of the log-odds: most forgeries keep one identity throughout, so that a steady one proves little."""
_SAME_PLACE: Final = 0.3
"""Overlap (intersection over union) of boxes at which a face continues another one that has ended."""


class EmbedderParams(BaseModel):
    """A face recognition network of the user's."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(
        min_length=1, description="ONNX file on this machine; input (n, 3, side, side), output (n, k)."
    )
    licence: str = Field(min_length=1, description="Licence of the weights; many forbid commercial use.")
    step: float = Field(
        gt=0, lt=1, description="Size of a step that speaks neither way; measure it on real videos of yours."
    )
    side: int = Field(112, ge=32, le=512, description="Pixels of the side of the input.")
    zoom: float = Field(
        1.3, ge=0.8, le=3, description="The middle 1 / zoom of a crop is used: its margin is cut off."
    )
    mean: float = Field(127.5, ge=0, le=255, description="Taken off each value from 0 to 255.")
    std: float = Field(127.5, gt=0, le=255, description="Each value is divided by it then.")
    bgr: bool = Field(False, description="Whether the network was trained on BGR.")


class IdentityParams(DetectorParams):
    """Parameters of the identity detector."""

    frames: int = Field(8, ge=6, le=512, description="Frames with the face below which it abstains.")
    face_pixels: float = Field(64.0, ge=32, description="Width of a face in pixels below which it abstains.")
    embedder: EmbedderParams | None = Field(
        None, description="Face recognition network; none: a weak built-in description (HOG)."
    )


@register(IdentityParams)
class IdentityDetector(Detector[IdentityParams]):
    """Looks for a moment from which on a face is described otherwise than before, for good.

    A swap that fails for a while, or begins in the middle, lets the other face through. Faces of the
    evenly spread frames are described, what their pose explains is taken off, and the largest lasting step
    counts (`identity_drift`); tracks that end where another one begins are joined. Log-odds = 2 x
    ln(step / 0.035), from -0.5 to 3.

    What it can't see: forgeries that hold one wrong face throughout, which is most, and whole synthesis; it
    knows nobody: on 7 talking heads and 23 real videos AUC is .48 [.43-.50]. The
    built-in description is weak: light that changes for good, glasses put on, a face that turns away for
    half of the video raise it, and a cut to another person at the same place in the picture is found as
    well, forged or not. Give it a recognition network (`embedder`) for more.
    """

    name = "identity"
    family = "identity"
    says = "whether a face becomes another person's in mid-video"
    needs: ClassVar[tuple[Need, ...]] = ("faces",)

    def __init__(self, params: IdentityParams, weights: Path | None = None) -> None:
        super().__init__(params, weights)
        if params.embedder is not None:
            _session(params.embedder.path)

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """The face with the largest step."""
        if sample.kind != "video":
            return self.abstain(Abstained.NOT_A_VIDEO)
        if not sample.faces:
            return self.abstain(Abstained.NO_FACE)
        best: tuple[Step, tuple[Crop, ...], int] | None = None
        small = False
        for track in joined(sample.faces):
            crops = tuple(crop for crop in track.crops if crop.landmarks is not None)
            fit = tuple(crop for crop in crops if crop.face_pixels >= self.params.face_pixels)
            small = small or len(fit) < self.params.frames <= len(crops)
            if len(fit) < max(self.params.frames, 2 * LEAST_PART):
                continue
            step = largest_step(self._descriptions(fit), pose(fit))
            if step is not None and (best is None or step.size > best[0].size):
                best = (step, fit, track.number)
        if best is None:
            return self.abstain(Abstained.FACE_TOO_SMALL if small else Abstained.TOO_FEW_FRAMES)
        step, crops, number = best
        middle = self.params.embedder.step if self.params.embedder else _STEP
        score = _SLOPE * math.log(max(step.size, 1e-9) / middle)
        shown = (_shown(step, crops, number, middle),) if evidence else ()
        return Finding(self.name, float(np.clip(score, _LEAST, _MOST)), evidence=shown)

    def _descriptions(self, crops: tuple[Crop, ...]) -> Series:
        if self.params.embedder is None:
            return np.stack([describe(crop) for crop in crops])
        return embed(crops, self.params.embedder)


def joined(tracks: tuple[Track, ...]) -> list[Track]:
    """Tracks in which a face that begins where another one ended, after its end, goes on with it."""
    found: list[Track] = []
    for track in sorted(tracks, key=lambda one: (one.crops[0].seconds, one.number)):
        for place, before in enumerate(found):
            ended = before.crops[-1].seconds < track.crops[0].seconds
            if ended and _overlap(before.crops[-1].box, track.crops[0].box) >= _SAME_PLACE:
                found[place] = Track(before.number, before.crops + track.crops)
                break
        else:
            found.append(track)
    return found


def embed(crops: tuple[Crop, ...], embedder: EmbedderParams) -> Series:
    """(n, k) unit vectors of a recognition network.

    Raises:
        ConfigurationError: where the network does not give (n, k) numbers.
    """
    session = _session(embedder.path)
    images = []
    for crop in crops:
        side = crop.image.shape[0]
        cut = max(0, round(side * (1 - 1 / embedder.zoom) / 2))
        image = cv2.resize(
            crop.image[cut : side - cut, cut : side - cut], (embedder.side,) * 2, interpolation=cv2.INTER_AREA
        )
        values = (image.astype(np.float32) - embedder.mean) / embedder.std
        images.append((values[:, :, ::-1] if embedder.bgr else values).transpose(2, 0, 1))
    port = session.get_inputs()[0].name
    try:
        rows = [np.asarray(session.run(None, {port: image[None]})[0], np.float64) for image in images]
    except Exception as error:  # noqa: BLE001 (onnxruntime has no base class of its own)
        raise ConfigurationError(f"{embedder.path} does not take pictures of this size: {error}") from None
    if any(row.ndim != 2 or row.shape[0] != 1 for row in rows):
        raise ConfigurationError(f"{embedder.path} gives {rows[0].shape}; (n, k) is needed.")
    found = np.concatenate(rows)
    return np.asarray(found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-12))


@functools.lru_cache(maxsize=2)
def _session(path: str) -> Any:
    import onnxruntime

    if not Path(path).is_file():
        raise ConfigurationError(f"embedder.path: there is no file {path}.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 (onnxruntime has no base class of its own)
        raise ConfigurationError(f"embedder.path: {path} is no ONNX model that can be run: {error}") from None


def _overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / (area - width * height)


def _shown(step: Step, crops: tuple[Crop, ...], track: int, middle: float) -> Evidence:
    values = np.stack([[crop.seconds for crop in crops], step.distances], axis=1).astype(np.float32)
    text = (
        f"The largest lasting change of this face, at {crops[step.at].seconds:.1f} s, has size "
        f"{step.size:.3f}; {middle:.3f} speaks neither way. A cut to another person, new light or a turn of "
        "the head changes a face as well, and a forgery that never fails keeps it."
    )
    return Evidence(
        "Distance from the face before the change", "series", text, values, ("seconds", "squared distance"),
        track=track,
    )  # fmt: skip
