from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.core.errors import ConfigurationError
from components.deepfake.benchmark import FILE_FACTS, BenchmarkStage
from components.deepfake.benchmark_params import BenchmarkParams
from components.deepfake.calibration import Calibration
from tests.deepfake.measured import detection, face, forged, identity, ran, rows_of, sample

Row = dict[str, Any]


def measured(samples, detections, calibrations=(), faces=(), **params) -> list[Row]:
    out = ran(
        BenchmarkStage(BenchmarkParams(**{"resamples": 100, **params})),
        detections=detections, samples=samples, crops=faces, calibrations=calibrations,
    )  # fmt: skip
    return rows_of(out, "benchmark")


def of(rows: list[Row], **wanted: Any) -> dict[str, Row]:
    """Rows by metric of what is wanted; of the whole set's clean media but where said."""
    wanted = {"variant": "clean", "level": "media", "method": None, "slice": None, **wanted}
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert len({row["metric"] for row in found}) == len(found)
    return {row["metric"]: row for row in found}


def world(
    seed: int = 0, count: int = 24, dataset: str = "set", gap: float = 2.0
) -> tuple[list[Row], list[Row]]:
    """Two families and real ones, and what a detector of swaps says of them."""
    rng = np.random.default_rng(seed)
    samples = []
    for n in range(count):
        samples.append(sample(f"{dataset}r{n}", dataset=dataset, split="test"))
        method = ("FaceSwap", "SimSwap")[n % 2]
        samples.append(forged(f"{dataset}s{n}", method, dataset=dataset, split="test"))
        samples.append(forged(f"{dataset}t{n}", "VASA-1", "talking_head", dataset=dataset, split="test"))
    detections = [
        detection(row["id"], float(rng.normal() + gap * (row["family"] == "swap")), frames=rng.normal(size=3))
        for row in samples
    ]
    return samples, detections


CALIBRATION = Calibration("spatial", "platt", (-4.0, 4.0), (0.0, 1.0), 0.6, 0.4, 0.7, 100).row()


def test_declarations_of_pseudo_fakes_make_no_figure() -> None:
    samples, detections = world(1)
    made = [
        {**row, "id": identity(f"made of {row['id']}"), "label": 1, "method": "warp", "family": "warp",
         "dataset": "pseudo-fakes", "source": row["id"]}
        for row in samples if row["label"] == 0
    ]  # fmt: skip
    detections += [detection(row["id"], 1.0) for row in made]
    detections += [detection(row["id"], -1.0 + row["label"], "provenance") for row in samples]
    rows = measured([*samples, *made], detections)
    assert {row["detector"] for row in rows if row["dataset"] == "pseudo-fakes"} == {"file_facts", "spatial"}
    assert "provenance" in {row["detector"] for row in rows if row["dataset"] == "set"}


def test_families_are_never_mixed_and_figures_are_right() -> None:
    samples, detections = world(1)
    rows = measured(samples, detections, [CALIBRATION])
    assert {row["family"] for row in rows} == {"swap", "talking_head"}
    said = {row["media_id"]: row["score"] for row in detections}
    for family in ("swap", "talking_head"):
        mine = [row for row in samples if row["family"] in (family, None)]
        scores, labels = [said[row["id"]] for row in mine], [row["label"] for row in mine]
        found = of(rows, family=family, detector="spatial")
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-6)
        probability = np.clip(np.array(scores) / 8 + 0.5, 0, 1)
        assert found["accuracy"]["value"] == pytest.approx(np.mean((probability >= 0.6) == labels), abs=1e-6)
        band = (probability >= 0.4) & (probability <= 0.7)
        assert found["undecided"]["value"] == pytest.approx(band.mean(), abs=1e-6)
        assert (found["auc"]["forged"], found["auc"]["real"], found["auc"]["groups"]) == (24, 24, 48)
        assert found["auc"]["low"] < found["auc"]["value"] < found["auc"]["high"]
        assert found["coverage"]["value"] == 1
        assert found["auc_with_lost"]["value"] == found["auc"]["value"]
        assert found["milliseconds"]["value"] == 5
        assert set(found) == {
            "auc", "ap", "eer", "pauc", "tpr_at_fpr_1", "tpr_at_fpr_5", "accuracy", "balanced_accuracy",
            "tpr", "fpr", "log_loss", "brier", "ece", "undecided", "auc_with_lost", "coverage",
            "milliseconds",
        }  # fmt: skip
    assert of(rows, family="swap", detector="spatial")["auc"]["remark"] is None
    assert of(rows, family="talking_head", detector="spatial")["auc"]["remark"] == "chance_level"
    by_method = of(rows, family="swap", method="SimSwap", detector="spatial")["auc"]
    assert (by_method["forged"], by_method["real"]) == (12, 24)


