import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.deepfake.benchmark_params import CalibrateParams
from components.deepfake.calibrate import (
    CalibrateStage,
    Scored,
    abstention_band,
    calibrated,
    choose_threshold,
)
from components.deepfake.calibration import Calibration
from tests.deepfake.measured import detection, forged, identity, ran, rows_of, sample


def fitted(samples, detections, splits=(), **params) -> dict[str, Calibration]:
    out = ran(
        CalibrateStage(CalibrateParams(**params)), detections=detections, samples=samples, splits=splits
    )
    rows = rows_of(out, "calibrations")
    return {row["detector"]: Calibration.from_row(row) for row in rows}


def world(count: int = 60, seed: int = 0, gap: float = 2.0):
    """Samples of the validation split and what a detector says of them."""
    rng = np.random.default_rng(seed)
    samples = [(forged if n % 2 else sample)(str(n), split="validation") for n in range(count)]
    detections = [detection(row["id"], float(rng.normal() + gap * row["label"])) for row in samples]
    return samples, detections


def test_probabilities_fit_and_the_threshold_lies_between_the_classes() -> None:
    samples, detections = world(400)
    one = fitted(samples, detections)["spatial"]
    assert (one.method, one.rows) == ("platt", 400)
    assert one.apply(1) == pytest.approx(0.5, abs=0.1)
    assert one.apply(-2) < 0.1
    assert one.apply(4) > 0.9
    assert one.apply(0.7) - 0.05 < one.threshold < one.apply(1.3) + 0.15
    assert 0.25 < one.log_loss < 0.5
    assert one.ece < 0.1
    assert one.low <= one.high


def test_only_clean_scores_of_the_validation_split_by_the_model_of_all_count() -> None:
    samples, detections = world()
    before = fitted(samples, detections)
    more = [
        *detections,
        *(detection(row["media_id"], -row["score"], variant="jpeg@20") for row in detections),
        *(detection(row["media_id"], -row["score"], fold="FaceSwap") for row in detections),
    ]
    others = [(forged if n % 2 else sample)(f"t{n}", split="test") for n in range(40)]
    more += [detection(row["id"], 9.0 - 18 * row["label"]) for row in others]
    unlabelled = sample("u", label=None, split="validation")
    more.append(detection(unlabelled["id"], 5.0))
    assert fitted([*samples, *others, unlabelled], more) == before


def test_the_split_that_was_made_rules_over_that_of_the_data_set() -> None:
    samples, detections = world()
    splits = [
        {"media_id": row["id"], "split": "test", "cluster": row["group"], "moved_from": None}
        for row in samples
    ]
    assert fitted(samples, detections, splits)["spatial"] == Calibration.none("spatial")


def test_too_few_one_class_or_below_chance_always_abstains() -> None:
    samples, detections = world(38)
    assert fitted(samples, detections)["spatial"] == Calibration.none("spatial", 38)
    assert fitted(samples, detections, min_rows=10)["spatial"].method == "platt"
    one_class = [row for row in samples if row["label"]]
    assert fitted(one_class, detections, min_rows=4)["spatial"].method == "none"
    samples, detections = world(100, gap=-2)
    assert fitted(samples, detections)["spatial"] == Calibration.none("spatial", 100)
    abstained = [detection(row["id"], None) for row in samples]
    assert fitted(samples, abstained)["spatial"] == Calibration.none("spatial", 0)


def test_pseudo_fakes_count_where_others_are_too_few() -> None:
    samples, detections = world(100)
    rng = np.random.default_rng(9)
    made = [forged(f"p{n}", dataset="pseudo-fakes", split="validation", group=str(2 * n)) for n in range(50)]
    said = [*detections, *(detection(row["id"], float(rng.normal() - 1)) for row in made)]
    assert fitted([*samples, *made], said) == fitted(samples, detections)
    assert fitted([*samples, *made], said, pseudo_fakes="always")["spatial"].rows == 150
    reals = [row for row in samples if not row["label"]]
    assert fitted([*reals, *made], said)["spatial"].rows == 100
    assert fitted([*reals, *made], said, pseudo_fakes="never")["spatial"].method == "none"


def test_isotonic_only_with_more_than_a_thousand() -> None:
    samples, detections = world(1002)
    assert fitted(samples, detections, method="isotonic")["spatial"].method == "isotonic"
    samples, detections = world(1000)
    assert fitted(samples, detections, method="isotonic")["spatial"].method == "platt"
    assert fitted(samples, detections, method="temperature")["spatial"].method in ("temperature", "none")


def test_threshold_for_a_false_positive_rate() -> None:
    labels = np.repeat([0, 1], 100)
    p = np.concatenate([np.linspace(0.001, 0.6, 100), np.linspace(0.3, 0.999, 100)])
    threshold = choose_threshold(labels, p, CalibrateParams(threshold="fpr", fpr=0.05))
    assert (p[labels == 0] >= threshold).sum() == 5
    best = choose_threshold(labels, p, CalibrateParams())
    assert best == pytest.approx(0.45, abs=0.16)
    rates = (p[labels == 1] >= best).mean() + (p[labels == 0] < best).mean()
    tried = [(p[labels == 1] >= t).mean() + (p[labels == 0] < t).mean() for t in np.linspace(0, 1, 2001)]
    assert rates == pytest.approx(max(tried))


@given(st.integers(0, 10**6), st.floats(0.02, 0.4))
def test_the_band_promises_no_more_errors_than_asked_for(seed, alpha) -> None:
    rng = np.random.default_rng(seed)
    labels = np.repeat([1, 0], [30, 50])
    p = rng.random(80)
    low, high = abstention_band(labels, p, alpha)
    # exchangeable with n others: at most floor(alpha (n + 1)) of n + 1 lie beyond, itself counted
    assert (p[labels == 1] < low).sum() + 1 <= max(1, alpha * 31 + 1e-6)
    assert (p[labels == 0] > high).sum() + 1 <= max(1, alpha * 51 + 1e-6)
    if alpha * 31 < 1:
        assert low == 0
    if alpha * 51 < 1:
        assert high == 1


def test_the_band_covers_new_samples_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    wrong = np.zeros(2)
    for _ in range(400):
        labels = np.repeat([1, 0], 40)
        scored = Scored(rng.normal(size=80) + labels, labels, [str(n) for n in range(80)])
        one = calibrated("d", scored, CalibrateParams(alpha=0.2))
        new_forged, new_real = rng.normal(size=20) + 1, rng.normal(size=20)
        wrong += (
            np.mean([one.answer(one.apply(s)) == "likely_real" for s in new_forged]),
            np.mean([one.answer(one.apply(s)) == "likely_forged" for s in new_real]),
        )
    assert wrong / 400 == pytest.approx([8 / 41, 8 / 41], abs=0.03)


def test_classes_that_lie_apart_leave_no_band() -> None:
    samples, detections = world(100, gap=50)
    one = fitted(samples, detections)["spatial"]
    assert one.low == one.high
    assert {one.answer(one.apply(d["score"])) for d in detections} == {"likely_real", "likely_forged"}


def test_order_of_the_rows_does_not_matter() -> None:
    samples, detections = world()
    assert fitted(samples[::-1], detections[::-1]) == fitted(samples, detections)
    assert identity("0") == samples[0]["id"]
