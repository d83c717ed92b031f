"""An encoded image as the RGB picture that vision-language models are trained on and served with.

Training and every engine share this path, so that a model sees the same pixels everywhere; resizing to
the model's input and normalising are its own processor's.
"""

from __future__ import annotations

import math

import numpy as np
import PIL.Image as PilImage
from PIL import ImageOps

from components.core.images import opened


def rgb_image(data: bytes, max_side: int | None = None) -> PilImage.Image:
    """Decode an image: EXIF orientation undone, transparency on white, the first frame of an animation.

    Args:
        data: the encoded image.
        max_side: longest side in pixels; a larger image is scaled down (bicubic), a smaller one is left.

    Returns:
        A picture of mode RGB.

    Raises:
        BadRecord: where it can't be decoded or is larger than is ever decoded, with an `ImageReason`.
    """
    with opened(data) as picture:
        if max_side is not None and picture.format == "JPEG":
            # the decoder halves a side for next to nothing; twice the wanted size keeps what is seen
            picture.draft("RGB", (2 * max_side, 2 * max_side))
        picture.load()
        turned = ImageOps.exif_transpose(picture)
        image = _on_white(turned)
        if max_side is None or max(image.size) <= max_side:
            return image
        scale = max_side / max(image.size)
        size = tuple(max(1, math.floor(side * scale + 0.5)) for side in image.size)
        return image.resize((size[0], size[1]), PilImage.Resampling.BICUBIC)


def _on_white(picture: PilImage.Image) -> PilImage.Image:
    """A picture of any mode as mode RGB."""
    if picture.mode.startswith("I"):  # 16 bits a sample: the upper 8
        upper = np.clip(np.asarray(picture).astype(np.int64) >> 8, 0, 255)
        return PilImage.fromarray(upper.astype(np.uint8)).convert("RGB")
    if picture.mode in {"LA", "RGBA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        white = PilImage.new("RGB", picture.size, (255, 255, 255))
        white.paste(seen, mask=seen.getchannel("A"))
        return white
    return picture.convert("RGB")
