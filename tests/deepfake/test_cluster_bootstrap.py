import numpy as np
import pytest

from components.deepfake import cluster_bootstrap
from components.deepfake.cluster_bootstrap import Clusters, estimates
from components.deepfake.metrics import Ranking, roc_auc


def auc(labels: np.ndarray, scores: np.ndarray, groups: list[str], seed: int = 0, resamples: int = 300):
    ranking = Ranking(labels, scores)
    return estimates(
        lambda weights: {"auc": roc_auc(ranking.curve(weights))},
        Clusters(labels, groups),
        samples=len(labels),
        seed=seed,
        resamples=resamples,
    )["auc"]


def test_groups_are_drawn_whole_and_classes_keep_their_groups() -> None:
    labels = np.array([0, 0, 1, 1, 1, 0, 1])
    groups = ["a", "a", "b", "b", "c", "d", "d"]
    clusters = Clusters(labels, groups)
    assert clusters.groups == 4
    weights = np.concatenate(list(clusters.weights(3, 500)))
    assert weights.shape == (500, 7)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] == weights[:, 3]).all()
    assert (weights[:, 5] == weights[:, 6]).all()
    # of the strata {b, c}, {a}, {d} as many groups are drawn as there are
    assert set((weights[:, 2] + weights[:, 4]).tolist()) == {2}
    assert set(weights[:, 0].tolist()) == set(weights[:, 5].tolist()) == {1}


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    truth = 0.7602  # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    covered = 0
    for trial in range(200):
        labels = np.repeat([1, 0], 40)
        scores = rng.normal(size=80) + labels
        found = auc(labels, scores, [str(n) for n in range(80)], trial)
        covered += found.low <= truth <= found.high
    # 95 % of 200 is 190; percentile intervals are a little short: four deviations below 93 %
    assert 172 <= covered < 200


def test_frames_of_one_video_do_not_make_a_figure_surer() -> None:
    rng = np.random.default_rng(1)
    labels, scores = np.repeat([1, 0], 20), rng.normal(size=40) + np.repeat([1, 0], 20)
    alone = auc(labels, scores, [str(n) for n in range(40)])
    copied = auc(np.repeat(labels, 16), np.repeat(scores, 16), [str(n // 16) for n in range(640)], 0)
    assert copied.value == pytest.approx(alone.value)
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_two_detectors_that_err_alike_differ_surely() -> None:
    rng = np.random.default_rng(2)
    labels = np.repeat([1, 0], 30)
    first = rng.normal(size=60) + 0.8 * labels
    second = first + 0.3 * labels
    groups = [str(n) for n in range(60)]
    rankings = [Ranking(labels, one) for one in (second, first)]

    def difference(weights: np.ndarray) -> dict[str, np.ndarray]:
        a, b = (roc_auc(ranking.curve(weights)) for ranking in rankings)
        return {"difference": a - b}

    found = estimates(difference, Clusters(labels, groups), samples=60, seed=0, resamples=400)["difference"]
    assert 0 < found.low < found.value < found.high
    assert auc(labels, first, groups).high > auc(labels, second, groups).low  # unpaired, nobody could tell


def test_same_seed_same_interval_however_many_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    labels, scores, groups = np.repeat([1, 0], 15), rng.normal(size=30), [str(n // 2) for n in range(30)]
    first = auc(labels, scores, groups)
    assert auc(labels, scores, groups) == first
    assert auc(labels, scores, groups, seed=1) != first
    monkeypatch.setattr(cluster_bootstrap, "_AT_ONCE", 100)
    assert auc(labels, scores, groups) == first


def test_one_group_of_a_class_has_no_interval_and_one_class_no_value() -> None:
    one = auc(np.array([1, 1, 0, 0]), np.arange(4.0), ["a", "b", "c", "c"])
    assert (one.value, one.low, one.high) == (0, None, None)
    single = auc(np.array([1, 1]), np.arange(2.0), ["a", "b"])
    assert np.isnan(single.value)
    assert single.low is None
    none = auc(np.array([], int), np.array([]), [])
    assert np.isnan(none.value)