def test_lost_samples_are_counted_and_cost() -> None:
    samples, detections = world(gap=9)
    for row in detections[1::6]:  # every other swap
        assert next(s for s in samples if s["id"] == row["media_id"])["family"] == "swap"
        row.update(score=None, frames=[], abstained="no_face")
    found = of(measured(samples, detections, [CALIBRATION]), family="swap", detector="spatial")
    assert found["auc"]["value"] > 0.99
    assert (found["auc"]["lost"], found["auc"]["forged"]) == (12, 12)
    assert found["coverage"]["value"] == 0.75
    # half of the forged count with the score of probability 0.5: about half of the reals lie lower
    assert found["auc_with_lost"]["value"] == pytest.approx(0.75, abs=0.1)
    assert found["auc_with_lost"]["forged"] == 24
    without = of(measured(samples, detections[2:], [CALIBRATION]), family="swap", detector="spatial")
    assert without["auc"]["lost"] == 13  # the first real one has no row at all
    assert without["coverage"]["value"] == pytest.approx(1 - 13 / 48, abs=1e-6)


def test_frames_are_clustered_and_the_highest_of_several_faces_counts() -> None:
    samples, detections = world()
    for row, one in zip(detections, samples, strict=True):
        row["frames"] = [
            {"seconds": 0.0, "track": 0, "score": -5.0},
            {"seconds": 0.0, "track": 1, "score": float(one["label"])},
            {"seconds": 1.0, "track": 0, "score": float(one["label"])},
        ]
    rows = measured(samples, detections)
    found = of(rows, family="swap", detector="spatial", level="frame")
    assert found["auc"]["value"] == 1
    assert (found["auc"]["forged"], found["auc"]["real"], found["auc"]["groups"]) == (48, 48, 48)
    assert "accuracy" not in found
    assert of(measured(samples, [{**row, "frames": []} for row in detections]), level="frame") == {}


def test_protocols() -> None:
    samples, detections = world(count=6)
    other, more = world(1, 6, "other")
    detections += [*more, *({**row, "detector": "blink"} for row in more)]
    detections += [
        detection(row["id"], float(row["label"]), fold="SimSwap") for row in samples if row["family"] != "x"
    ]
    trained = sample("train", split="train")
    rows = measured([*samples, *other, trained], detections)
    seen = {(row["detector"], row["dataset"], row["method"], row["protocol"]) for row in rows}
    assert ("spatial", "set", None, "within") in seen
    assert ("spatial", "other", None, "cross_dataset") in seen
    assert ("blink", "other", None, "untrained") in seen
    assert ("spatial", "set", "SimSwap", "leave_generator_out") in seen
    assert {key[2] for key in seen if key[3] == "leave_generator_out"} == {"SimSwap"}
    left_out = of(rows, method="SimSwap", protocol="leave_generator_out", dataset="set")
    assert left_out["auc"]["value"] == 1
    rows = measured([*samples, *other, trained], detections, trained_on={"spatial": ["other"]})
    protocols = {(row["dataset"], row["protocol"]) for row in rows if row["detector"] == "spatial"}
    assert protocols == {
        ("set", "cross_dataset"), ("set", "leave_generator_out"), ("other", "within"),
    }  # fmt: skip


def test_variants_tell_what_changed_at_the_threshold_that_stays() -> None:
    samples, detections = world(gap=3)
    tried = samples[:60]
    said = {row["media_id"]: row["score"] for row in detections}
    detections += [detection(row["id"], said[row["id"]] - 3, variant="jpeg@20") for row in tried[:-3]]
    detections += [detection(row["id"], None, variant="jpeg@20") for row in tried[-3:]]
    rows = measured(samples, detections, [CALIBRATION])
    found = of(rows, family="swap", variant="jpeg@20")
    chance = {"chance_level", "below_chance"}
    assert not chance & set((found["auc"]["remark"] or "").split(", "))
    assert found["auc_drop"]["value"] == 0  # ranks stay, the threshold finds nothing any more
    assert found["tpr_drift"]["value"] < -0.5
    assert found["tpr_drift"]["high"] < 0
    assert found["fpr_drift"]["value"] < 0
    assert found["auc"]["lost"] == 2
    assert found["auc"]["forged"] == found["auc"]["real"] == 19
    assert not [row for row in rows if row["variant"] != "clean" and row["method"]]


