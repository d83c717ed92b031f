import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.core.errors import GateFailed
from components.core.runner import run_step
from components.core.task import exit_code
from components.core.text_metrics import Cider, tokens
from components.distill.evaluate import compare
from components.distill.evaluation_params import GateParams
from components.distill.gate import GateStage, measure
from tests.distill.samples import dataset, rows, table

COLOURS = ["red", "blue", "green", "yellow"]
SHAPES = ["square", "circle", "star"]


def evaluated(number: int, *, good: bool = True, group: int | None = None, **scores: float) -> dict:
    """One row of evaluations/1: a scene and a name of its own; a bad student sees another scene."""
    name, other = f"Do{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}en", number if good else number + 1
    reference = f"A {COLOURS[number % 4]} {SHAPES[number % 3]} on a table, named {name}."
    prediction = f"A {COLOURS[other % 4]} {SHAPES[other % 3]} on a table, named {name if good else 'Kodak'}."
    found = compare(prediction, reference, name, 0.75)
    extra = {
        "degenerate": 0.0,
        "names_follow": float(good),
        "visual_agreement": 1.0,
        "follows_alt_text": float(good),
    }
    return {
        "id": f"{number:04d}",
        "group": f"g{number if group is None else group:04d}",
        "alt": name,
        "reference": reference,
        "prediction": prediction,
        "scores": sorted({**found, **extra, **scores}.items()),
    }


def run(evaluations: list[list[dict]], folder: Path, **params: object) -> dict[str, dict]:
    root = folder.as_uri()
    shards = [table(shard, "evaluations/1") for shard in evaluations]
    inputs = {"evaluations": dataset("evaluate", "evaluations", "evaluations/1", shards, root)}
    stage = GateStage(GateParams(**{"resamples": 300, **params}))  # type: ignore[arg-type]
    return {row["metric"]: row for row in rows(run_step(stage, inputs, root)["gate"], root)}


GOOD = [evaluated(number, good=number % 20 != 0) for number in range(200)]
"""95 % of the captions are right."""


def test_a_good_student_passes_and_every_figure_is_there(tmp_path: Path) -> None:
    found = run([GOOD[:120], GOOD[120:]], tmp_path)
    assert set(found) == {
        "alt_facts_kept", "bleu", "cider_d", "claim_precision", "claim_recall", "degenerate", "exact_match",
        "fact_recall", "follows_alt_text", "length_ratio", "names_follow", "rouge_l", "visual_agreement",
        "word_f1", "word_precision", "word_recall", "words",
    }  # fmt: skip
    exact = found["exact_match"]
    assert (exact["value"], exact["rows"], exact["threshold"], exact["passed"]) == (0.95, 200, None, None)
    # of 200 with 10 wrong, the binomial's middle 95 % lies between 0.92 and 0.98
    assert exact["low"] == pytest.approx(0.92, abs=0.011)
    assert exact["high"] == pytest.approx(0.98, abs=0.011)
    deciding = {metric for metric, row in found.items() if row["threshold"] is not None}
    assert deciding == {
        "word_f1", "claim_precision", "claim_recall", "fact_recall", "degenerate", "follows_alt_text",
    }  # fmt: skip
    assert all(found[metric]["passed"] for metric in deciding)


def test_figures_over_all_images_by_hand() -> None:
    made = pa.concat_tables([table(GOOD, "evaluations/1")])
    figures = {one.metric: one for one in measure(made, seed=0, resamples=100)}
    f1 = [dict(row["scores"])["word_f1"] for row in GOOD]
    assert figures["word_f1"].estimate.value == pytest.approx(np.mean(f1), abs=1e-6)
    scorer = Cider([tokens(row["reference"]) for row in GOOD])
    cider = [scorer.score(tokens(row["prediction"]), tokens(row["reference"])) for row in GOOD]
    assert figures["cider_d"].estimate.value == pytest.approx(np.mean(cider), abs=1e-6)
    assert figures["words"].estimate.value == np.mean([len(row["prediction"].split()) for row in GOOD])


