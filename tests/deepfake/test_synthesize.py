import dataclasses
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
from components.deepfake.examine import examine
from components.deepfake.faces_params import ExamineParams
from components.deepfake.forgeries.base import generator
from components.deepfake.forgeries.face_swap_2d import swap
from components.deepfake.forgeries.self_blend import SelfBlend
from components.deepfake.forgery_params import SynthesizeParams
from components.deepfake.provenance import read_provenance
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.sample import Sample
from components.deepfake.sample_rows import from_rows, read_samples, to_rows
from components.deepfake.synthesize import SynthesizeStage
from tests.deepfake.forgeries.faces import video

METHODS = SynthesizeParams().methods


def row(sample: Sample, *, label: int | None = 0, group: str | None = None) -> dict[str, Any]:
    return {
        "id": sample.id, "uri": f"file:///clips/{sample.id[-2:]}.mp4", "kind": sample.kind, "format": "mp4",
        "size": 1000, "width": 640, "height": 480, "seconds": 4.0, "fps": 25.0,
        "has_audio": sample.audio is not None, "label": label, "method": None, "family": None,
        "dataset": "own", "split": None, "group": group or sample.id[-2:], "source": None,
        "attributes": [("age", "30")], "provenance": dataclasses.asdict(sample.provenance),
    }  # fmt: skip


def tables(samples: list[Sample], splits: list[str], **changes: Any) -> dict[str, pa.Table]:
    """Tables of a shard; `changes` holds lists of labels, groups or clusters."""
    labels = changes.get("labels", [0] * len(samples))
    groups = changes.get("groups", [None] * len(samples))
    clusters = changes.get("clusters", [sample.id for sample in samples])
    rows, crops = [], []
    for sample, label, group in zip(samples, labels, groups, strict=True):
        columns, found = to_rows(sample)
        rows.append({**row(sample, label=label, group=group), **columns})
        crops += found
    assigned = [
        {"media_id": sample.id, "split": split, "cluster": cluster, "moved_from": None}
        for sample, split, cluster in zip(samples, splits, clusters, strict=True)
    ]
    return {
        "samples": pa.Table.from_pylist(rows, schema=schemas.get("samples/1")),
        "crops": pa.Table.from_pylist(crops, schema=schemas.get("crops/1")),
        "splits": pa.Table.from_pylist(assigned, schema=schemas.get("splits/1")),
    }


def synthesize(given: dict[str, pa.Table], only: frozenset[str] | None = None, **params: Any) -> Output:
    stage = SynthesizeStage(SynthesizeParams(**params))
    out = Output("synthesize", DeepfakeReason)
    stage.run(Unit(0, given, Stores("memory"), only), out)
    return out


def made(out: Output, port: str) -> list[dict[str, Any]]:
    found = out.tables.get(port, [])
    return pa.concat_tables(found).to_pylist() if found else []


@pytest.fixture(scope="module")
def three() -> Output:
    return synthesize(tables([video(1), video(2), video(3)], ["train", "train", "test"]))


def test_every_real_sample_is_forged_by_every_method_or_has_a_reason(three: Output) -> None:
    rows = made(three, "samples")
    found = {(forged["source"], forged["method"]) for forged in rows}
    expected = {(video(n).id, method) for n in (1, 2, 3) for method in METHODS}
    # number 3 is alone in its split: nobody to swap with
    missing = (video(3).id, "face_swap_2d")
    assert found == expected - {missing}
    (line,) = three.ledger
    assert (line["record_id"], line["action"], line["reason"]) == (missing[0], "dropped", "cannot_forge")
    assert "face_swap_2d" in line["detail"]
    assert three.rows_in == 15
    assert three.kept == len(rows) == 14
    assert three.counters["forged_self_blend"] == 3


def test_a_forged_row_is_labelled_and_leads_back_to_its_source(three: Output) -> None:
    for forged in made(three, "samples"):
        assert (forged["label"], forged["dataset"], forged["family"]) == (1, "pseudo-fakes", forged["method"])
        assert forged["group"] == forged["source"][-2:]
        assert forged["split"] == ("test" if forged["source"] == video(3).id else "train")
        assert forged["uri"].endswith(f"{forged['source'][-2:]}.mp4")
        assert forged["attributes"] == [("age", "30")]
        assert forged["provenance"]["verdict"] == "synthetic"
        assert forged["provenance"]["detail"].endswith(forged["source"])
        recipe = ("kalemint pseudo-fake", forged["source"], forged["method"], "0", "1")
        assert forged["id"] == hashlib.sha256("\0".join(recipe).encode()).hexdigest()


