from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core import records, schemas
from components.core.stage import Output, Unit, empty
from components.core.store import Stores
from components.publish.export_captions import CORE, DISTILLED, ExportCaptionsReason, ExportCaptionsStage
from components.publish.kale_params import CaptionReleaseParams
from tests.publish import kale_runs
from tests.publish.kale_runs import SCENES, TEACHER, caption, captions, claim

IMAGES = records.table([image for image, *_ in SCENES], "images/1").select(["id", "bytes", "format"])


def run(rows: list[dict[str, Any]], images: pa.Table = IMAGES, index: int = 3, **params: object) -> Output:
    stage = ExportCaptionsStage(CaptionReleaseParams(**params))  # type: ignore[arg-type]
    out = Output(step=stage.name, reasons=stage.reasons, rows_in=len(rows))
    table = captions(rows)
    wanted = stage.lookup("images", table)
    found = [row for row in images.to_pylist() if row["id"] in wanted]
    stage.run(
        Unit(index, {"captions": table, "images": pa.Table.from_pylist(found, images.schema)}, Stores()), out
    )
    return out


def port(out: Output, name: str) -> list[dict[str, Any]]:
    (table,) = out.tables[name]
    schemas.check(table.schema, "kale_captions/1", producer="export_captions", consumer="the test")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def test_teacher_and_student_go_into_sets_of_their_own() -> None:
    student = len(TEACHER)
    out = run([caption(0), caption(student), caption(4)])
    core, distilled = port(out, CORE), port(out, DISTILLED)
    assert [row["sha256"] for row in core] == [SCENES[0][0].id, SCENES[4][0].id]
    assert [row["sha256"] for row in distilled] == [SCENES[student][0].id]
    assert (out.kept, out.ledger) == (3, [])
    fused, dense, written = core[0], core[1], distilled[0]
    assert fused["caption"] == "A red circle on a pale ground. Its name is Otto."
    assert fused["cogvlm_caption"] == "A red circle on a pale ground."
    assert (fused["captioner"], fused["stage"], fused["words"]) == ("toys/fuser", 1, 11)
    assert (dense["captioner"], written["captioner"], written["stage"]) == ("toys/teacher", "toys/student", 2)
    assert fused["alt_text"] == "Otto the circle"
    assert dense["alt_text"] is None, "a dense caption was made without it"
    assert [row["knowledge"] for row in (fused, dense, written)] == [True, False, None]
    fallen = caption(0) | {"kind": "dense"}
    assert port(run([fallen]), CORE)[0]["captioner"] == "toys/teacher", "it no longer is what the fuser wrote"
    assert fused["claims"] == captions([caption(0)]).column("claims")[0].as_py()


@pytest.mark.parametrize(
    ("claims", "knowledge"),
    [
        (None, None),
        ([], False),
        ([claim("x", "pixels")], False),
        ([claim("x", "page")], True),
        ([claim("x", "alt_text", removed=True)], False),
        ([claim("x", "alt_text", "contradicted")], False),
        ([claim("x", "none", "unsupported"), claim("y", "alt_text")], True),
    ],
)
def test_knowledge_is_a_supported_claim_from_outside_the_pixels(claims: Any, knowledge: bool | None) -> None:
    row = caption(0) | {"claims": claims}
    # rows around it must not lend it theirs
    (_, found, _) = port(run([caption(6), row, caption(12)]), CORE)
    assert found["knowledge"] is knowledge


