import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from components.deepfake import metrics as ours
from components.deepfake.metrics import Ranking, as_values

LABELS_AND_SCORES = st.lists(
    st.tuples(st.booleans(), st.one_of(st.integers(-3, 3).map(float), st.floats(-9, 9))),
    min_size=2,
    max_size=60,
).filter(lambda rows: len({label for label, _ in rows}) == 2)


def split(rows) -> tuple[np.ndarray, np.ndarray]:
    labels, scores = zip(*rows, strict=True)
    return np.array(labels, int), np.array(scores)


def ranked(labels, scores, weights=None) -> dict[str, float | None]:
    return as_values(ours.ranking_metrics(Ranking(labels, scores).curve(weights)))


@given(LABELS_AND_SCORES)
def test_ranks_agree_with_scikit_learn_ties_included(rows) -> None:
    labels, scores = split(rows)
    found = ranked(labels, scores)
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    assert found["auc"] == pytest.approx(sk.roc_auc_score(labels, scores))
    assert found["ap"] == pytest.approx(sk.average_precision_score(labels, scores))
    assert found["pauc"] == pytest.approx(sk.roc_auc_score(labels, scores, max_fpr=0.1))
    assert found["tpr_at_fpr_1"] == pytest.approx(tpr[fpr <= 0.01].max())
    assert found["tpr_at_fpr_5"] == pytest.approx(tpr[fpr <= 0.05].max())


@given(LABELS_AND_SCORES)
def test_equal_error_rate_lies_on_the_curve_where_the_rates_meet(rows) -> None:
    labels, scores = split(rows)
    found = ranked(labels, scores)["eer"]
    fpr, tpr, _ = sk.roc_curve(labels, scores, drop_intermediate=False)
    assert found is not None
    # the highest and the lowest point of the curve above this false positive rate
    at = np.isclose(fpr, found)
    reached = np.r_[tpr[at], np.interp(found, fpr, tpr)]
    assert reached.min() - 1e-9 <= 1 - found <= max(reached.max(), np.interp(found, fpr, tpr)) + 1e-9


@given(LABELS_AND_SCORES, st.integers(0, 2**32))
def test_a_weight_is_a_number_of_copies(rows, seed) -> None:
    labels, scores = split(rows)
    counts = np.random.default_rng(seed).integers(0, 4, len(labels))
    probabilities = 1 / (1 + np.exp(-scores))
    again = np.repeat(np.arange(len(labels)), counts)
    weights = counts.astype(float)
    assert ranked(labels, scores, weights) == pytest.approx(ranked(labels[again], scores[again]))
    for given_weights, which in ((weights, slice(None)), (None, again)):
        found = as_values(
            {
                **ours.threshold_metrics(labels[which], probabilities[which], 0.5, given_weights),
                **ours.probability_metrics(labels[which], probabilities[which], given_weights),
            }
        )
        if which is not again:
            first = found
    assert first == pytest.approx(found)


@given(LABELS_AND_SCORES)
def test_decisions_and_probabilities_agree_with_scikit_learn(rows) -> None:
    labels, scores = split(rows)
    p = 1 / (1 + np.exp(-scores))
    found = as_values({**ours.threshold_metrics(labels, p, 0.4), **ours.probability_metrics(labels, p)})
    called = p >= 0.4
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, called))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, called))
    assert found["tpr"] == pytest.approx(sk.recall_score(labels, called))
    assert found["log_loss"] == pytest.approx(sk.log_loss(labels, np.clip(p, ours.CLIP, 1 - ours.CLIP)))
    assert found["brier"] == pytest.approx(sk.brier_score_loss(labels, p))


def test_many_resamples_at_once_are_each_of_them_alone() -> None:
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 40), rng.normal(size=40).round(1)
    p = 1 / (1 + np.exp(-scores))
    weights = rng.integers(0, 3, (7, 40)).astype(float)
    together = {
        **ours.ranking_metrics(Ranking(labels, scores).curve(weights)),
        **ours.threshold_metrics(labels, p, 0.5, weights),
        **ours.probability_metrics(labels, p, weights),
    }
    assert len(together) == 13
    for row, one in enumerate(weights):
        alone = {
            **ours.ranking_metrics(Ranking(labels, scores).curve(one)),
            **ours.threshold_metrics(labels, p, 0.5, one),
            **ours.probability_metrics(labels, p, one),
        }
        assert as_values({name: values[row] for name, values in together.items()}) == pytest.approx(
            as_values(alone)
        )


