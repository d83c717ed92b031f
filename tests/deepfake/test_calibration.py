import numpy as np
import pytest

from components.core.errors import ConfigurationError
from components.deepfake.calibration import Calibration, from_json, to_json

ONE = Calibration("spatial", "platt", (-2.0, 0.0, 2.0), (0.1, 0.4, 0.9), 0.5, 0.3, 0.7, 40, 0.6, 0.05)


def test_map_is_linear_between_knots_and_constant_beyond() -> None:
    assert [ONE.apply(score) for score in (-9, -2, -1, 0, 1, 9)] == pytest.approx(
        [0.1, 0.1, 0.25, 0.4, 0.65, 0.9]
    )
    assert ONE.apply_all(np.array([[-1.0, 1.0]])) == pytest.approx(np.array([[0.25, 0.65]]))


def test_answers_and_the_band() -> None:
    answers = [ONE.answer(p) for p in (0.29, 0.3, 0.5, 0.7, 0.71)]
    assert answers == ["likely_real", "cannot_tell", "cannot_tell", "cannot_tell", "likely_forged"]


def test_the_neutral_score_has_the_prior() -> None:
    assert ONE.apply(ONE.neutral(0.5)) == pytest.approx(0.5)
    assert ONE.neutral(0.01) == -2


def test_of_which_nothing_is_known_always_abstains() -> None:
    none = Calibration.none("blink", 3)
    assert {none.answer(none.apply(score)) for score in (-1e9, -1, 0, 1, 1e9)} == {"cannot_tell"}
    assert none.neutral(0.5) == 0
    assert Calibration.from_row(none.row()) == none


def test_there_and_back_as_json() -> None:
    none = Calibration.none("blink")
    assert from_json(to_json([ONE, none])) == {"spatial": ONE, "blink": none}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ('{"a": 1}', "list of objects"),
        ("[3]", "list of objects"),
        ('[{"detector": "x"}]', "can't be read"),
        (to_json([ONE]).replace("0.1,", "0.95,", 1), "both rising"),
        (to_json([ONE]).replace("-2.0,", "5.0,", 1), "both rising"),
        (to_json([ONE]).replace("-2.0,", '"a",', 1), "can't be read"),
    ],
)
def test_what_is_no_calibration_is_refused(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        from_json(text)
