"""The configurations of the real ablation: they can be read, and differ in the captions alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from components.core.prompts import load_prompt
from components.distill.train_params import TrainParams
from pipelines.config import load_config
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY / "examples" / "ablation-gpu"
CONFIGS = ("alt", "dense", "capsfusion", "kale")


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cauldron = _load("cauldron_rows")


def _config(name: str) -> dict[str, Any]:
    return load_config("kale", FOLDER / f"{name}.yaml", []).model_dump(mode="json")


@pytest.mark.parametrize("name", CONFIGS)
def test_students_see_the_same_and_are_trained_the_same(name: str) -> None:
    own, kale = _config(name), _config("kale")
    assert own["distill"]["train"] == kale["distill"]["train"]
    assert own["distill"]["train"]["steps"] * own["distill"]["train"]["batch"] == 2_000_000
    assert not own["distill"]["training_set"]["give_alt_text"]
    assert own["caption"]["pairs"] == kale["caption"]["pairs"]
    assert own["caption"]["teacher"] == kale["caption"]["teacher"]


def test_the_sets_differ_in_what_the_student_is_to_write() -> None:
    assert [_config(name)["distill"]["training_set"]["targets"] for name in CONFIGS] == [
        "alt",
        "dense",
        "final",
        "final",
    ]
    captions = {name: _config(name)["caption"] for name in CONFIGS}
    assert captions["alt"] == captions["dense"] == captions["kale"]  # one run of the teacher makes all three
    short = load_prompt(captions["capsfusion"]["dense"]["prompt"])
    assert short.image and short.max_tokens < load_prompt(captions["kale"]["dense"]["prompt"]).max_tokens
    assert captions["capsfusion"]["augment"]["min_alignment"]["lexical"] == 0


def test_tuning_has_a_million_rows_and_a_lower_rate() -> None:
    values = yaml.safe_load((FOLDER / "tune.yaml").read_text())
    tune = TrainParams.model_validate({**values, "student": {"start": "somewhere"}})
    assert tune.steps is not None and tune.steps * tune.batch == 1_000_000
    assert tune.language.lr == 3e-5
    assert _config("kale")["distill"]["train"]["language"]["lr"] == 5e-5


def _sample(number: int, images: int = 1) -> dict[str, Any]:
    turns = [{"user": f"Question {number}?", "assistant": f" {number} ", "source": "here"}]
    return {"images": [{"bytes": b"png", "path": None}] * images, "texts": turns + turns}


def _write(folder: Path, *samples: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(samples)), folder / "train-00000.parquet")


def test_rows_of_the_cauldron(tmp_path: Path) -> None:
    _write(tmp_path / "in" / "charts", *(_sample(number) for number in range(600)))
    _write(tmp_path / "in" / "pairs", *(_sample(number, images=2) for number in range(200)))
    _write(tmp_path / "in" / "little", _sample(7))
    found = cauldron.sizes(tmp_path / "in")
    assert found == {"charts": 600, "little": 1, "pairs": 200}
    shares = cauldron.taken(found, 401)
    assert shares["charts"] == shares["pairs"] == pytest.approx(401 / 801)
    written, left_out = cauldron.write(tmp_path / "in", shares, tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "charts.parquet").to_pylist()
    assert 240 < len(rows) < 360 and 60 < left_out < 140  # half of them, but for chance
    assert pq.read_table(tmp_path / "out" / "pairs.parquet").num_rows == 0
    little = pq.read_table(tmp_path / "out" / "little.parquet").num_rows
    assert written == len(rows) + little
    number = rows[0]["target"]
    assert rows[0] == {"image": b"png", "system": None, "user": f"Question {number}?", "target": number}


def test_weights_of_tasks() -> None:
    found = {"charts": 600, "maps": 300}
    assert cauldron.taken(found, 100, {"charts": 3, "maps": 1}) == {"charts": 75 / 600, "maps": 25 / 300}
    with pytest.raises(ValueError, match="plans"):
        cauldron.taken(found, 100, {"plans": 1})
    with pytest.raises(ValueError, match=r"too few samples for 1,000 rows: charts, maps"):
        cauldron.taken(found, 1000)
