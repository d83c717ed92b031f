"""What happens to pictures on their way, at stated levels: applied to whole frames before faces are found.

Kinds are those of DFDC's and DeeperForensics' tests (arXiv 2006.07397, 2001.03024): compression, blur, noise,
scale, brightness, contrast; CRF 23 and 40 are c23 and c40 of FaceForensics++ (arXiv 1901.08971). The levels
of the others are our own, and so are the two chains, which imitate a screenshot and an upload. Every one
keeps the size of the frame and depends on nothing but its pixels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from fractions import Fraction
from typing import Final

import cv2
import numpy as np

from components.core.errors import ConfigurationError
from components.deepfake.sample import Pixels

Corruption = Callable[[Pixels], Pixels]

CORRUPTIONS: Final[dict[str, tuple[float, ...]]] = {
    "jpeg": (90, 70, 50, 30, 20),
    "h264": (23, 28, 35, 40),
    "resize": (0.75, 0.5, 0.25),
    "blur": (1, 2, 3),
    "noise": (4, 8, 16),
    "brightness": (-0.3, 0.3),
    "contrast": (0.7, 1.3),
    "screenshot": (70,),
    "social": (35,),
}
"""Name to levels, the mildest first: quality of JPEG; constant rate factor of x264; share of the sides that
is left; standard deviation of a Gaussian filter in pixels; of noise, of 255; what is added, of the range;
gain about middle grey; quality of the screenshot's JPEG; rate factor of the upload."""


def variant(name: str, level: float) -> str:
    """How a corruption and its level are written in tables: `jpeg@50`."""
    return f"{name}@{level:g}"


def corrupt(name: str, level: float) -> Corruption:
    """The function that corrupts one frame.

    Args:
        name: one of CORRUPTIONS.
        level: any that makes sense for it, not only those listed.

    Raises:
        ConfigurationError: for a name that is none.
    """
    if name not in _MADE:
        raise ConfigurationError(f"There is no corruption {name!r}; there are {', '.join(CORRUPTIONS)}.")
    make = _MADE[name]
    return lambda frame: make(frame, level)


def corruption(written: str) -> Corruption:
    """The function of a corruption written as `jpeg@50`.

    Raises:
        ConfigurationError: for what is not a name, `@` and a number.
    """
    name, _, level = written.partition("@")
    try:
        number = float(level)
    except ValueError:
        raise ConfigurationError(
            f"{written!r} is no corruption: write a name, @ and a level, such as jpeg@50."
        ) from None
    return corrupt(name, number)


def _jpeg(frame: Pixels, level: float) -> Pixels:
    """Chroma at half resolution, as cameras and sites store it."""
    bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, round(level)])
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return _pixels(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


def _h264(frame: Pixels, level: float) -> Pixels:
    """One intra frame of x264: what a frame of a video loses, but for what motion costs the ones between."""
    import av

    height, width = frame.shape[:2]
    even = _pixels(cv2.copyMakeBorder(frame, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = even.shape[1], even.shape[0], "yuv420p"
    encoder.options = {"crf": f"{level:g}", "threads": "1"}
    encoder.framerate = Fraction(25)
    packets = encoder.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24"))
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("h264", "r")
    pictures = [picture for packet in packets for picture in decoder.decode(packet)]
    pictures += decoder.decode(None)
    return _pixels(pictures[0].to_ndarray(format="rgb24")[:height, :width])


def _resize(frame: Pixels, level: float) -> Pixels:
    height, width = frame.shape[:2]
    small = (max(1, round(width * level)), max(1, round(height * level)))
    shrunk = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
    return _pixels(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_CUBIC))


def _blur(frame: Pixels, level: float) -> Pixels:
    return _pixels(cv2.GaussianBlur(frame, (0, 0), level))


def _noise(frame: Pixels, level: float) -> Pixels:
    """Gaussian and independent in every channel, seeded by the frame: no two frames get the same."""
    digest = hashlib.sha256(np.ascontiguousarray(frame).tobytes()).digest()
    drawn = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
    return _pixels(frame + level * drawn.standard_normal(frame.shape, np.float32))


def _brightness(frame: Pixels, level: float) -> Pixels:
    return _pixels(frame + np.float32(level * 255))


def _contrast(frame: Pixels, level: float) -> Pixels:
    return _pixels((frame - np.float32(127.5)) * np.float32(level) + np.float32(127.5))


def _screenshot(frame: Pixels, level: float) -> Pixels:
    """A player at three quarters of the size between dark bars, sharpened by the display, saved as JPEG."""
    height, width = frame.shape[:2]
    inner = (max(1, round(width * 0.75)), max(1, round(height * 0.75)))
    shown = cv2.resize(frame, inner, interpolation=cv2.INTER_AREA).astype(np.float32)
    sharp = _pixels(shown + 0.5 * (shown - cv2.GaussianBlur(shown, (0, 0), 1)))
    screen = np.full_like(frame, 16)
    top, left = (height - inner[1]) // 2, (width - inner[0]) // 2
    screen[top : top + inner[1], left : left + inner[0]] = sharp
    return _jpeg(screen, level)


def _social(frame: Pixels, level: float) -> Pixels:
    """An upload: halved, encoded as video, saved from the site as JPEG of quality 70, seen at full size."""
    height, width = frame.shape[:2]
    half = (max(2, width // 2), max(2, height // 2))
    sent = _jpeg(_h264(_pixels(cv2.resize(frame, half, interpolation=cv2.INTER_AREA)), level), 70)
    return _pixels(cv2.resize(sent, (width, height), interpolation=cv2.INTER_CUBIC))


def _pixels(values: np.ndarray) -> Pixels:
    if values.dtype == np.uint8:
        return values
    rounded: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return rounded


_MADE: Final[dict[str, Callable[[Pixels, float], Pixels]]] = {
    "jpeg": _jpeg,
    "h264": _h264,
    "resize": _resize,
    "blur": _blur,
    "noise": _noise,
    "brightness": _brightness,
    "contrast": _contrast,
    "screenshot": _screenshot,
    "social": _social,
}
