"""The step `screen`: scores for images, nothing dropped, the rest of the row as it was."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.core import schemas
from components.core.records import Image, table
from components.core.stage import Output, Unit
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.screen_images import ScreenImagesStage
from components.deepfake.screen_params import ScreenImagesParams
from tests.deepfake.declared_files import png_with, stripped
from tests.deepfake.noise_model import noise_file, noise_picture, write_noise_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noise_model(tmp_path_factory.mktemp("model"))


def image(data: bytes, **scores: float) -> Image:
    name = hashlib.sha256(data).hexdigest()
    return Image(name, data, len(data), "png", 300, 280, scores=scores)


def run(images: list[Image], **params: Any) -> tuple[dict[str, dict[str, Any]], Output]:
    out = Output("screen", DeepfakeReason)
    stage = ScreenImagesStage(ScreenImagesParams.model_validate(params))
    stage.run(Unit(0, {"images": table(images, "images/1")}, None), out)  # type: ignore[arg-type]
    (kept,) = out.tables["images"]
    schemas.check(kept.schema, "images/1", producer="screen", consumer="test")
    rows = kept.to_pylist()
    assert [row["id"] for row in rows] == sorted(one.id for one in images)
    return {row["id"]: row for row in rows}, out


DECLARED = png_with(
    {"parameters": "a fox\nSteps: 20, Sampler: Euler a"}, image=noise_picture(1, enlarged=True)
)
WANTED = {"provenance": {}, "frequency": {}}


def test_scores_of_every_verdict(model: Path) -> None:
    files = {
        "declared": DECLARED,
        "forged": stripped(DECLARED),
        "real": noise_file(3, enlarged=False),
    }
    images = {name: image(data, sharpness=5.0, forged_verdict=4.0) for name, data in files.items()}
    rows, out = run(list(images.values()), model=str(model), detectors=WANTED, batch=2)
    scores = {name: dict(rows[one.id]["scores"]) for name, one in images.items()}
    assert scores["declared"] == {"sharpness": 5.0, "synthetic_declared": 1.0, "forged_verdict": 4.0}
    assert scores["forged"].pop("forged_probability") > 0.7
    assert scores["forged"] == {"sharpness": 5.0, "synthetic_declared": 0.0, "forged_verdict": 3.0}
    assert scores["real"].pop("forged_probability") < 0.3
    assert scores["real"]["forged_verdict"] == 1.0
    for name, one in images.items():
        assert rows[one.id]["bytes"] == files[name]
        assert [key for key, _ in rows[one.id]["scores"]] == sorted(dict(rows[one.id]["scores"]))
    assert out.ledger == []
    assert out.counters["verdict_declared_synthetic"] == 1
    assert out.counters["detector_frequency_likely_forged"] == 1
    assert out.counters["detector_frequency_likely_real"] == 1


def test_without_a_calibration_only_metadata_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "components.deepfake.examine", None)  # decoding would fail
    folder = write_noise_model(tmp_path / "m", calibrated=False)
    rows, out = run([image(DECLARED), image(stripped(DECLARED))], model=str(folder), detectors=WANTED)
    assert sorted(dict(row["scores"])["forged_verdict"] for row in rows.values()) == [0.0, 4.0]
    assert not any("forged_probability" in dict(row["scores"]) for row in rows.values())
    assert out.counters["verdict_cannot_tell"] == 1


def test_an_image_that_cannot_be_examined_is_kept_and_told(model: Path) -> None:
    cut = stripped(DECLARED)
    broken = image(cut[: len(cut) // 2], sharpness=1.0)
    rows, out = run([broken, image(DECLARED)], model=str(model), detectors=WANTED)
    assert dict(rows[broken.id]["scores"]) == {"sharpness": 1.0, "synthetic_declared": 0.0}
    (line,) = out.ledger
    assert (line["record_id"], line["action"], line["record_kind"]) == (broken.id, "changed", "image")
    assert line["reason"] in {"truncated", "undecodable"}
    assert out.counters["images_not_examined"] == 1


def test_switched_off_images_pass_as_they_are(model: Path) -> None:
    images = [image(DECLARED, sharpness=2.0), image(noise_file(1, enlarged=False))]
    rows, out = run(images, enabled=False, model=str(model))
    assert [dict(rows[one.id]["scores"] or []) for one in images] == [{"sharpness": 2.0}, {}]
    assert out.counters == {}


def test_batches_change_nothing(model: Path) -> None:
    images = [image(noise_file(n, enlarged=bool(n % 2))) for n in range(5)]
    one, _ = run(images, model=str(model), detectors=WANTED, batch=1)
    all_, _ = run(images, model=str(model), detectors=WANTED, batch=64)
    assert one == all_


def test_no_image_at_all() -> None:
    assert run([])[0] == {}