def test_a_bad_student_is_stopped_with_figures_and_advice(tmp_path: Path) -> None:
    bad = [evaluated(number, good=number % 3 == 0) for number in range(150)]
    with pytest.raises(GateFailed) as caught:
        run([bad], tmp_path)
    message = str(caught.value)
    assert message.startswith("The student is not good enough to caption the rest. ")
    assert re.search(
        r"fact_recall is 0\.333 \(95 % interval 0\.2\d\d to 0\.4\d\d\) over 150 images; the worse end of the "
        r"interval must be at least 0\.6 \(distill\.gate\.min_fact_recall\): .*lower "
        r"distill\.training_set\.alt_text_dropout",
        message,
    )
    assert "follows_alt_text is 0.333" in message
    assert "degenerate" not in message
    assert exit_code(caught.value) == 4


def test_a_student_that_must_not_stop_is_written_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = [evaluated(number, good=number % 3 == 0) for number in range(150)]
    found = run([bad], tmp_path, stop=False)
    assert found["fact_recall"]["passed"] is False
    assert found["degenerate"]["passed"] is True
    assert "gate: fact_recall is 0.333" in capfd.readouterr().out


def test_the_interval_decides_or_the_figure(tmp_path: Path) -> None:
    thresholds = {"min_exact_match": 0.94, "min_word_f1": None}
    with pytest.raises(GateFailed, match=r"exact_match is 0\.950 .*the worse end"):
        run([GOOD], tmp_path / "interval", **thresholds)
    found = run([GOOD], tmp_path / "value", decide_by="value", **thresholds)
    assert found["exact_match"]["passed"] is True
    assert found["word_f1"]["threshold"] is None


def test_degenerate_captions_have_a_most(tmp_path: Path) -> None:
    shard = [evaluated(number, degenerate=float(number % 10 == 0)) for number in range(200)]
    with pytest.raises(
        GateFailed, match=r"degenerate is 0\.100 .* must be at most 0\.02 \(distill\.gate\.max_degenerate\)"
    ):
        run([shard], tmp_path)
    assert run([shard], tmp_path / "more", max_degenerate=0.2)["degenerate"]["passed"] is True


def test_too_few_images_decide_nothing(tmp_path: Path) -> None:
    with pytest.raises(
        GateFailed,
        match=r"99 images are held out and distill\.gate\.min_rows wants 100\. Raise distill",
    ):
        run([GOOD[:99]], tmp_path / "stop")
    found = run([GOOD[:99]], tmp_path / "go", stop=False)
    assert {row["passed"] for row in found.values()} == {None}
    assert found["word_f1"]["rows"] == 99
    assert run([[]], tmp_path / "none", stop=False) == {}


def test_a_metric_that_few_images_have_says_so(tmp_path: Path) -> None:
    def without(row: dict) -> dict:
        return {**row, "scores": [pair for pair in row["scores"] if pair[0] != "follows_alt_text"]}

    shard = [row if number < 29 else without(row) for number, row in enumerate(GOOD)]
    with pytest.raises(GateFailed, match=r"can't judge follows_alt_text: 29 held-out .* needs 30 .*to null"):
        run([shard], tmp_path / "few")
    shard = [without(row) for row in GOOD]
    with pytest.raises(GateFailed, match="can't judge follows_alt_text: 0 held-out"):
        run([shard], tmp_path / "none")
    assert run([shard], tmp_path / "null", min_follows_alt_text=None)["word_f1"]["passed"] is True


def test_near_duplicates_make_the_interval_wider(tmp_path: Path) -> None:
    single = [evaluated(number, good=number // 10 % 4 != 0) for number in range(200)]
    clustered = [evaluated(number, good=number // 10 % 4 != 0, group=number // 10) for number in range(200)]
    widths = []
    for name, shard in (("single", single), ("clustered", clustered)):
        exact = run([shard], tmp_path / name, stop=False)["exact_match"]
        widths.append(exact["high"] - exact["low"])
    assert widths[1] > 2 * widths[0]


def test_one_cluster_is_too_few_to_judge(tmp_path: Path) -> None:
    with pytest.raises(GateFailed, match=r"can't judge word_f1: 200 held-out images .* two clusters"):
        run([[evaluated(number, group=0) for number in range(200)]], tmp_path)


def test_figures_do_not_depend_on_the_shards(tmp_path: Path) -> None:
    one = run([GOOD], tmp_path / "one")
    assert run([GOOD[150:], GOOD[:7], GOOD[7:150]], tmp_path / "three") == one
