from collections import Counter

import pytest
from pydantic import ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.benchmark_params import SplitsParams
from components.deepfake.splits import SplitsStage
from tests.deepfake.measured import face, forged, identity, ran, rows_of, sample

FACES = [0x5A3C_96E1_0F7B_D248 ^ (0xFFFF << shift) for shift in (0, 16, 32)]


def split(samples, faces=(), **params):
    out = ran(SplitsStage(SplitsParams(**params)), samples=samples, crops=faces)
    return {row["media_id"]: row for row in rows_of(out, "splits")}, out


def test_shares_by_hash_and_more_data_changes_nothing() -> None:
    many = [sample(str(n)) for n in range(600)]
    found, out = split(many)
    counts = Counter(row["split"] for row in found.values())
    assert counts["train"] == pytest.approx(360, abs=50)
    assert counts["validation"] == pytest.approx(120, abs=40)
    assert out.counters["split_test"] == counts["test"]
    assert sum(counts.values()) == 600
    few, _ = split(many[:50])
    assert all(found[media] == row for media, row in few.items())


def test_groups_stay_whole_and_official_splits_are_taken() -> None:
    rows = [
        *(sample(f"p{n}", group=f"person {n % 7}") for n in range(70)),
        sample("official", split="test", dataset="b"),
        sample("of the same person", group="official", dataset="c"),
    ]
    found, out = split(rows)
    for person in range(7):
        assert len({found[identity(f"p{n}")]["split"] for n in range(70) if n % 7 == person}) == 1
    assert found[identity("official")]["split"] == found[identity("of the same person")]["split"] == "test"
    assert not out.ledger
    assert {row["moved_from"] for row in found.values()} == {None}


def test_a_leak_moves_to_the_earlier_split_with_a_ledger_line_each_or_stops() -> None:
    rows = [
        sample("real", split="train"),
        sample("validates", split="validation"),
        forged("fake", split="test", source=identity("real")),
        forged("other", split="test"),
    ]
    found, out = split(rows)
    assert {name: found[identity(name)]["split"] for name in ("real", "fake", "other")} == {
        "real": "train", "fake": "train", "other": "test",
    }  # fmt: skip
    assert found[identity("fake")]["moved_from"] == "test"
    (line,) = out.ledger
    assert (line["record_id"], line["reason"], line["action"]) == (identity("fake"), "split_leak", "changed")
    assert out.counters["clusters_cut_by_official_splits"] == 1
    with pytest.raises(ConfigurationError, match=r"fake: test and train.*deepfake\.splits\.on_leak"):
        split(rows, on_leak="stop")


def test_near_duplicate_faces_are_a_leak_dense_ones_say_nothing_more() -> None:
    rows = [sample("a", split="train"), sample("v", split="validation"), sample("b", split="test")]
    faces = [face(identity(name), one) for name in "ab" for one in FACES]
    found, _ = split(rows, faces, crops=3)
    assert found[identity("b")] == {
        "media_id": identity("b"), "split": "train", "cluster": "a", "moved_from": "test",
    }  # fmt: skip
    dense = [{**crop, "kind": "dense"} for crop in faces]
    found, _ = split(rows, dense, crops=3)
    assert found[identity("b")]["split"] == "test"


def test_validation_is_carved_out_of_training_where_there_is_none() -> None:
    rows = [
        *(sample(str(n), split="train") for n in range(400)),
        *(sample(f"t{n}", split="test") for n in range(20)),
    ]
    found, out = split(rows)
    counts = Counter(row["split"] for row in found.values())
    assert counts["validation"] == pytest.approx(100, abs=40)
    assert counts["test"] == 20
    assert {row["moved_from"] for row in found.values() if row["split"] == "validation"} == {"train"}
    assert not out.ledger  # no leak
    found, _ = split(rows, carve_validation=False)
    assert Counter(row["split"] for row in found.values()) == {"train": 400, "test": 20}


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ConfigurationError, match=r"a\.mp4 of set has the split 'dev'"):
        split([sample("a", split="dev")])
    with pytest.raises(ValidationError, match="more than all"):
        SplitsParams(train=0.9, validation=0.2)


def test_no_samples_no_rows() -> None:
    found, out = split([])
    assert found == {}
    assert out.tables["splits"][0].num_rows == 0