def test_what_cannot_be_released_fails_with_its_reason() -> None:
    rows = [
        caption(0),
        caption(0),
        caption(1) | {"text": " \n"},
        caption(2) | {"captioner": None, "fuser": None},
        caption(3) | {"kind": "poem"},
        caption(4) | {"id": "../../etc/passwd"},
    ]
    out = run(rows)
    assert len(port(out, CORE)) == 1
    assert [(line["record_id"], line["action"], line["reason"]) for line in out.ledger] == [
        ("../../etc/passwd", "failed", ExportCaptionsReason.BAD_IMAGE_ID),
        (SCENES[0][0].id, "failed", ExportCaptionsReason.DUPLICATE_IMAGE),
        (SCENES[1][0].id, "failed", ExportCaptionsReason.EMPTY_CAPTION),
        (SCENES[2][0].id, "failed", ExportCaptionsReason.CAPTIONER_UNKNOWN),
        (SCENES[3][0].id, "failed", ExportCaptionsReason.UNKNOWN_KIND),
    ]
    assert out.ledger[1]["locator"] == SCENES[0][0].url


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SCENES) - 1),
            st.sampled_from(["fused", "dense", "one_pass", "student", "other"]),
            st.sampled_from(["Some words.", "", "\t"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_rows_in_are_kept_or_failed(chosen: list[tuple[int, str, str, bool]]) -> None:
    rows = [
        caption(number) | {"kind": kind, "text": text, "claims": caption(0)["claims"] if judged else None}
        for number, kind, text, judged in chosen
    ]
    out = run(rows)
    released = [*port(out, CORE), *port(out, DISTILLED)]
    assert len(released) == out.kept == len(rows) - len(out.ledger)
    assert len({row["sha256"] for row in released}) == len(released)
    assert all(row["stage"] == 2 for row in port(out, DISTILLED))


def test_a_shard_without_rows_gives_two_empty_tables() -> None:
    out = run([])
    assert port(out, CORE) == port(out, DISTILLED) == []
    assert out.attachments == []


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]


def test_tars_hold_the_images_as_found_beside_their_captions() -> None:
    student = len(TEACHER)
    out = run([caption(0), caption(student)], webdataset=True)
    assert [a.name for a in out.attachments] == ["core-00003.tar", "distilled-00003.tar"]
    found = members(out.attachments[0].data)
    image = SCENES[0][0]
    assert list(found) == [f"{image.id}.png", f"{image.id}.json", f"{image.id}.txt"]
    assert found[f"{image.id}.png"] == image.bytes
    assert found[f"{image.id}.txt"].decode() == caption(0)["text"]
    assert json.loads(found[f"{image.id}.json"]) == port(out, CORE)[0]
    assert out.attachments == run([caption(0), caption(student)], webdataset=True).attachments


def test_a_caption_whose_image_is_gone_is_released_without_a_sample() -> None:
    out = run([caption(0), caption(1)], IMAGES.slice(1), webdataset=True)
    assert len(port(out, CORE)) == 2
    assert len(members(out.attachments[0].data)) == 3
    (line,) = out.ledger
    assert (line["record_id"], line["action"]) == (SCENES[0][0].id, "changed")
    assert line["reason"] == ExportCaptionsReason.IMAGE_BYTES_MISSING


def test_no_image_is_read_unless_tars_are_wanted() -> None:
    table = captions([caption(0)])
    assert ExportCaptionsStage(CaptionReleaseParams()).lookup("images", table) == set()
    assert ExportCaptionsStage(CaptionReleaseParams(webdataset=True)).lookup("images", table) == {
        SCENES[0][0].id
    }
    assert run([caption(0)], empty("images/1", ["id", "bytes", "format"])).ledger == []


def test_several_datasets_are_one_release_and_the_same_each_time(tmp_path: Path) -> None:
    first = kale_runs.make(tmp_path / "one", webdataset=True)
    second = kale_runs.make(tmp_path / "two", webdataset=True)
    assert {name: m.digest for name, m in first.items()} == {name: m.digest for name, m in second.items()}
    assert (first[CORE].rows, first[DISTILLED].rows) == (24, 16)
    assert first[CORE].counts.rows_in == first[CORE].counts.kept == 40
    assert set(first[CORE].parents) == {"captions[0]", "captions[1]", "images"}
    assert len(first[CORE].files) == 3


def test_nothing_of_an_earlier_release_stays_behind(tmp_path: Path) -> None:
    kale_runs.make(tmp_path / "run", webdataset=True)
    store = tmp_path / "run"
    before = set((store / "export_captions").rglob("*.tar"))
    from components.core.manifest import load
    from components.core.runner import RunParams

    def dataset(step: str, name: str) -> Any:
        return load((store / step / name / "manifest.json").read_bytes(), step)

    given = [dataset("verify", "captions"), dataset("scale", "captions")]
    few = RunParams(partitions=3, processes=1)
    kale_runs.export(store.as_uri(), given, dataset("images_by_id", "unique"), few)
    assert len(before) == 3
    assert not set((store / "export_captions").rglob("*.tar"))
    assert len(list((store / "export_captions" / CORE).glob("*.parquet"))) == 3
