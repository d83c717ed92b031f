"""Screening by a person and in pipelines: provenance answers first, then pixels, else nobody can tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.core.manifest import Manifest
from pipelines.chain import list_sources, run_chain
from pipelines.config import load_config
from pipelines.inspection import verify, why
from tests.caption.pair_files import encoded
from tests.deepfake.declared_files import created, make_signer, manifest, pixels, png_with, signed, stripped
from tests.deepfake.noise_model import noise_picture, write_noise_model
from tests.pipelines import chain
from tests.pipelines.small_web import Web, paragraphs, picture, small_web
from tests.pipelines.test_preset_runs import SETTINGS, rows
from tests.pipelines.test_resume import finished_units
from tests.pipelines.test_screen_command import lines, screened

GENERATOR = {"parameters": "an engraving of a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"}


# --- one file: provenance first, then pixels, else no answer ---


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that say in three ways that a generator made them, each with a copy that says nothing."""
    folder = tmp_path_factory.mktemp("declared")
    definition = manifest(created("trainedAlgorithmicMedia"), generator="Example Generator")
    camera = manifest(created("digitalCapture"), generator="Example Camera")
    signer = make_signer()
    shown = noise_picture(1, enlarged=True)
    as_jpeg = stripped(png_with({}, image=shown), "JPEG")
    files = {
        "c2pa": signed(as_jpeg, definition, signer),
        "captured": signed(as_jpeg, camera, signer),
        "text": png_with(GENERATOR, image=shown),
    }
    made = {"root": folder / "root.pem"}
    made["root"].write_text(signer.root)
    for name, data in files.items():
        kind = "JPEG" if data[:2] == b"\xff\xd8" else "PNG"
        for at, content in ((name, data), (f"{name}_stripped", stripped(data, kind))):
            made[at] = folder / f"{at}.{kind.lower()}"
            made[at].write_bytes(content)
    return made


def verdict(*arguments: str | Path) -> dict[str, Any]:
    status, out, _ = screened(*arguments, "--json")
    assert status == 0
    (row,) = lines(out).values()
    return row


@pytest.mark.parametrize(
    ("name", "standard", "said"),
    [("c2pa", "c2pa", "declares trainedAlgorithmicMedia"), ("text", "png_text", "Stable Diffusion web UI")],
)
def test_what_a_file_declares_answers(declared: dict[str, Path], name: str, standard: str, said: str) -> None:
    row = verdict(declared[name])
    assert (row["verdict"], row["probability"]) == ("declared_synthetic", None)
    assert (row["provenance"]["verdict"], row["provenance"]["standard"]) == ("synthetic", standard)
    assert said in row["why"]
    assert {one["detector"]: one["score"] for one in row["findings"]}["provenance"] > 0


def test_a_camera_is_believed_only_where_its_signer_is_trusted(declared: dict[str, Path]) -> None:
    trusted = verdict(declared["captured"], "--trust", declared["root"])
    assert (trusted["verdict"], trusted["provenance"]["trusted"]) == ("declared_captured", True)
    unknown = verdict(declared["captured"])
    assert unknown["provenance"]["trusted"] is False
    assert unknown["verdict"] not in {"declared_captured", "declared_synthetic"}


@pytest.mark.parametrize("name", ["c2pa_stripped", "text_stripped"])
def test_a_stripped_copy_is_answered_from_pixels_or_not_at_all(declared: dict[str, Path], name: str) -> None:
    """With what comes with the package."""
    row = verdict(declared[name])
    assert row["provenance"]["verdict"] == "none"
    (provenance,) = [one for one in row["findings"] if one["detector"] == "provenance"]
    assert (provenance["score"], provenance["abstained"]) == (None, "nothing_declared")
    others = [one for one in row["findings"] if one is not provenance]
    assert others and all((one["score"] is None) != (one["abstained"] is None) for one in others)
    if row["probability"] is None:
        assert row["verdict"] == "cannot_tell"
        assert row["why"].startswith("No detector can tell (")
        assert all(one["detector"] in row["why"] for one in others)
    else:
        assert row["verdict"] in {"likely_forged", "likely_real", "cannot_tell"}
        assert any(one["detector"] in row["why"] for one in others if one["score"] is not None)
        assert "at a prior of 0.5" in row["why"]


def test_pixels_answer_with_a_calibration_and_abstain_without(
    declared: dict[str, Path], tmp_path: Path
) -> None:
    options = (declared["text_stripped"], "-d", "provenance", "-d", "frequency", "--model")
    knows = verdict(*options, write_noise_model(tmp_path / "calibrated"))
    assert knows["verdict"] == "likely_forged" and knows["probability"] > 0.7
    assert "frequency" in knows["why"]
    silent = verdict(*options, write_noise_model(tmp_path / "raw", calibrated=False))
    assert (silent["verdict"], silent["probability"]) == ("cannot_tell", None)
    assert "not calibrated: frequency" in silent["why"]
    assert silent["findings"][1]["score"] == knows["findings"][1]["score"]


# --- the pipeline mint ---


@dataclass
class Shown:
    """A run of `mint` over a web with a page that shows a generated image and another one."""

    web: Web
    out: Path
    made: dict[str, Manifest]
    finished: dict[str, tuple[int, bytes]]


