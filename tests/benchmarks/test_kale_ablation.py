"""The ablation of KALE's table 2: its questions, its sets, its figures; and a whole small one."""

from __future__ import annotations

import collections
import importlib
import math
import sys
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"


def _load(name: str) -> ModuleType:
    """A program of benchmarks/, whose imports of one another work as when it is run."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


asking, ablation = _load("ablation_questions"), _load("kale_ablation")
ASKED = asking.questions(400, "held-out", "test")


def _of(task: str) -> list:
    return [one for one in ASKED if one.task == task]


def test_the_answer_is_what_the_scene_shows() -> None:
    for one in ASKED:
        left, right = one.scene.things
        match one.task:
            case "left_colour":
                assert (one.user, one.answer) == ("What colour is the shape on the left?", left.colour)
            case "right_colour":
                assert (one.user, one.answer) == ("What colour is the shape on the right?", right.colour)
            case "left_shape":
                assert (one.user, one.answer) == ("What shape is on the left?", left.shape)
            case "right_shape":
                assert (one.user, one.answer) == ("What shape is on the right?", right.shape)
            case "shape_of":
                assert (
                    one.answer == {thing.colour: thing.shape for thing in (left, right)}[one.user.split()[4]]
                )
            case "presence":
                asked_for = one.user.removeprefix("Is there a ").removesuffix("?")
                assert one.answer == ("yes" if asked_for in (left.words, right.words) else "no")
            case "name":
                assert one.answer == (one.scene.name or "unknown")


def test_only_the_question_about_the_name_tells_the_alternative_text() -> None:
    for one in ASKED:
        told = one.scene.alt_text is not None and one.scene.alt_text in one.user
        assert told == (one.task == "name" and one.scene.alt_text is not None)


def test_names_of_held_out_questions_are_not_those_of_tuning() -> None:
    tuning = asking.questions(100, "training", "test")
    names = {one.scene.name for one in _of("name")} - {None}
    assert len(names) > 200
    assert not names & {one.scene.name for one in tuning}
    assert {one.scene.key for one in ASKED}.isdisjoint(one.scene.key for one in tuning)


@pytest.mark.parametrize("task", asking.TASKS)
def test_no_constant_answer_is_much_better_than_chance(task: str) -> None:
    answers = collections.Counter(one.answer for one in _of(task))
    assert answers.most_common(1)[0][1] / 400 == pytest.approx(asking.CHANCE[task], abs=0.07)


def test_the_questions_of_a_number_stay_the_same() -> None:
    assert asking.questions(20, "held-out", "test") == ASKED[: 20 * len(asking.TASKS)]
    assert asking.questions(20, "held-out", "other") != ASKED[: 20 * len(asking.TASKS)]


def test_what_texts_tell() -> None:
    scenes = [one.scene for one in _of("name")]
    named = next(one for one in scenes if one.name)
    left, right = (thing.words for thing in named.things)
    assert asking.told(named.caption, named) == {"left", "right", "name"}
    assert asking.told(f"{right} | art prints", named) == {"right"}
    assert asking.told(f"img of {named.name} hd", named) == {"name"}
    other = next(one.name for one in scenes if one.name and one.name != named.name)
    assert asking.told(f"A {left}, named {other}.", named) == {"left", "false"}
    absent = next(word for one in scenes for word in [one.things[0].words] if word not in (left, right))
    assert asking.told(f"A {absent} and a {right}.", named) == {"right", "false"}
    assert asking.told("Buy now - 70% off!", named) == set()
    misplaced = next(one for one in scenes if one.alt_kind == "other_scene_named")
    assert "false" in asking.told(misplaced.alt_text, misplaced)


@pytest.mark.parametrize(
    ("caption", "shorter"),
    [
        ("A red ring and a blue cross.", "A red ring."),
        ("A red ring and a blue cross, named Dotalwen.", "A red ring, named Dotalwen."),
        ("A red ring.", "A red ring."),
    ],
)
def test_a_short_caption_keeps_the_first_thing_and_the_name(caption: str, shorter: str) -> None:
    assert ablation.short(caption) == shorter


def test_all_sets_have_the_same_images_in_the_same_order(tmp_path: Path) -> None:
    def table(ids: str) -> pa.Table:
        return pa.table({"id": list(ids), "target": [f"{one}!" for one in ids]})

    ablation._write_common(
        {"alt": table("dcb"), "kale": table("abcde"), "dense": table("bdx")}, tmp_path / "sets"
    )
    found = {folder.name: pq.read_table(folder) for folder in (tmp_path / "sets").iterdir()}
    assert found.keys() == {"alt", "kale", "dense"}
    for one in found.values():
        assert one.to_pydict() == {"id": ["b", "d"], "target": ["b!", "d!"]}


def test_accuracy_is_the_share_of_answers_right_to_the_letter() -> None:
    asked = ASKED[: 4 * len(asking.TASKS)]
    answers = [one.answer for one in asked]
    assert set(ablation.accuracies(asked, answers).values()) == {1.0}
    answers[0] = answers[0].upper()  # left_colour
    answers[5] = ""  # presence
    found = ablation.accuracies(asked, answers)
    assert (found["left_colour"], found["presence"], found["name"]) == (0.75, 0.75, 1.0)
    assert ablation.average(found) == pytest.approx((5 + 2 * 0.75) / 7)


def test_mean_and_standard_error() -> None:
    assert ablation.mean_and_error([0.5, 0.7, 0.9]) == pytest.approx((0.7, 0.2 / math.sqrt(3)))
    assert ablation.cell([0.5, 0.7, 0.9]) == "70.0 ± 11.5"
    assert ablation.cell([0.5]) == "50.0"


def test_the_table_has_a_row_a_condition_and_differences_seed_by_seed() -> None:
    def even(*shares: float) -> list[dict]:
        return [dict.fromkeys(asking.TASKS, share) for share in shares]

    # the seeds differ a lot, the difference does not
    lines = ablation.markdown_table({"alt": even(0.1, 0.5, 0.9), "kale": even(0.2, 0.6, 1.0)}).splitlines()
    assert lines[0].count("|") == lines[2].count("|") == len(asking.TASKS) + 4
    assert lines[2].startswith("| KALE") and lines[2].endswith("| 60.0 ± 23.1 | – |")
    assert lines[3].startswith("| alternative texts") and lines[3].endswith("| 50.0 ± 23.1 | -10.0 ± 0.0 |")


def test_what_was_measured_replaces_what_stood_there() -> None:
    document = f"# Title\n{ablation._BEGIN}\nold\n{ablation._END}\nthe rest\n"
    assert (
        ablation.replaced(document, "new") == f"# Title\n{ablation._BEGIN}\nnew\n{ablation._END}\nthe rest\n"
    )
    with pytest.raises(ValueError, match="has no lines"):
        ablation.replaced("# Title", "new")


def test_the_guide_has_a_place_for_what_is_measured() -> None:
    assert ablation.replaced((REPOSITORY / "docs" / "ablation.md").read_text(), "new")


@pytest.mark.torch
def test_a_small_ablation_from_images_to_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
    pytest.importorskip("transformers", reason="transformers is not installed: see the extra `torch`")
    document = tmp_path / "ablation.md"
    document.write_text(f"{ablation._BEGIN}\n{ablation._END}\n")
    sizes = "--scenes 24 --rows 12 --questions 8 --evaluation 2 --pretrain-steps 2 --tune-steps 2 --seeds 2"
    arguments = ["kale_ablation.py", "--work", str(tmp_path / "work"), "--markdown", str(document)]
    monkeypatch.setattr(sys, "argv", [*arguments, *sizes.split()])
    assert ablation.main() == 0
    found = {name: pq.read_table(tmp_path / "work" / "rows-12" / name) for name in ablation.CONDITIONS}
    assert len({tuple(table.column("id").to_pylist()) for table in found.values()}) == 1
    assert len({tuple(table.column("user").to_pylist()) for table in found.values()}) == 1
    assert len({tuple(table.column("target").to_pylist()) for table in found.values()}) == 4
    starts = [tmp_path / "work" / f"start-{seed}" / "model.safetensors" for seed in (0, 1)]
    assert starts[0].read_bytes() != starts[1].read_bytes()
    written = document.read_text()
    assert all(f"\n| {words} |" in written for words in ablation.WORDS.values())
    capsys.readouterr()
    # what is done is not done again
    assert ablation.main() == 0
    assert "seed 1, none" in capsys.readouterr().out
