import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.deepfake.benchmark_params import RobustnessParams
from components.deepfake.examine import examine
from components.deepfake.faces_params import ExamineParams
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.robustness import RobustnessStage
from components.deepfake.sample_rows import to_rows
from tests.deepfake.measured import rows_of, sample, table
from tests.deepfake.noise_model import noise_file, write_noise_model

DETECTORS: dict[str, dict[str, Any]] = {"frequency": {}, "provenance": {}}


class World:
    """Pictures of noise in a folder, their rows and a model that tells enlarged noise from noise."""

    def __init__(self, folder: Path) -> None:
        self.samples: list[dict[str, Any]] = []
        self.crops: list[dict[str, Any]] = []
        model = write_noise_model(folder / "model", calibrated=False) / "frequency.json"
        data = model.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.model = [{"name": model.name, "uri": model.as_uri(), "size": len(data), "sha256": digest}]
        for number in range(3):
            for forged in (False, True):
                self.add(folder / f"{number}{forged:d}.png", number, forged)

    def add(self, path: Path, number: int, forged: bool, **changes: Any) -> None:
        data = noise_file(number, enlarged=forged)
        path.write_bytes(data)
        columns, crops = to_rows(examine(data, "image", ExamineParams()))
        own = {
            "id": hashlib.sha256(data).hexdigest(), "uri": path.as_uri(), "kind": "image", "format": "png",
            "size": len(data), "width": 300, "height": 280, "seconds": 0.0, "fps": 0.0, "label": int(forged),
            "split": "test",
        }  # fmt: skip
        self.samples.append(sample(path.stem, **{**own, **columns, **changes}))
        self.crops += [{**crop, "media_id": self.samples[-1]["id"]} for crop in crops]

    def run(
        self, splits: list[dict[str, Any]] | None = None, **params: Any
    ) -> tuple[list[dict[str, Any]], Output]:
        stage = RobustnessStage(RobustnessParams(detectors=DETECTORS, **params))
        tables = {
            "samples": table(self.samples, "samples/1"),
            "crops": table(self.crops, "crops/1"),
            "splits": table(splits or [], "splits/1").select(["media_id", "split"]),
            "model": pa.Table.from_pylist(self.model, schema=schemas.get("model_files/1")),
        }
        out = Output(step=stage.name, reasons=DeepfakeReason)
        stage.run(Unit(0, tables, Stores()), out)
        return rows_of(out, "detections"), out


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_corruptions_change_scores_the_more_the_stronger(world: World) -> None:
    rows, out = world.run(variants=["jpeg@90", "blur@2"], pseudo_fakes=False)
    assert {row["detector"] for row in rows} == {"frequency"}  # provenance does not look at the picture
    assert out.counters["corrupted"] == 12
    by = {(row["variant"], row["media_id"]): row["score"] for row in rows}
    assert len(by) == 12
    label = {row["id"]: row["label"] for row in world.samples}

    def gap(variant: str) -> float:
        scores = {
            value: np.mean([by[variant, name] for name in label if label[name] == value]) for value in (0, 1)
        }
        return float(scores[1] - scores[0])

    assert gap("jpeg@90") > 4 * abs(gap("blur@2"))  # blurred noise is blurred noise
    assert all(row["fold"] is None and row["milliseconds"] > 0 for row in rows)


def test_only_the_test_split_and_a_share_of_it(world: World) -> None:
    names = [row["id"] for row in world.samples]
    splits = [
        {"media_id": name, "split": "train" if number < 3 else "test", "cluster": "c", "moved_from": None}
        for number, name in enumerate(names)
    ]
    rows, _ = world.run(splits, variants=["jpeg@50"], pseudo_fakes=False)
    assert {row["media_id"] for row in rows} == set(names[3:])
    rows, _ = world.run(splits, variants=["jpeg@50"], pseudo_fakes=False, per_shard=1)
    assert len(rows) == 1
    world.samples[0]["label"] = None
    rows, _ = world.run(variants=["jpeg@50"], pseudo_fakes=False)
    assert len(rows) == 5


def test_pseudo_fakes_are_corrupted_in_their_crops_with_real_ones_beside_them(
    world: World, tmp_path: Path
) -> None:
    world.add(tmp_path / "9.png", 9, True, dataset="pseudo-fakes", uri=world.samples[0]["uri"])
    rows, _ = world.run(variants=["jpeg@50"])
    pseudo = world.samples[-1]["id"]
    reals = {row["id"] for row in world.samples if row["label"] == 0}
    assert {row["media_id"] for row in rows if row["variant"] == "crops.jpeg@50"} == {pseudo, *reals}
    assert {row["media_id"] for row in rows if row["variant"] == "jpeg@50"} == {
        row["id"] for row in world.samples[:-1]
    }
    assert {row["variant"] for row in world.run(variants=["jpeg@50"], pseudo_fakes=False)[0]} == {"jpeg@50"}


def test_what_can_not_be_read_any_more_is_lost_and_said(world: World, tmp_path: Path) -> None:
    (tmp_path / "00.png").unlink()
    (tmp_path / "01.png").write_bytes(noise_file(55, enlarged=True))
    (tmp_path / "10.png").write_bytes(b"nothing")
    world.samples[3]["size"] = 2000
    rows, out = world.run(variants=["jpeg@50"], pseudo_fakes=False, max_bytes=1_000_000)
    why = {row["media_id"]: row["abstained"] for row in rows}
    assert [why[row["id"]] for row in world.samples[:4]] == ["unreadable", "unreadable", "not_media", None]
    assert all(row["score"] is None for row in rows if row["abstained"])
    assert out.counters["lost_unreadable"] == 2
    rows, _ = world.run(variants=["jpeg@50"], pseudo_fakes=False, max_bytes=1)
    assert {row["abstained"] for row in rows} == {"media_too_large"}


def test_same_scores_again_and_a_wrong_name_stops(world: World) -> None:
    def scores() -> list[tuple[Any, ...]]:
        rows, _ = world.run(variants=["noise@8"], pseudo_fakes=False)
        return [(row["media_id"], row["score"]) for row in rows]

    assert scores() == scores()
    with pytest.raises(ConfigurationError, match="no corruption 'fog'"):
        world.run(variants=["fog@3"])
    assert not RobustnessStage(RobustnessParams(variants=[])).enabled
