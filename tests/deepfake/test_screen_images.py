"""The step `screen`: a verdict and scores for every image, none left out."""

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


def image(data: bytes) -> Image:
    return Image(hashlib.sha256(data).hexdigest(), data, len(data), "png", 300, 280)


def run(images: list[Image], **params: Any) -> tuple[dict[str, dict[str, Any]], Output]:
    out = Output("screen", DeepfakeReason)
    stage = ScreenImagesStage(ScreenImagesParams.model_validate(params))
    port = table(images, "images/1").select(list(stage.columns["images"]))
    stage.run(Unit(0, {"images": port}, None), out)  # type: ignore[arg-type]
    (kept,) = out.tables["screenings"]
    schemas.check(kept.schema, "screenings/1", producer="screen", consumer="test")
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
    images = {name: image(data) for name, data in files.items()}
    rows, out = run(list(images.values()), model=str(model), detectors=WANTED, batch=2)
    scores = {name: dict(rows[one.id]["scores"]) for name, one in images.items()}
    assert scores["declared"] == {"synthetic_declared": 1.0, "forged_verdict": 4.0}
    assert scores["forged"].pop("forged_probability") > 0.7
    assert scores["forged"] == {"synthetic_declared": 0.0, "forged_verdict": 3.0}
    assert scores["real"].pop("forged_probability") < 0.3
    assert scores["real"]["forged_verdict"] == 1.0
    assert {name: rows[one.id]["verdict"] for name, one in images.items()} == {
        "declared": "declared_synthetic", "forged": "likely_forged", "real": "likely_real",
    }  # fmt: skip
    assert "Stable Diffusion web UI" in rows[images["declared"].id]["why"]
    for row in rows.values():
        assert [key for key, _ in row["scores"]] == sorted(dict(row["scores"]))
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
    broken = image(cut[: len(cut) // 2])
    rows, out = run([broken, image(DECLARED)], model=str(model), detectors=WANTED)
    assert dict(rows[broken.id]["scores"]) == {"synthetic_declared": 0.0}
    assert rows[broken.id]["verdict"] == "cannot_tell"
    assert "could not be examined" in rows[broken.id]["why"]
    (line,) = out.ledger
    assert (line["record_id"], line["action"], line["record_kind"]) == (broken.id, "changed", "image")
    assert line["reason"] in {"truncated", "undecodable"}
    assert out.counters["images_not_examined"] == 1


def test_it_can_be_switched_off() -> None:
    assert ScreenImagesStage(ScreenImagesParams()).enabled
    assert not ScreenImagesStage(ScreenImagesParams(enabled=False)).enabled


def test_batches_change_nothing(model: Path) -> None:
    images = [image(noise_file(n, enlarged=bool(n % 2))) for n in range(5)]
    one, _ = run(images, model=str(model), detectors=WANTED, batch=1)
    all_, _ = run(images, model=str(model), detectors=WANTED, batch=64)
    assert one == all_


def test_no_image_at_all() -> None:
    assert run([])[0] == {}
