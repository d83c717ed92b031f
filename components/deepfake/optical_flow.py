"""Dense optical flow (DIS; Kroeger, Timofte, Dai and Van Gool 2016, arXiv 1603.03590)."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Floats

Grey = npt.NDArray[np.uint8]

FAST: Final[int] = cv2.DISOPTICAL_FLOW_PRESET_FAST
MEDIUM: Final[int] = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM


class Flow:
    """An engine with its buffers; one for pictures of one size."""

    def __init__(self, preset: int = FAST) -> None:
        self._engine: Any = cv2.DISOpticalFlow.create(preset)

    def between(self, before: Grey, after: Grey) -> Floats:
        """(height, width, 2): how far, in x and y, each pixel of `before` moves to be in `after`."""
        return np.asarray(self._engine.calc(before, after, None), np.float32)


def pulled_back(image: npt.NDArray[np.generic], flow: Floats) -> Floats:
    """`image`, the later one, (height, width), brought back to where its pixels come from."""
    height, width = image.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.asarray(
        cv2.remap(
            image.astype(np.float32), columns + flow[:, :, 0], rows + flow[:, :, 1], cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )  # fmt: skip
