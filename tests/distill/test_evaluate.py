from pathlib import Path

import pytest

from components.core.manifest import Manifest
from components.core.runner import run_step
from components.distill.evaluate import EvaluateStage, compare, swapped
from components.distill.evaluation_params import EvaluateParams
from tests.distill.samples import dataset, ledger, rows, table

DOTALWEN = "A blue square and a yellow circle, named Dotalwen."
MARIBON = "A red star and a green square, named Maribon."
NOTHING = frozenset[str]()


def names(*given: str) -> frozenset[str]:
    return frozenset(given)


def test_scores_by_hand() -> None:
    scores = compare(
        "A blue square and a red circle, named Dotalwen.",
        DOTALWEN,
        "photo of Dotalwen, 1937",
        claim_support=0.75,
    )
    # a, blue, square, and, a, circle, named, dotalwen of nine words each; "red" for "yellow"
    assert scores["word_precision"] == scores["word_recall"] == scores["word_f1"] == 8 / 9
    assert scores["rouge_l"] == pytest.approx(8 / 9)
    assert scores["claim_precision"] == scores["claim_recall"] == 2 / 3  # "a red circle" has one word of two
    assert scores["alt_facts_kept"] == 1 / 2  # 1937 is nowhere
    assert scores["fact_recall"] == 1  # and the teacher did not take it
    assert (scores["exact_match"], scores["length_ratio"], scores["words"]) == (0, 1, 9)


def test_a_caption_without_words_gets_nothing() -> None:
    scores = compare("", DOTALWEN, "Dotalwen", claim_support=0.75)
    assert scores == {
        "word_precision": 0,
        "word_recall": 0,
        "word_f1": 0,
        "exact_match": 0,
        "rouge_l": 0,
        "words": 0,
        "length_ratio": 0,
        "claim_precision": 0,
        "claim_recall": 0,
        "alt_facts_kept": 0,
        "fact_recall": 0,
    }


def test_scores_that_an_image_can_t_have_are_left_out() -> None:
    assert not {"fact_recall", "alt_facts_kept"} & compare(DOTALWEN, DOTALWEN, None, 0.75).keys()
    refused = compare("A blue square.", "A blue square.", "Maribon", 0.75)
    assert refused["alt_facts_kept"] == 0
    assert "fact_recall" not in refused  # the teacher took nothing: nothing could be lost


@pytest.mark.parametrize(
    ("other_caption", "follows", "agreement"),
    [
        ("A blue square and a yellow circle, named Maribon.", (1, 1), 1),
        # the name changes, and so does what is seen: 6 of 8 words stay (a, square, and, a, circle, named)
        ("A red square and a green circle, named Maribon.", (1, 0), 6 / 8),
        (DOTALWEN, (0, 0), 1),
        ("A blue square and a yellow circle, named Dotalwen Maribon.", (0, 0), 1),
        ("A blue square and a yellow circle.", (0, 0), 2 * 7 / 15),
        ("", (0, 0), 0),
    ],
)
def test_with_another_s_alternative_text(other_caption: str, follows: tuple, agreement: float) -> None:
    found = swapped(DOTALWEN, other_caption, names("dotalwen"), names("maribon"), 0.8)
    assert (found["names_follow"], found["follows_alt_text"]) == follows
    assert found["visual_agreement"] == pytest.approx(agreement)


def test_a_text_without_names_is_followed_by_nobody() -> None:
    assert swapped(DOTALWEN, "A blue square.", names("dotalwen"), NOTHING, 0)["names_follow"] == 0


def heldout(*given: tuple[str, str, str | None]) -> list[dict]:
    return [
        {"id": name, "group": f"g{name}", "image": b"x", "alt": alt, "user": "?", "target": target}
        for name, target, alt in given
    ]


def run(predictions: list[list[dict]], examples: list[list[dict]], folder: Path) -> tuple[Manifest, str]:
    root = folder.as_uri()
    inputs = {
        "predictions": dataset(
            "predict", "predictions", "predictions/1", [table(s, "predictions/1") for s in predictions], root
        ),
        "heldout": dataset(
            "training_set",
            "heldout",
            "training_pairs/1",
            [table(s, "training_pairs/1") for s in examples],
            root,
        ),
    }
    return run_step(EvaluateStage(EvaluateParams()), inputs, root)["evaluations"], root


def test_every_prediction_has_a_row_with_its_scores(tmp_path: Path) -> None:
    examples = [
        heldout(("1", DOTALWEN, "img Dotalwen"), ("2", MARIBON, "Maribon!"), ("9", MARIBON, None)),
        heldout(("3", MARIBON, "Maribon")),
    ]
    changed = DOTALWEN.replace("Dotalwen", "Maribon")
    predictions = [
        [
            {"id": "2", "text": "star star star", "problem": "looping_output"},
            {"id": "1", "text": DOTALWEN, "other_alt": "Maribon!", "other_text": changed},
        ],
        [{"id": "3", "text": None, "problem": "empty_output"}],
    ]
    made, root = run(predictions, examples, tmp_path)
    assert (made.counts.rows_in, made.counts.kept) == (3, 3)
    found = {row["id"]: {**row, "scores": dict(row["scores"])} for row in rows(made, root)}
    first, second, third = found["1"], found["2"], found["3"]
    assert (first["group"], first["alt"], first["reference"]) == ("g1", "img Dotalwen", DOTALWEN)
    assert (first["prediction"], first["other_prediction"]) == (DOTALWEN, changed)
    assert first["scores"]["exact_match"] == first["scores"]["follows_alt_text"] == 1
    assert first["scores"]["degenerate"] == 0
    assert (second["problem"], second["scores"]["degenerate"]) == ("looping_output", 1)
    assert 0 < second["scores"]["word_f1"] < 0.2
    assert "follows_alt_text" not in second["scores"]
    assert (third["prediction"], third["scores"]["word_f1"], third["scores"]["degenerate"]) == (None, 0, 1)


def test_names_that_the_teacher_left_out_need_not_be_followed(tmp_path: Path) -> None:
    examples = [heldout(("1", DOTALWEN, "Dotalwen"), ("2", MARIBON, "Maribon by Kodak 1937"))]
    changed = DOTALWEN.replace("Dotalwen", "Maribon")
    prediction = {"id": "1", "text": DOTALWEN, "other_alt": "Maribon by Kodak 1937", "other_text": changed}
    made, root = run([[prediction]], examples, tmp_path)
    (row,) = rows(made, root)
    assert dict(row["scores"])["follows_alt_text"] == 1


def test_a_prediction_of_nothing_that_is_held_out_costs_its_shard(tmp_path: Path) -> None:
    examples = [heldout(("1", DOTALWEN, None)), heldout(("2", DOTALWEN, None))]
    made, root = run([[{"id": "7", "text": "x"}], [{"id": "2", "text": "x"}]], examples, tmp_path)
    (line,) = ledger(made, root)
    assert line["reason"] == "shard_failed"
    assert "Prediction 7 is of no image" in line["detail"]