def test_crops_belong_to_their_rows_and_carry_the_mark(three: Output) -> None:
    rows, crops = made(three, "samples"), made(three, "crops")
    assert {crop["media_id"] for crop in crops} == {forged["id"] for forged in rows}
    assert {crop["kind"] for crop in crops} == {"face", "dense", "patch"}
    for crop in crops[::5]:
        found = read_provenance(crop["image"])
        assert (found.verdict, found.standard) == ("synthetic", "watermark")


def test_rows_read_back_as_the_samples_that_were_forged(three: Output) -> None:
    rows = pa.concat_tables(three.tables["samples"])
    crops = pa.concat_tables(three.tables["crops"])
    back = {
        line["method"]: sample for line, sample in read_samples(rows, crops) if line["source"] == video(1).id
    }
    real = to_rows(video(1))
    stored = from_rows({**row(video(1)), **real[0]}, real[1])
    rng = generator("pseudo-fake", video(1).id, "self_blend", "0", "1")
    expected = SelfBlend().forge(stored, [], rng)
    assert expected is not None
    for one, two in zip(back["self_blend"].faces[0].crops, expected.faces[0].crops, strict=True):
        assert (one.image == two.image).all()
        assert one.mask is not None
        assert (one.mask == two.mask).all()
    assert back["lip_offset"].audio is not None
    assert (back["lip_offset"].audio.samples != stored.audio.samples).any()  # type: ignore[union-attr]
    assert all(crop.mask is None for crop in back["lip_offset"].faces[0].crops)


def test_the_same_shard_gives_the_same_rows(three: Output) -> None:
    again = synthesize(tables([video(1), video(2), video(3)], ["train", "train", "test"]))
    for port in ("samples", "crops"):
        assert pa.concat_tables(again.tables[port]).equals(pa.concat_tables(three.tables[port]))


def test_copies_differ(three: Output) -> None:
    out = synthesize(tables([video(1)], ["train"]), methods=["self_blend"], copies=3)
    rows, crops = made(out, "samples"), made(out, "crops")
    assert len({forged["id"] for forged in rows}) == 3
    images = {crop["image"] for crop in crops if crop["kind"] == "face" and crop["frame"] == 0}
    assert len(images) == 3
    assert rows[0]["id"] in {forged["id"] for forged in made(three, "samples")}


def test_a_face_comes_from_another_group_and_cluster_of_the_same_split() -> None:
    people = [video(n) for n in (1, 2, 3, 4, 5)]
    given = tables(
        people,
        ["train", "train", "train", "train", "test"],
        groups=["a", "a", "c", "d", "e"],
        clusters=["a", "a", "a", "d", "e"],
    )
    out = synthesize(given, methods=["face_swap_2d"])
    forged = {line["source"]: line["id"] for line in made(out, "samples")}
    assert set(forged) == {person.id for person in people[:4]}
    rows, crops = pa.concat_tables(out.tables["samples"]), pa.concat_tables(out.tables["crops"])
    back = {line["source"]: sample for line, sample in read_samples(rows, crops)}
    # of the same group, of the same cluster, of another split: number 4 alone is left for 1, 2 and 3
    for target in people[:3]:
        real = target.faces[0].crops[0]
        candidates = [swap(real, donor)[0] for donor in people[3].faces[0].crops]
        assert any((back[target.id].faces[0].crops[0].image == each).all() for each in candidates)


def test_forged_and_unlabelled_samples_are_counted_and_left_alone() -> None:
    given = tables([video(1), video(2), video(3)], ["train"] * 3, labels=[0, 1, None])
    out = synthesize(given, methods=["warp"])
    assert [line["source"] for line in made(out, "samples")] == [video(1).id]
    assert (out.counters["samples_forged_already"], out.counters["samples_without_label"]) == (1, 1)
    taken = synthesize(given, methods=["warp"], take_unlabelled=True)
    assert [line["source"] for line in made(taken, "samples")] == [video(1).id, video(3).id]