def test_by_hand() -> None:
    # forged 4, 2, 2; real 3, 2, 1, 0: of 12 pairs, 4+2+2 are won and 2 tied
    found = ranked([1, 1, 1, 0, 0, 0, 0], [4, 2, 2, 3, 2, 1, 0])
    assert found["auc"] == pytest.approx(9 / 12)
    # precision 1/1 at 4, 1/2 at 3, 3/5 at 2; recall rises by 1/3 and 2/3
    assert found["ap"] == pytest.approx(1 / 3 + 2 / 3 * 3 / 5)
    assert found["tpr_at_fpr_1"] == pytest.approx(1 / 3)
    # from (1/4, 1/3) to (2/4, 1): 1 - tpr = fpr where 2/3 - 8/3 x = 1/4 + x, at x = 5/44 further
    assert found["eer"] == pytest.approx(1 / 4 + (5 / 12) / (2 / 3 / (1 / 4) + 1))
    # up to 0.1 the curve is level at 1/3
    assert found["pauc"] == pytest.approx((1 + (0.1 / 3 - 0.005) / 0.095) / 2)


def test_perfect_opposite_and_constant() -> None:
    assert ranked([0, 0, 1, 1], [0, 1, 2, 3]) == {
        "auc": 1, "ap": 1, "eer": 0, "pauc": 1, "tpr_at_fpr_1": 1, "tpr_at_fpr_5": 1,
    }  # fmt: skip
    opposite = ranked([1, 1, 0, 0], [0, 1, 2, 3])
    assert (opposite["auc"], opposite["eer"], opposite["tpr_at_fpr_5"]) == (0, 1, 0)
    constant = ranked([1, 0, 1, 0], [2, 2, 2, 2])
    assert constant == pytest.approx(
        {"auc": 0.5, "ap": 0.5, "eer": 0.5, "pauc": 0.5, "tpr_at_fpr_1": 0, "tpr_at_fpr_5": 0}
    )


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], []])
def test_one_class_has_no_rank_figures(labels) -> None:
    scores = [0.2, 0.9][: len(labels)]
    assert set(ranked(labels, scores).values()) == {None}
    decided = as_values(ours.threshold_metrics(labels, scores, 0.5))
    assert decided["balanced_accuracy"] is None
    assert decided["accuracy"] == (0.5 if labels else None)
    judged = as_values(ours.probability_metrics(labels, scores))
    assert all((value is None) == (not labels) for value in judged.values())


def test_a_resample_without_a_class_is_undefined_and_its_neighbour_is_not() -> None:
    curve = Ranking([1, 0], [2.0, 1.0]).curve(np.array([[1.0, 0.0], [1.0, 1.0]]))
    for figure in ours.ranking_metrics(curve).values():
        assert np.isnan(figure[0])
        assert np.isfinite(figure[1])


def test_calibration_error_by_hand() -> None:
    # two bins of two: |(.1 + .2) - 1| / 4 + |(.8 + .9) - 1| / 4
    found = ours.expected_calibration_error([0, 1, 0, 1], [0.1, 0.2, 0.8, 0.9], bins=2)
    assert float(found) == pytest.approx((0.7 + 0.7) / 4)
    # all of one probability: one bin, however many there might be
    assert float(ours.expected_calibration_error([0, 1, 1, 1], [0.5] * 4)) == pytest.approx(0.25)
    order = [3, 0, 2, 1]
    shuffled = ours.expected_calibration_error(
        np.array([0, 1, 0, 1])[order], np.array([0.1, 0.2, 0.2, 0.9])[order]
    )
    assert float(shuffled) == pytest.approx(
        float(ours.expected_calibration_error([0, 1, 0, 1], [0.1, 0.2, 0.2, 0.9]))
    )


def test_a_sure_mistake_costs_no_more_than_the_clip() -> None:
    found = ours.probability_metrics([1], [0.0])["log_loss"]
    assert float(found) == pytest.approx(-np.log(ours.CLIP))


def test_infinite_scores_rank_and_nan_is_refused() -> None:
    assert ranked([1, 0, 0], [np.inf, 1.0, -np.inf])["auc"] == 1
    with pytest.raises(ValueError, match="NaN"):
        Ranking([1, 0], [np.nan, 1])
    with pytest.raises(ValueError, match="a label is 1"):
        Ranking([2, 0], [1, 1])
    with pytest.raises(ValueError, match="labels and"):
        Ranking([1, 0, 1], [1, 1])
