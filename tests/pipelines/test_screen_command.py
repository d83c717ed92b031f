"""`kalemint screen` as a person uses it: lines, JSON, a page, exit statuses, broken files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from components.deepfake.detectors.base import Evidence
from components.deepfake.sample import Crop, Sample, Track
from pipelines.screen_command import screen_command
from pipelines.screen_report import heat_figure, overlay
from tests.conftest import REPOSITORY
from tests.deepfake.clips import clip
from tests.deepfake.declared_files import png_with, stripped
from tests.deepfake.noise_model import noise_file, noise_picture, write_noise_model

app = typer.Typer()
app.command()(screen_command)
SETTINGS = {"parameters": "a fox\nSteps: 20, Sampler: Euler a"}


def screened(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(one) for one in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def lines(out: str) -> dict[str, dict[str, Any]]:
    return {Path(row["file"]).name: row for row in map(json.loads, out.splitlines())}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noise_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("media")
    declared = png_with(SETTINGS, image=noise_picture(1, enlarged=True))
    (folder / "declared.png").write_bytes(declared)
    (folder / "stripped.png").write_bytes(stripped(declared))
    (folder / "real 100%.png").write_bytes(noise_file(2, enlarged=False))
    (folder / "labels.csv").write_text("file,label\n")
    return folder


def test_a_folder_for_machines(folder: Path, model: Path) -> None:
    status, out, err = screened(folder, "--model", model, "--json", "-d", "provenance", "-d", "frequency")
    found = lines(out)
    assert status == 0
    assert {name: row["verdict"] for name, row in found.items()} == {
        "declared.png": "declared_synthetic",
        "stripped.png": "likely_forged",
        "real 100%.png": "likely_real",
    }
    assert "1 files that are no images or videos were passed over" in err
    row = found["stripped.png"]
    assert row["prior"] == 0.5 and row["probability"] > 0.7
    assert [one["detector"] for one in row["findings"]] == ["provenance", "frequency"]
    assert {e["kind"] for e in row["findings"][1]["evidence"]} == {"spectrum", "heat_map"}
    assert found["declared.png"]["provenance"]["standard"] == "png_text"


def test_lines_for_people(folder: Path, model: Path) -> None:
    status, out, _ = screened(folder / "stripped.png", folder / "declared.png", "--model", model)
    assert status == 0
    assert "likely forged  probability" in out
    assert "declared synthetic" in out and "Stable Diffusion web UI" in out
    assert "frequency: calibrated probability" in out
    assert re.search(r"- no answer, not a video: .*lip_sync", out)
    assert "- provenance: " in out
    assert "1 declared_synthetic, 1 likely_forged." in out


def test_the_prior_moves_the_verdict(folder: Path, model: Path) -> None:
    options = (folder / "stripped.png", "--model", model, "--json", "-d", "frequency")
    even, rare = (lines(screened(*options, "--prior", p)[1])["stripped.png"] for p in ("0.5", "0.001"))
    assert rare["probability"] < even["probability"]
    assert (even["verdict"], rare["verdict"]) == ("likely_forged", "cannot_tell")


def test_status_four_for_what_is_not_wanted(folder: Path, model: Path) -> None:
    options = (folder, "--model", model, "-d", "frequency", "--json")
    assert screened(*options, "--fail-on", "likely_forged")[0] == 4
    assert screened(folder / "real 100%.png", *options[1:], "--fail-on", "likely_forged")[0] == 0
    assert screened(folder / "stripped.png", "--json", "--fail-on", "declared_synthetic")[0] == 0


def test_broken_files_do_not_stop_the_others(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(50))
    (tmp_path / "c.jpg").write_bytes(b"words")
    (tmp_path / "d.png").write_bytes((folder / "declared.png").read_bytes())
    status, out, _ = screened(tmp_path, "--json")
    found = lines(out)
    assert status == 1
    assert {name: row.get("error") for name, row in found.items()} == {
        "a.png": "empty_file", "b.mp4": "undecodable", "c.jpg": "not_media", "d.png": None,
    }  # fmt: skip
    status, out, _ = screened(tmp_path / "a.png")
    assert status == 1 and "not examined  empty_file: the file has no bytes" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.png"], "names no file, no folder and no glob"),
        (["https://example.com/a.jpg"], "download the file first"),
        ([".", "--detector", "oracle"], "There is no detector 'oracle'"),
        ([".", "--model", "/none"], "is no folder"),
        ([".", "--report", "/none/a.html"], "there is no folder"),
    ],
)
def test_wrong_options_are_one_sentence(arguments: list[str], message: str) -> None:
    status, out, err = screened(*arguments)
    assert (status, out) == (2, "")
    assert message in err and err.startswith("Error: ")


def test_a_page_with_evidence(folder: Path, model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    broken = tmp_path / "x.png"
    broken.write_bytes(b"words")
    status, out, _ = screened(folder, broken, "--model", model, "--report", page)
    assert status == 1 and f"Report: {page}" in out
    text = page.read_text()
    assert text.count("data:image/webp") >= 4  # patches and heat maps
    assert "spectrum against training pictures" in text and "noise residual" in text
    assert "not_media" in text and "No verdict is a proof." in text
    assert "http://" not in re.sub(r"http://(www\.w3\.org|cv\.iptc\.org)", "", text)
    before = page.read_bytes()
    screened(folder, broken, "--model", model, "--report", page)
    assert page.read_bytes() == before


def test_a_video_is_examined_by_all_detectors(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip(30))
    status, out, _ = screened(tmp_path / "clip.mp4", "--json")
    (row,) = lines(out).values()
    assert status == 0
    assert (row["kind"], row["verdict"], row["probability"]) == ("video", "cannot_tell", None)
    assert row["coverage"]["decoded"] == row["coverage"]["planned"] > 0
    assert row["coverage"]["problem"] == "no_face"


def test_objects_of_a_store(s3_bucket: str, folder: Path) -> None:
    from components.core.store import open_store

    uri = f"s3://{s3_bucket}"
    open_store(uri).put("media/a b.png", (folder / "declared.png").read_bytes())
    status, out, _ = screened(f"{uri}/media/", "--json")
    (row,) = lines(out).values()
    assert (status, row["verdict"]) == (0, "declared_synthetic")
    assert row["file"] == f"{uri}/media/a b.png"


def test_the_help_teaches() -> None:
    status, out, _ = screened("--help")
    assert status == 0
    for word in ("cannot_tell", "--fail-on", "Exit status", "Example: kalemint screen"):
        assert word in out


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, pipelines.screen_command;"
        "print({'numpy', 'cv2', 'pyarrow', 'pydantic', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_heat_lies_over_the_crop_it_is_about() -> None:
    dark, light = np.full((64, 64, 3), 20, np.uint8), np.full((64, 64, 3), 200, np.uint8)
    crops = tuple(Crop(n, float(n), image, (0, 0, 1, 1)) for n, image in enumerate((dark, light)))
    sample = Sample("0" * 64, "video", 9, 9, faces=(Track(3, crops),))
    heat = np.zeros((16, 16), np.float32)
    heat[:, 8:] = 1
    drawn = overlay(light, heat)
    assert drawn[32, 4].tolist() == [200, 200, 200]
    assert drawn[32, 60].tolist() == [236, 236, 70]
    evidence = Evidence("map", "heat_map", "Bright.", heat, seconds=1.0, track=3)
    assert heat_figure(evidence, sample) is not None
    assert heat_figure(Evidence("map", "heat_map", "Bright.", heat, seconds=5.0, track=3), sample) is None
