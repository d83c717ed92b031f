"""All detectors that are asked for, one after the other, and their folds without a method."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from components.core.errors import ConfigurationError
from components.deepfake.classifier_card import ClassifierCard
from components.deepfake.detectors.frequency import FrequencyModel
from components.deepfake.linear_model import LinearModel
from components.deepfake.train_params import DetectorTrainParams, LinearTrainParams, NetworkTrainParams
from components.deepfake.training.crop_batches import CropPack, Tables, fitted, trains_on
from components.deepfake.training.features import PATCH, gather
from components.deepfake.training.linear_trainer import FeatureTable, Fitted, fit, fold_methods
from components.deepfake.training.network import normalized
from components.deepfake.training.onnx_export import export, need_onnx
from components.deepfake.training.torch_trainer import Kept, Tell, train_network
from components.deepfake.weight_files import weight_file

_CHECKED = 8
"""Crops that a file is compared with its network on."""


def train_all(
    tables: Tables,
    splits: Mapping[str, str],
    params: DetectorTrainParams,
    folder: Path,
    *,
    tell: Tell | None = None,
    kept: Kept | None = None,
) -> list[dict[str, Any]]:
    """Train every detector that `params` names; files go to `folder/model`, logs to `folder/log`.

    What is finished in the folder is not trained again.

    Returns:
        An entry for every file: its name, the method left out, how it did on the validation split.
    """
    networks = {
        name: values
        for name, values in (("blending", params.blending), ("spatial", params.spatial))
        if values is not None
    }
    if networks:
        need_onnx()
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "log").mkdir(parents=True, exist_ok=True)
    entries = _linear(tables, splits, params, folder)
    for name, values in networks.items():
        pack = CropPack(folder / "packs" / str(values.crops), tables, splits, values.crops)
        try:
            folds = fold_methods(pack.rows, values.families, params.fold_groups)
            wanted = folds if params.folds == "all" and values.forged != "self_blend" else []
            for without in (None, *wanted):
                entries.append(_network(name, pack, values, params, folder, without, tell, kept))
        finally:
            pack.close()
    entries.sort(key=lambda entry: entry["file"])
    (folder / "log" / "trained.json").write_text(json.dumps(entries, indent=1) + "\n")
    return entries


def _network(
    name: str,
    pack: CropPack,
    values: NetworkTrainParams,
    params: DetectorTrainParams,
    folder: Path,
    without: str | None,
    tell: Tell | None,
    kept: Kept | None,
) -> dict[str, Any]:
    file = weight_file(name, ".onnx", without)
    done = folder / "done" / f"{file}.json"
    path = folder / "model" / file
    if done.is_file() and path.is_file():
        entry: dict[str, Any] = json.loads(done.read_text())
        return entry
    work = folder / "training" / file
    trained = train_network(name, pack, values, params, work, without=without, tell=tell, kept=kept)
    images = [fitted(pack.crop(number).image, values.side) for number in range(min(_CHECKED, len(pack.rows)))]
    pixels = normalized(torch.stack([torch.from_numpy(image) for image in images]), trained.network)
    mean, std = trained.network.mean, trained.network.std
    card = ClassifierCard(
        side=values.side,
        mean=(mean[0], mean[1], mean[2]),
        std=(std[0], std[1], std[2]),
        licence=params.licence,
        trained_on=_about(pack.rows, values.families, without, values.forged),
    )
    difference = export(trained.network, pixels.contiguous(), path, card)
    for log in sorted(work.glob("*.jsonl")):
        copy = folder / "log" / f"{Path(file).stem}.{log.name}"
        copy.write_bytes(log.read_bytes())
        if kept is not None:
            kept(copy)
    entry = {
        "file": file,
        "without": without,
        "step": trained.step,
        "validation_auc": trained.validation,
        "onnx_difference": difference,
    }
    done.parent.mkdir(exist_ok=True)
    done.write_text(json.dumps(entry))
    if kept is not None:
        kept(path)
        kept(done)
    return entry


def _linear(
    tables: Tables, splits: Mapping[str, str], params: DetectorTrainParams, folder: Path
) -> list[dict[str, Any]]:
    entries = []
    features = gather(tables, splits, params)
    wanted: list[tuple[str, LinearTrainParams]] = [
        (name, values)
        for name, values in (
            ("frequency", params.frequency),
            ("temporal", params.temporal),
            ("foundation", params.foundation),
        )
        if values is not None
    ]
    for name, values in wanted:
        table = features[name]
        folds = (
            [] if params.folds == "none" else fold_methods(table.rows, values.families, params.fold_groups)
        )
        for without in (None, *folds):
            about = _about(table.rows, values.families, without)
            found = fit(table, values, name, about, params.licence, without)
            model: LinearModel = found.model
            if name == "frequency":
                model = FrequencyModel(
                    **model.model_dump(),
                    patch=_patch(features[PATCH], values, params.licence, without),
                )
            file = weight_file(name, ".json", without)
            (folder / "model" / file).write_text(model.model_dump_json(indent=1) + "\n")
            entries.append(_entry(file, without, found))
    return entries


def _patch(
    table: FeatureTable, values: LinearTrainParams, licence: str, without: str | None
) -> LinearModel | None:
    """The model of patches; None where nothing that a patch shows was forged."""
    labels = {
        row["label"]
        for row in table.rows
        if row["split"] == "train" and (row["label"] == 0 or trains_on(row, values.families, without))
    }
    if labels != {0, 1}:
        return None
    about = _about(table.rows, values.families, without)
    return fit(table, values, "frequency", about, licence, without).model


def _entry(file: str, without: str | None, found: Fitted) -> dict[str, Any]:
    return {
        "file": file,
        "without": without,
        "strength": found.strength,
        "validation_auc": found.validation,
    }


def _about(
    rows: Sequence[Mapping[str, Any]],
    families: Sequence[str] | None,
    without: str | None,
    forged: str = "rows",
) -> str:
    """What is trained on, in a line: data sets, methods, samples and groups of the training split.

    Args:
        rows: of crops or vectors.
        forged: as in `NetworkTrainParams`.

    Raises:
        ConfigurationError: where no labelled sample is in the training split.
    """
    groups: dict[tuple[str, str], set[str]] = {}
    samples: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        real = row["label"] == 0
        if row["split"] != "train" or not (
            real or (forged != "self_blend" and trains_on(row, families, without))
        ):
            continue
        key = (row["dataset"], "real" if real else row["method"] or "forged")
        groups.setdefault(key, set()).add(row["group"])
        samples.setdefault(key, set()).add(row["media_id"])
    if not samples:
        raise ConfigurationError(
            "No sample with a label is in the training split: label the media, or give more of them."
        )
    parts = [
        f"{dataset} {what}: {len(samples[dataset, what])} samples of {len(groups[dataset, what])} groups"
        for dataset, what in sorted(samples)
    ]
    return "; ".join(
        [*parts, *(["self-blends of real ones, made in every step"] if forged != "rows" else [])]
    )
