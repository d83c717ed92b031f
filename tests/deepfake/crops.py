"""Crops drawn by code: textures with a power law, no person in them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Crop, Pixels, Sample, Track

LANDMARKS = np.array([[96, 110], [160, 110], [128, 146], [102, 180], [154, 180]], np.float32)
"""Of an upright face in a crop of 256 pixels."""


def texture(seed: int, side: int = 256, slope: float = 1.0) -> Pixels:
    """A picture whose amplitude falls with frequency**-slope, as natural ones do (slope about 1)."""
    random = np.random.Generator(np.random.PCG64(seed))
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :])
    frequency[0, 0] = 1
    planes = []
    for _ in range(3):
        noise = np.fft.fft2(random.normal(size=(side, side)))
        plane = np.real(np.fft.ifft2(noise / frequency**slope))
        planes.append(128 + 40 * (plane - plane.mean()) / plane.std())
    mixed = 0.8 * planes[0][..., None] + 0.2 * np.stack(planes, -1)
    image: Pixels = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return image


def crop(
    image: Pixels,
    *,
    landmarks: npt.NDArray[np.floating] | None = LANDMARKS,
    frame: int = 0,
    face_pixels: float = 200.0,
) -> Crop:
    """A crop of a face, or of a patch where there are no landmarks."""
    height, width = image.shape[:2]
    points = None if landmarks is None else np.asarray(landmarks, np.float32)
    return Crop(
        frame, frame / 25, image, (0, 0, width, height), points, 1.0, face_pixels if points is not None else 0
    )


def sample(
    *tracks: list[Crop], patches: tuple[Crop, ...] = (), kind: str = "image", name: str = "0" * 64
) -> Sample:
    """A sample with tracks of faces."""
    return Sample(
        name,
        kind,  # type: ignore[arg-type]
        640,
        480,
        faces=tuple(Track(number, tuple(crops)) for number, crops in enumerate(tracks)),
        patches=patches,
    )