MADE = png_with(GENERATOR, image=pixels(3, 320))
OTHER = picture(77)
MADE_ID, OTHER_ID = (hashlib.sha256(data).hexdigest() for data in (MADE, OTHER))
DROPPED = "filter.decide.synthetic_images=image"


def mint(web: Web, out: Path, *more: str) -> dict[str, Manifest]:
    return chain.mint([str(web.warc)], str(out), settings=[*SETTINGS, *more], preset="mint")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp("shown")
    with small_web(folder) as web:
        # a page of its own texts: those of the others are duplicates of one another
        texts = [
            f"{text} Seen beside the two pictures, part {n}."
            for n, text in enumerate(paragraphs("image-processing/tinting-grayscale-images")[:4])
        ]
        web.add_page("both", texts, web.serve_image("/made.png", MADE), web.serve_image("/other.png", OTHER))
        made = mint(web, folder / "out")
        yield Shown(web, folder / "out", made, finished_units(folder / "out"))


def images(made: dict[str, Manifest], url: str) -> list[str]:
    """Images that a released page shows."""
    (document,) = [row for row in rows(made["decide_images.documents"]) if row["url"] == url]
    return [item["image_id"] for item in document["items"] if item["kind"] == "image"]


def test_by_default_mint_keeps_generated_images_and_says_so(shown: Shown) -> None:
    assert images(shown.made, shown.web.urls["both"]) == [MADE_ID, OTHER_ID]
    found = {row["id"]: row for row in rows(shown.made["screen.screenings"])}
    assert found.keys() == {row["id"] for row in rows(shown.made["annotate_images.images"])}
    assert found[MADE_ID]["verdict"] == "declared_synthetic"
    assert "Stable Diffusion web UI" in found[MADE_ID]["why"]
    assert dict(found[MADE_ID]["scores"]) == {"synthetic_declared": 1.0, "forged_verdict": 4.0}
    assert [one["id"] for one in found.values() if one["verdict"] == "declared_synthetic"] == [MADE_ID]
    assert shown.made["screen.screenings"].counts.counters["verdict_declared_synthetic"] == 1


def test_by_policy_mint_drops_them_without_screening_again(shown: Shown, tmp_path: Path) -> None:
    again = mint(shown.web, shown.out, DROPPED)
    assert images(again, shown.web.urls["both"]) == [OTHER_ID]
    (line,) = [one for one in why(str(shown.out), MADE_ID) if one["reason"] == "image_synthetic"]
    assert (line["step"], line["action"]) == ("decide_images", "changed")
    page = [one["reason"] for one in why(str(shown.out), shown.web.urls["both"])]
    assert "image_synthetic" in page
    assert again["decide_images.documents"].counts.changed["image_synthetic"] == 1
    assert again["screen.screenings"].digest == shown.made["screen.screenings"].digest
    now = finished_units(shown.out)
    screening = [path for path in shown.finished if "/screen/" in path]
    assert screening and {p: now[p] for p in screening} == {p: shown.finished[p] for p in screening}
    assert verify(str(shown.out)).problems == []


def test_screening_switched_off_lets_every_image_pass(shown: Shown, tmp_path: Path) -> None:
    made = mint(shown.web, tmp_path / "out", "screen.enabled=false", DROPPED)
    assert made["screen.screenings"].rows == 0
    assert images(made, shown.web.urls["both"]) == [MADE_ID, OTHER_ID]


# --- the pipeline kale, as far as its pairs: no engine runs ---


def kale(inputs: Path, out: Path, *settings: str) -> dict[str, Manifest]:
    values = ("caption.teacher.model=none/none", "run.processes=1", "run.partitions=2", *settings)
    config = load_config("kale", None, values).model_dump(mode="json")
    sources = list_sources("kale", [str(inputs)], str(out), config)
    return run_chain("kale", sources, str(out), config, until="pairs")


def test_pairs_of_kale_are_kept_or_dropped_by_policy(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    made = png_with(GENERATOR, image=pixels(5, 320))
    for name, data in (("made.png", made), ("shape.jpg", encoded(4, size=(320, 240)))):
        (folder / name).write_bytes(data)
        (folder / name).with_suffix(".txt").write_text(f"A drawing that is called {name}")
    made_id = hashlib.sha256(made).hexdigest()
    first = kale(folder, tmp_path / "out")
    kept = {row["id"] for port in ("pairs", "rest") for row in rows(first[f"pairs.{port}"])}
    assert made_id in kept and len(kept) == 2
    verdicts = {row["id"]: row["verdict"] for row in rows(first["screen.screenings"])}
    assert verdicts.keys() == kept and verdicts[made_id] == "declared_synthetic"
    before = finished_units(tmp_path / "out")
    second = kale(folder, tmp_path / "out", "caption.pairs.synthetic_images=drop")
    left = {row["id"] for port in ("pairs", "rest") for row in rows(second[f"pairs.{port}"])}
    assert left == kept - {made_id}
    assert second["pairs.pairs"].counts.dropped == {"image_synthetic": 1}
    assert second["pairs.pairs"].counts.imbalance() == 0
    assert second["screen.screenings"].digest == first["screen.screenings"].digest
    now = finished_units(tmp_path / "out")
    assert {p: now[p] for p in before if "/screen/" in p} == {
        p: w for p, w in before.items() if "/screen/" in p
    }
