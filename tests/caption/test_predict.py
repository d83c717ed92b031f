"""What of the predict step needs no model; `test_student_steps.py` runs one."""

import pytest

from components.caption.predict import other_alts
from components.caption.scale_params import PredictParams
from components.caption.student import Student
from components.core.errors import ConfigurationError
from components.core.stage import empty
from components.core.store import Stores

NAMES = ["Dotalwen", "Maribon", "Kesulti", "Varenor"]


def example(number: int, name: str | None, taken: bool = True) -> dict:
    target = f"A blue square{f', named {name}' if name and taken else ''}."
    return {"id": f"{number:03d}", "alt": f"img of {name} hd" if name else None, "target": target}


MANY = [example(number, NAMES[number % 4]) for number in range(200)]


def test_others_have_other_names() -> None:
    found = other_alts(MANY, 1.0)
    assert list(found) == list(range(200))
    for row, alt in found.items():
        assert NAMES[row % 4] not in alt
        assert any(name in alt for name in NAMES)


def test_a_share_is_chosen_by_the_hash_of_the_id() -> None:
    quarter = other_alts(MANY, 0.25)
    assert 30 <= len(quarter) <= 72
    assert quarter.keys() <= other_alts(MANY, 0.5).keys()
    assert other_alts(MANY, 0) == {}
    by_id = {MANY[row]["id"]: alt for row, alt in quarter.items()}
    shuffled = list(reversed(MANY))
    assert {shuffled[row]["id"]: alt for row, alt in other_alts(shuffled, 0.25).items()} == by_id


def test_texts_that_could_change_nothing_are_not_used() -> None:
    rows = [example(0, "Dotalwen"), example(1, "Maribon", taken=False), example(2, None)]
    assert other_alts(rows, 1.0) == {}  # the others' names are in no caption
    rows.append(example(3, "Dotalwen"))
    assert other_alts(rows, 1.0) == {}  # the same name
    rows.append(example(4, "Kesulti"))
    assert other_alts(rows, 1.0) == {0: rows[4]["alt"], 3: rows[4]["alt"], 4: other_alts(rows, 1.0)[4]}


def test_a_student_is_what_training_made() -> None:
    named = PredictParams.model_validate({"student": {"engine": "transformers", "model": "some/model"}})
    with pytest.raises(ConfigurationError, match=r"caption\.student\.model is 'some/model'.*leave it empty"):
        Student(named)
    with pytest.raises(ConfigurationError, match="image: false"):
        Student(PredictParams(prompt="fuse-v1"))
    with pytest.raises(ConfigurationError, match="training published no model files"):
        Student(PredictParams()).open(empty("model_files/1"), Stores())


def test_requests_are_those_of_training() -> None:
    student = Student(PredictParams(max_tokens=7))
    request = student.request(b"image", "Dotalwen")
    assert (request.user, request.system) == (
        student.prompt.render(alt_text="Dotalwen"),
        student.prompt.system,
    )
    assert (request.image, request.max_tokens) == (b"image", 7)
    assert Student(PredictParams()).request(b"image", None).max_tokens == student.prompt.max_tokens
