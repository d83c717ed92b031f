"""Faces drawn by code that the detector takes for faces; no person is in them."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def canvas(width: int = 640, height: int = 480, tone: int = 110) -> Pixels:
    """A background: a slow gradient with a little grain, RGB."""
    random = np.random.Generator(np.random.PCG64(width * 10_007 + height))
    ramp = np.linspace(-25, 25, width)[None, :, None] + np.linspace(-15, 15, height)[:, None, None]
    image = tone + ramp + random.normal(0, 3, (height, width, 3))
    return np.clip(image, 0, 255).astype(np.uint8)


def draw_face(
    image: Pixels, x: float, y: float, width: float, *, skin: tuple[int, int, int] = (224, 172, 140)
) -> Pixels:
    """Draw an upright face about (x, y) in place.

    Args:
        width: of the head in pixels.
    """
    soft = image.astype(np.float32).copy()

    def oval(dx: float, dy: float, rx: float, ry: float, colour: tuple[float, ...], blur: float) -> None:
        mask = np.zeros(image.shape[:2], np.float32)
        centre = (round((x + dx * width) * 16), round((y + dy * width) * 16))
        axes = (max(1, round(rx * width * 16)), max(1, round(ry * width * 16)))
        cv2.ellipse(mask, centre, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA, 4)
        share = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.3, blur * width)))[..., None]
        soft[:] = soft * (1 - share) + np.array(colour, np.float32) * share

    dark = tuple(0.72 * c for c in skin)
    light = tuple(min(255, 1.08 * c) for c in skin)
    oval(0, -0.18, 0.54, 0.62, (50, 35, 28), 0.02)  # hair
    oval(0, 0.55, 0.22, 0.3, dark, 0.03)  # neck
    oval(0, 0, 0.47, 0.62, skin, 0.015)
    oval(0, 0.02, 0.3, 0.42, light, 0.12)
    for side in (-1, 1):
        oval(0.19 * side, -0.1, 0.13, 0.075, dark, 0.025)
        oval(0.19 * side, -0.2, 0.13, 0.022, (60, 42, 34), 0.012)
        oval(0.19 * side, -0.1, 0.085, 0.04, (240, 238, 235), 0.006)
        oval(0.19 * side, -0.1, 0.038, 0.038, (60, 45, 35), 0.005)
        oval(0.055 * side, 0.15, 0.025, 0.015, (110, 65, 50), 0.012)
    oval(0.05, 0.03, 0.025, 0.13, dark, 0.03)
    oval(0, 0.12, 0.07, 0.05, light, 0.025)
    oval(0, 0.17, 0.09, 0.02, dark, 0.02)
    oval(0, 0.32, 0.16, 0.05, (170, 90, 85), 0.012)
    oval(0, 0.315, 0.15, 0.008, (95, 45, 45), 0.006)
    image[:] = np.clip(np.rint(soft), 0, 255).astype(np.uint8)
    return image
