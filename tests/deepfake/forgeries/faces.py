"""Faces drawn by code, aligned as crops are: a person is a seed, a frame moves the points a little."""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from components.deepfake.sample import Audio, Crop, Floats, Pixels, Sample, Track
from tests.deepfake.crops import texture

POINTS = np.array([[96, 110], [160, 110], [128, 146], [102, 180], [154, 180]], np.float32)


def drawn(person: int, *, points: Floats = POINTS, side: int = 256) -> Pixels:
    """An oval of skin with eyes, nose and mouth before a texture."""
    random = np.random.Generator(np.random.PCG64(person))
    skin = np.array([200, 160, 130]) + random.integers(-30, 30, 3)
    image = texture(person, slope=1.2)
    eyes = float(np.hypot(*(points[1] - points[0])))
    middle = points[[0, 1, 3, 4]].mean(0)
    for scale, colour in ((1.15, skin * 0.4), (1.0, skin)):
        axes = (int(1.05 * eyes * scale), int(1.5 * eyes * scale))
        at = (int(middle[0]), int(middle[1]))
        cv2.ellipse(image, at, axes, 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA)
    for eye in points[:2]:
        cv2.circle(image, (int(eye[0]), int(eye[1])), int(eyes / 7), (40, 30, 30), -1, cv2.LINE_AA)
    left, right, nose = points[3], points[4], points[2]
    lips = ((int(left[0]), int(left[1])), (int(right[0]), int(right[1])))
    cv2.line(image, *lips, (150, 50, 60), int(eyes / 8), cv2.LINE_AA)
    cv2.circle(image, (int(nose[0]), int(nose[1])), int(eyes / 10), (skin * 0.8).tolist(), -1, cv2.LINE_AA)
    grain = random.normal(0, 4, image.shape)
    image = np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)
    return image if side == 256 else cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)


def face(person: int, frame: int = 0, side: int = 256) -> Crop:
    """A crop of a drawn face; a later frame has moved by a fraction of a pixel."""
    points = POINTS + np.float32(0.3 * frame)
    box = (100.0, 100.0, 260.0, 300.0)
    return Crop(
        frame, frame / 25, drawn(person, points=points, side=side), box, points * (side / 256), 0.9, 160.0
    )


def voice(seed: int, seconds: float = 4.0, rate: int = 16_000) -> Audio:
    """A tone whose loudness wanders, as speech does."""
    random = np.random.Generator(np.random.PCG64(seed))
    length = int(seconds * rate)
    loudness = np.interp(np.arange(length), np.linspace(0, length, 40), random.uniform(0, 0.8, 40))
    tone = np.sin(2 * np.pi * (120 + 20 * seed) * np.arange(length) / rate)
    return Audio((loudness * tone).astype(np.float32), rate, 1.0)


@functools.cache
def video(person: int, *, frames: int = 3, dense: int = 4, sound: bool = True) -> Sample:
    """A sample of a person: faces evenly spread and consecutive, patches beside the face and on it, sound."""
    beside = Crop(0, 0.0, texture(person + 50, 64), (0.0, 0.0, 32.0, 32.0))
    on_it = dataclasses.replace(beside, box=(150.0, 150.0, 214.0, 214.0))
    return Sample(
        f"{person:064x}",
        "video",
        640,
        480,
        seconds=4.0,
        fps=25.0,
        faces=(Track(0, tuple(face(person, frame) for frame in range(frames))),),
        dense=(Track(0, tuple(face(person, frame, 128) for frame in range(dense))),),
        patches=(beside, on_it),
        audio=voice(person) if sound else None,
    )