def test_a_forged_sample_lends_its_face_to_nobody() -> None:
    given = tables([video(1), video(2)], ["train"] * 2, labels=[0, 1])
    out = synthesize(given, methods=["face_swap_2d"])
    assert (out.rows_in, out.kept, len(out.ledger)) == (1, 0, 1)


def test_a_sample_without_a_face_or_sound_says_so() -> None:
    bare = dataclasses.replace(video(1), faces=(), dense=(), patches=(), audio=None)
    out = synthesize(tables([bare], ["train"]))
    reasons = {line["detail"].split()[0]: line["reason"] for line in out.ledger}
    assert reasons == {
        "self_blend": "no_face", "face_swap_2d": "no_face", "warp": "no_face", "upsample": "no_face",
        "lip_offset": "cannot_forge",
    }  # fmt: skip
    assert (out.rows_in, out.kept) == (5, 0)
    assert {line["record_kind"] for line in out.ledger} == {"forgery"}


def test_a_retry_forges_what_is_asked_for_only() -> None:
    given = tables([video(1), video(2)], ["train"] * 2)
    out = synthesize(given, frozenset({video(2).id}), methods=["warp"])
    assert [line["source"] for line in made(out, "samples")] == [video(2).id]
    assert out.rows_in == 1


def test_samples_and_splits_of_different_runs_are_refused() -> None:
    given = tables([video(1)], ["train"])
    given["splits"] = given["splits"].slice(0, 0)
    with pytest.raises(ConfigurationError, match=r"01\.mp4 has no split"):
        synthesize(given)


def test_no_methods_skip_the_step_and_no_rows_give_none() -> None:
    assert not SynthesizeStage(SynthesizeParams(methods=[])).enabled
    empty = {name: table.slice(0, 0) for name, table in tables([video(1)], ["train"]).items()}
    out = synthesize(empty)
    assert (out.rows_in, out.kept, out.tables) == (0, 0, {})


def test_a_method_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="copies"):
        SynthesizeParams(methods=["warp", "warp"])


def test_pixels_of_a_forged_sample_differ_from_the_real_one_but_for_a_forged_sound(three: Output) -> None:
    rows, crops = pa.concat_tables(three.tables["samples"]), pa.concat_tables(three.tables["crops"])
    for line, sample in read_samples(rows, crops, ("face",)):
        real = video(int(line["source"], 16)).faces[0].crops
        pairs = zip(sample.faces[0].crops, real, strict=True)
        same = all(np.array_equal(forged.image, crop.image) for forged, crop in pairs)
        assert same == (line["method"] == "lip_offset")


@pytest.mark.corpora
def test_real_clips_are_forged_on_their_faces(corpora: Path) -> None:
    files = sorted((corpora / "faces").glob("grid__*GRID__*.mpg"))[:2]
    params = ExamineParams(frames=2, dense_seconds=2.0)
    people = [examine(file.read_bytes(), "video", params) for file in files]
    out = synthesize(tables(people, ["train", "train"]))
    assert (out.rows_in, out.kept, out.ledger) == (10, 10, [])
    real = {person.id: person for person in people}
    rows, crops = pa.concat_tables(out.tables["samples"]), pa.concat_tables(out.tables["crops"])
    for line, forged in read_samples(rows, crops):
        source = real[line["source"]]
        if line["method"] == "lip_offset":
            assert not np.array_equal(forged.audio.samples, source.audio.samples)  # type: ignore[union-attr]
            continue
        for made, crop in zip(forged.faces[0].crops, source.faces[0].crops, strict=True):
            changed = np.abs(made.image.astype(int) - crop.image).max(-1)
            assert made.mask is not None
            assert changed[made.mask > 0].mean() > 1
            assert changed[made.mask == 0].max(initial=0) <= 1
        # a face in motion changes no faster where it is forged: one recipe holds from frame to frame
        motion = [
            np.abs(np.diff([crop.image.mean(-1) for crop in sample.dense[0].crops], 2, axis=0)).mean()
            for sample in (forged, source)
        ]
        assert 0.4 < motion[0] / motion[1] < 1.3