def test_slices_by_attribute() -> None:
    samples, detections = world()
    for number, row in enumerate(samples):
        row["attributes"] = [("gender", ("female", "male")[number // 3 % 2]), ("id", str(number))]
    rows = measured(samples, detections, [CALIBRATION])
    names = {row["slice"] for row in rows}
    assert names == {None, "gender=female", "gender=male"}
    found = of(rows, family="swap", slice="gender=male")
    assert (found["fpr"]["forged"], found["fpr"]["real"]) == (12, 12)
    assert set(found) == {"auc", "accuracy", "balanced_accuracy", "tpr", "fpr", "undecided"}
    assert {row["slice"] for row in measured(samples, detections, slices=False)} == {None}


def test_too_few_and_one_class() -> None:
    samples, detections = world(count=4)
    rows = measured(samples, detections, [CALIBRATION])
    assert all("too_few" in row["remark"] for row in rows)
    only = [row for row in samples if row["label"]]
    found = of(measured(only, detections, [CALIBRATION]), family="swap", detector="spatial")
    assert found["auc"]["value"] is found["auc"]["low"] is None
    assert found["tpr"]["value"] is not None
    assert found["auc"]["real"] == 0
    assert measured([row for row in samples if not row["label"]], detections) == []
    assert measured([], []) == []


def test_forgeries_of_a_set_without_reals_are_compared_with_those_of_the_run() -> None:
    samples, detections = world()
    stranger = [forged(f"x{n}", dataset="elsewhere", split="test") for n in range(12)]
    pseudo = [
        forged(f"p{n}", "self_blend", "self_blend", dataset="pseudo-fakes", split="test", group=f"setr{n}",
               source=identity(f"setr{n}"))
        for n in range(12)
    ]  # fmt: skip
    detections += [detection(row["id"], 1.0) for row in (*stranger, *pseudo)]
    rows = measured([*samples, *stranger, *pseudo], detections)
    found = of(rows, dataset="elsewhere", detector="spatial")["auc"]
    assert found["real"] == 24
    assert "other_reals" in found["remark"]
    made = of(rows, dataset="pseudo-fakes", detector="spatial")["auc"]
    assert made["real"] == 24
    assert made["groups"] == 24
    assert "other_reals" not in (made["remark"] or "")


def test_file_facts_come_first_and_confounding_is_remarked_everywhere() -> None:
    samples, detections = world()
    for row in samples:
        row["width"] = 1280 if row["family"] == "swap" else 640
    rows = measured(samples, detections)
    assert [row["detector"] for row in rows[:3]] == [FILE_FACTS, FILE_FACTS, "spatial"]
    assert rows[0]["value"] > 0.9
    assert all("source_confounded" in row["remark"] for row in rows if row["family"] == "swap")
    assert not [r for r in rows if r["family"] != "swap" and "source_confounded" in (r["remark"] or "")]
    with pytest.raises(ConfigurationError, match="swap of set from real with an AUC of"):
        measured(samples, detections, on_confounding="stop")
    wide = [face(row["id"], 0, 200.0 if row["family"] == "talking_head" else 90.0) for row in samples]
    rows = measured(samples, detections, faces=wide)
    assert all("source_confounded" in row["remark"] for row in rows)


def test_a_leak_stops_before_any_number() -> None:
    samples, detections = world()
    leak = sample("again", split="train", group="setr0")
    with pytest.raises(ConfigurationError, match=r"setr0: test and train.*splits\.on_leak"):
        measured([*samples, leak], detections)
    rows = measured([*samples, leak], detections, on_leak="remark")
    assert all("leak" in row["remark"] for row in rows)


def test_paired_comparison_with_a_reference() -> None:
    samples, detections = world()
    better = [
        {**row, "detector": "frequency", "score": row["score"] + 0.5 * one["label"]}
        for row, one in zip(detections, samples, strict=True)
    ]
    rows = measured(samples, [*detections, *better], reference="spatial")
    found = of(rows, family="swap", detector="frequency")["auc_minus_reference"]
    assert found["low"] >= 0 < found["value"]
    assert "auc_minus_reference" not in of(rows, family="swap", detector="spatial")


def test_the_same_rows_in_another_order_give_the_same_table() -> None:
    samples, detections = world(count=8)
    assert measured(samples[::-1], detections[::-1], [CALIBRATION]) == measured(
        samples, detections, [CALIBRATION]
    )
    assert measured(samples, detections, seed=1) != measured(samples, detections)


def test_training_samples_and_unlabelled_ones_are_not_measured() -> None:
    samples, detections = world(count=6)
    before = measured(samples, detections, trained_on={})
    others = [sample("x", split="train"), sample("y", split="test", label=None)]
    more = [*detections, *(detection(row["id"], 99.0) for row in others)]
    assert measured([*samples, *others], more, trained_on={}) == before
