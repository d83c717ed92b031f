"""A small frequency model that is really fitted and calibrated: noise as it is against noise enlarged."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from components.deepfake.calibration import Calibration, to_json
from components.deepfake.calibration_fits import platt
from components.deepfake.detectors.frequency import FrequencyModel
from components.deepfake.linear_model import LinearModel
from components.deepfake.sample import Crop
from components.deepfake.spectra import feature_names, frequency_features

SIDE = 256


def noise_picture(number: int, *, enlarged: bool, width: int = 300, height: int = 280) -> Image.Image:
    """A soft scene under noise of every pixel, or under noise of twice the pixel size."""
    rng = np.random.default_rng([number, enlarged])
    scene = Image.fromarray(rng.integers(60, 196, (5, 5, 3), np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    step = 2 if enlarged else 1
    grain = rng.normal(128, 18, (height // step, width // step, 3)).clip(0, 255).astype(np.uint8)
    over = Image.fromarray(grain).resize((width, height), Image.Resampling.BILINEAR)
    mixed = np.asarray(scene, np.int16) + np.asarray(over, np.int16) - 128
    return Image.fromarray(mixed.clip(0, 255).astype(np.uint8))


def noise_file(number: int, *, enlarged: bool, **options: object) -> bytes:
    """The same as a PNG."""
    out = io.BytesIO()
    noise_picture(number, enlarged=enlarged).save(out, "PNG", **options)  # type: ignore[arg-type]
    return out.getvalue()


def _features(numbers: range, *, enlarged: bool) -> npt.NDArray[np.float64]:
    rows = []
    for number in numbers:
        image = np.asarray(noise_picture(number, enlarged=enlarged))
        patch = np.ascontiguousarray(image[12 : 12 + SIDE, 22 : 22 + SIDE])
        rows.append(frequency_features(Crop(0, 0.0, patch, (22.0, 12.0, 22.0 + SIDE, 12.0 + SIDE))))
    return np.array(rows)


@functools.cache
def _fitted() -> tuple[FrequencyModel, Calibration]:
    real, forged = _features(range(100, 124), enlarged=False), _features(range(100, 124), enlarged=True)
    both = np.concatenate([real, forged])
    mean, scale = both.mean(0), both.std(0) + 1e-6
    apart = ((forged.mean(0) - real.mean(0)) / scale) / both.shape[1]
    faces = feature_names(face=True)
    patch = LinearModel(
        names=list(feature_names(face=False)),
        mean=mean.tolist(),
        scale=scale.tolist(),
        weights=apart.tolist(),
        licence="Apache-2.0",
    )
    model = FrequencyModel(
        names=list(faces),
        mean=[0.0] * len(faces),
        scale=[1.0] * len(faces),
        weights=[0.0] * len(faces),
        licence="Apache-2.0",
        patch=patch,
    )
    held = [_features(range(200, 212), enlarged=enlarged) for enlarged in (False, True)]
    scores = np.concatenate([patch.log_odds(part) for part in held])
    labels = np.repeat([0.0, 1.0], 12)
    knots = platt(scores, labels, np.ones(24))
    assert knots is not None
    calibration = Calibration(
        "frequency", "platt", tuple(knots[0].tolist()), tuple(knots[1].tolist()), 0.5, 0.3, 0.7, 24
    )
    return model, calibration


def write_noise_model(folder: Path, *, calibrated: bool = True) -> Path:
    """A model's folder with `frequency.json` and, if wanted, `calibration.json`."""
    model, calibration = _fitted()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frequency.json").write_text(model.model_dump_json())
    if calibrated:
        (folder / "calibration.json").write_text(to_json([calibration]))
    return folder
