import json

from components.deepfake.leaderboard import as_json, boards, markdown
from tests.deepfake.test_benchmark import CALIBRATION, measured, world

FIGURE = {
    "detector": "spatial", "dataset": "A", "family": "swap", "method": None, "slice": None,
    "protocol": "within", "variant": "clean", "level": "media", "metric": "auc", "value": 0.71,
    "low": 0.58, "high": 0.82, "forged": 40, "real": 60, "groups": 90, "lost": 0, "remark": None,
}  # fmt: skip


def rows(*changes):
    return [{**FIGURE, **change} for change in changes]


def test_a_board_for_each_family_and_level_the_left_out_ones_first() -> None:
    found = boards(
        rows(
            {},
            {"dataset": "B", "protocol": "cross_dataset", "value": 0.6, "low": 0.4, "high": 0.7},
            {"level": "frame", "value": 0.69},
            {"family": "talking_head", "value": 0.5, "remark": "chance_level"},
            {"method": "SimSwap", "protocol": "leave_generator_out", "value": 0.55},
            {"method": "SimSwap", "value": 0.99},  # by method: not of a board
            {"slice": "gender=male", "value": 0.1},
            {"variant": "jpeg@20", "value": 0.2},
            {"metric": "eer", "value": 0.3},
            {"detector": "best", "low": 0.9, "value": 0.95, "high": 0.97, "lost": 3},
        )
    )
    keys = [(board.protocol, board.family, board.level) for board in found]
    assert keys == [
        ("leave_generator_out", "swap", "media"),
        ("direct", "swap", "media"),
        ("direct", "swap", "frame"),
        ("direct", "talking_head", "media"),
    ]
    assert found[0].columns == ("A: SimSwap",)
    assert found[1].columns == ("A", "B")
    assert list(found[1].entries) == ["best", "spatial"]
    assert found[1].entries["best"][1] is None
    text = markdown(found)
    assert "| best | 0.950 [0.90, 0.97] w, 40/60, 3 lost |  |" in text
    assert "| spatial | 0.710 [0.58, 0.82] w, 40/60 | 0.600 [0.40, 0.70] x, 40/60 |" in text
    assert "0.500 [0.58, 0.82] w, 40/60, chance_level" in text
    assert "0.99" not in text
    again = json.loads(as_json(found))
    assert again[1]["entries"]["best"][0]["value"] == 0.95


def test_what_is_not_there_is_said() -> None:
    assert markdown([]).startswith("No figure could be made")
    text = markdown(
        boards(rows({"value": None, "low": None, "high": None}, {"detector": "b|c", "low": None}))
    )
    assert "not defined, 40/60" in text
    assert "| b\\|c | 0.710 no interval w, 40/60 |" in text


def test_out_of_a_real_benchmark() -> None:
    samples, detections = world(count=12)
    found = boards(measured(samples, detections, [CALIBRATION]))
    assert {(board.family, board.level) for board in found} == {
        ("swap", "media"), ("swap", "frame"), ("talking_head", "media"), ("talking_head", "frame"),
    }  # fmt: skip
    assert {detector for board in found for detector in board.entries} == {"spatial", "file_facts"}


def test_a_figure_without_an_interval_stands_below_those_with_one() -> None:
    (board,) = boards(
        rows({"detector": "a", "value": 1.0, "low": None, "high": None}, {"detector": "b", "low": 0.2})
    )
    assert list(board.entries) == ["b", "a"]
