from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from components.core import report as kit
from components.core import schemas
from components.core.manifest import Counts, Manifest, find
from components.core.runner import RunParams, publish, run_step
from components.core.store import open_store
from components.publish.describe import read_run
from components.publish.kale_params import CaptionReleaseParams
from components.publish.pictures import Pictures
from components.publish.run_report import build_report
from components.publish.screening_report import screening_sections
from components.publish.screening_summary import ScreeningSummary, summarize_screening
from tests.core.test_report import parsed
from tests.publish import kale_runs, runs, samples

PICTURES = sorted((samples.image_record(samples.jpeg(n)) for n in range(60)), key=lambda one: one.id)
COUNTERS: dict[str, float] = {
    "verdict_cannot_tell": 20, "images_not_examined": 2, "detector_heart_rate_abstained": 58,
    "detector_spatial_likely_forged": 15, "detector_spatial_cannot_tell": 43,
    "detector_file_not_calibrated": 1,
}  # fmt: skip


def verdict(number: int) -> str:
    if number < 3:
        return "declared_synthetic"
    return "likely_forged" if number < 18 else "cannot_tell" if number < 50 else "likely_real"


def make(root: Path, *, removed: bool = True) -> None:
    """A run that released documents and screened 60 images, spread over partitions."""
    runs.make(root)
    uri = root.as_uri()
    table = samples.images_table(PICTURES)
    total = len(PICTURES)
    given = publish(
        "found", "found", "images/1", [table], [], Counts(rows_in=total, kept=total), uri, params={}
    )
    few = RunParams(partitions=3, processes=1)
    readers = [kale_runs.ReadImages(CaptionReleaseParams()), kale_runs.ImagesById(CaptionReleaseParams())]
    for reader in readers:
        reader.partitions = few.partitions
    read = run_step(readers[0], {"given": given}, uri, few)["images"]
    spread = run_step(readers[1], {"images": read}, uri, few)["unique"]
    rows = [
        {"id": one.id, "verdict": verdict(n), "why": f"{runs.NASTY} {n}", "scores": []}
        for n, one in enumerate(PICTURES)
    ]
    tables = [
        pa.Table.from_pylist(part, schema=schemas.get("screenings/1")) for part in (rows[:35], rows[35:])
    ]
    counts = Counts(rows_in=total, kept=total, counters=COUNTERS)
    publish("screen", "screenings", "screenings/1", tables, [], counts, uri, params={},
            parents={"images": spread.digest}, family="deepfake")  # fmt: skip
    changed = {"image_synthetic": 3, "too_small": 9} if removed else {"too_small": 9}
    publish("decide_images", "x", "ledger/1", [], [], Counts(changed=changed), uri, params={})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> ScreeningSummary:
    root = tmp_path_factory.mktemp("screened") / "run"
    make(root)
    run = read_run(str(root))[0]
    assert run.screening is not None
    return run.screening


def test_what_was_found_is_counted(found: ScreeningSummary) -> None:
    assert found.verdicts == {
        "declared_synthetic": 3, "likely_forged": 15, "cannot_tell": 32, "likely_real": 10,
    }  # fmt: skip
    assert found.not_examined == 2
    assert found.detectors == {
        "heart_rate": {"abstained": 58}, "spatial": {"likely_forged": 15, "cannot_tell": 43},
        "file": {"not_calibrated": 1},
    }  # fmt: skip
    assert [(r.step, r.action, r.reason, r.records) for r in found.removals] == [
        ("decide_images", "changed", "image_synthetic", 3)
    ]


def test_suspected_images_are_shown_first_with_their_bytes(found: ScreeningSummary) -> None:
    told = [row["verdict"] for row in found.shown]
    assert (
        told
        == ["declared_synthetic"] * 3 + ["likely_forged"] * 15 + ["cannot_tell"] * 3 + ["likely_real"] * 3
    )
    assert {row["id"] for row in found.shown[:18]} == {one.id for one in PICTURES[:18]}
    assert found.images == {one.id: one.bytes for one in PICTURES if one.id in {r["id"] for r in found.shown}}


def test_the_section_says_it_all_and_escapes_it(found: ScreeningSummary) -> None:
    (section,) = screening_sections(found, Pictures(found.images))
    assert section.title == "Where images come from"
    (gallery,) = (block for block in section.blocks if isinstance(block, kit.Gallery))
    assert len(gallery.figures) == 24
    page = kit.render(kit.Report("t", "s", [section]))
    assert "script" not in parsed(page).tags
    for said in (
        "Verdicts on 60 images", "Answers of heart rate", "abstain is the norm", "is no proof",
        "The pixels of 2 images", "image was taken out of its document", "likely forged: &lt;script",
    ):  # fmt: skip
        assert said in page
    (bare,) = screening_sections(found, Pictures({}))
    assert not any(isinstance(block, kit.Gallery) for block in bare.blocks)


def test_nothing_removed_is_said_and_nothing_screened_shows_nothing(
    tmp_path: Path,
) -> None:
    make(tmp_path / "flagged", removed=False)
    page = build_report(read_run(str(tmp_path / "flagged"))[0])
    assert "verdicts were written down only" in page
    assert page == build_report(read_run(str(tmp_path / "flagged"))[0])
    runs.make(tmp_path / "plain")
    assert "Where images come from" not in build_report(read_run(str(tmp_path / "plain"))[0])
    store = open_store(str(tmp_path / "flagged"))
    skipped = [
        Manifest.model_validate({**one.model_dump(by_alias=True), "skipped": "screen.enabled is false"})
        for one in find(store)
    ]
    assert summarize_screening(store, skipped) is None
