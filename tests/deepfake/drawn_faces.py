"""Tracks of drawn faces: eyes that close, mouths that open, skin with a pulse, detail that shimmers."""

import cv2
import numpy as np
import numpy.typing as npt

from components.deepfake.sample import Audio, Crop, Sample, Track

SIDE = 128
LANDMARKS = np.array([[48, 56], [80, 56], [64, 76], [51, 93], [77, 93]], np.float32)


def texture(seed: int) -> npt.NDArray[np.float32]:
    """Fixed detail of skin and background, (SIDE, SIDE)."""
    noise = np.random.Generator(np.random.PCG64(seed)).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 1.2) * 14


def face(
    *,
    eyes: float = 1.0,
    mouth: float = 0.0,
    skin: tuple[float, float, float] = (190, 150, 130),
    person: int = 0,
) -> npt.NDArray[np.float32]:
    """An aligned face, (SIDE, SIDE, 3), 0 to 255.

    Args:
        eyes: 1 open, 0 shut.
        mouth: how far it is open, in pixels.
        person: changes the build of the face.
    """
    large = 4
    canvas = np.full((SIDE * large, SIDE * large, 3), (70, 80, 95), np.float32)

    def oval(centre: tuple[float, float], axes: tuple[float, float], colour: tuple[float, ...]) -> None:
        at = tuple(round(value * large) for value in centre)
        size = tuple(max(1, round(value * large)) for value in axes)
        cv2.ellipse(canvas, at, size, 0, 0, 360, colour, -1)

    width = 38 + 4 * (person % 3)
    odd = person % 2
    oval((64, 72), (width, 50), skin)
    if odd:  # a beard and a fringe
        oval((64, 108), (26, 16), (70, 55, 45))
        oval((64, 30), (34, 14), (70, 55, 45))
    for x, y in LANDMARKS[:2]:
        oval((x, y - 11 + 3 * odd), (9 + 2 * (person % 3), 1.8 + 2 * odd), (60, 45, 40))
        if eyes > 0.05:
            oval((x, y), (7.5, 4.0 * eyes), (235, 235, 235))
            oval((x, y), (3.2, min(3.2, 4.0 * eyes)), (40, 30, 25))
        oval((x, y - 4.0 * eyes), (8.0, 0.8), (50, 40, 35))
    oval((64, 76), (4 + 5 * odd, 3 + 3 * odd), tuple(0.8 * value for value in skin))
    oval((64, 93 + mouth / 2), (13, 4 + mouth / 2), (170, 80, 80))
    oval((64, 93 + mouth / 2), (11, 0.8 + mouth / 2), (45, 20, 20))
    return cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def track(
    images: list[npt.NDArray[np.float32]],
    rate: float = 25.0,
    *,
    number: int = 0,
    pixels: float = 120.0,
    seed: int = 0,
    landmarks: npt.NDArray[np.float32] = LANDMARKS,
) -> Track:
    """A track of pictures, each with the fixed texture and a little noise of the camera."""
    rng = np.random.Generator(np.random.PCG64(seed + 1))
    detail = texture(seed)[:, :, None]
    crops = []
    for index, image in enumerate(images):
        noisy = image + detail + rng.normal(0, 1.0, image.shape)
        crops.append(
            Crop(
                index, index / rate, np.clip(np.round(noisy), 0, 255).astype(np.uint8), (100, 100, 220, 250),
                landmarks=landmarks, face_pixels=pixels,
            )
        )  # fmt: skip
    return Track(number, tuple(crops))


def video(*tracks: Track, audio: Audio | None = None, faces: tuple[Track, ...] = ()) -> Sample:
    """A video of dense tracks."""
    return Sample("0" * 64, "video", 640, 480, 10.0, 25.0, dense=tracks, faces=faces, audio=audio)


STILL = Sample("1" * 64, "image", 640, 480)
