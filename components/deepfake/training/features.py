"""Features of labelled samples for linear models, in one pass over the shards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from components.deepfake.detectors.base import Need
from components.deepfake.forgeries import registry
from components.deepfake.sample import Sample
from components.deepfake.sample_rows import CropKind, read_samples
from components.deepfake.spectra import LEAST_SIDE, feature_names, frequency_features
from components.deepfake.temporal_features import TEMPORAL_NAMES, temporal_features
from components.deepfake.train_params import DetectorTrainParams
from components.deepfake.training.crop_batches import Tables, evenly, split_of
from components.deepfake.training.linear_trainer import Doubles, FeatureTable

PATCH: Final = "patch"
"""The table of the frequency detector's second model, for pictures without a face."""
_WHOLE_FRAMES: Final = frozenset({"entire_synthesis", "upsample"})
"""Families whose forgery reaches everything that a patch can show."""


def gather(tables: Tables, splits: Mapping[str, str], params: DetectorTrainParams) -> dict[str, FeatureTable]:
    """Tables of features by model, as far as they are to be trained.

    Only labelled samples of the training and validation splits are read, and of a forged one only what its
    method altered: the rest is as in the real file.
    """
    made: dict[str, FeatureTable] = {}
    kinds: list[CropKind] = []
    if params.frequency is not None:
        made["frequency"], made[PATCH] = FeatureTable(feature_names(True)), FeatureTable(feature_names(False))
        kinds += ["face", "patch"]
    if params.temporal is not None:
        made["temporal"] = FeatureTable(tuple(TEMPORAL_NAMES))
        kinds.append("dense")
    if params.foundation is not None:
        width = _tower(params).features([np.zeros((32, 32, 3), np.uint8)]).shape[1]
        made["foundation"] = FeatureTable(tuple(f"feature_{number:04d}" for number in range(width)))
        kinds += [] if "face" in kinds else ["face"]
    if not made:
        return {}
    for samples, crops in tables():
        for row, sample in read_samples(_without_sound(samples), crops, kinds):
            split = split_of(row, splits)
            if row["label"] is None or split not in ("train", "validation"):
                continue
            for name, vectors in _vectors(row, sample, params).items():
                made[name].add(row, split, vectors)
    return made


def altered(row: Mapping[str, Any], what: Need) -> bool:
    """Whether what a detector looks at differs from a real file's: always so for a real sample."""
    if row["label"] == 0:
        return True
    forgery = registry().get(row["method"]) if row["family"] == row["method"] else None
    if forgery is not None:
        return what in forgery.alters
    return row["family"] in _WHOLE_FRAMES if what == "patches" else True


def _vectors(row: Mapping[str, Any], sample: Sample, params: DetectorTrainParams) -> dict[str, list[Doubles]]:
    made: dict[str, list[Doubles]] = {}
    if altered(row, "faces"):
        faces = [crop for track in sample.faces for crop in track.crops]
        forged = [crop for crop in faces if crop.mask is not None] or faces
        if params.frequency is not None:
            chosen = [forged[place] for place in evenly(len(forged), params.frequency.crops)]
            made["frequency"] = [frequency_features(crop) for crop in chosen]
        if params.foundation is not None and forged:
            chosen = [forged[place] for place in evenly(len(forged), params.foundation.crops)]
            made["foundation"] = list(
                _tower(params).features([crop.image for crop in chosen]).astype(np.float64)
            )
    if params.frequency is not None and altered(row, "patches"):
        wide = [crop for crop in sample.patches if min(crop.image.shape[:2]) >= LEAST_SIDE]
        made[PATCH] = [frequency_features(wide[place]) for place in evenly(len(wide), params.frequency.crops)]
    if params.temporal is not None and altered(row, "dense"):
        found = [temporal_features(track) for track in sample.dense]
        made["temporal"] = [np.asarray(vector, np.float64) for vector in found if vector is not None]
    return made


def _tower(params: DetectorTrainParams) -> Any:
    from components.deepfake.vision_tower import open_tower

    return open_tower(Path(params.foundation_tower or ""), "deepfake.train.foundation_tower")


def _without_sound(samples: Any) -> Any:
    return samples.drop_columns([name for name in ("audio",) if name in samples.column_names])
