import json

import pytest

from components.core.errors import ConfigurationError
from components.deepfake.drift_board import alarms, board, keep, runs
from tests.deepfake.test_leaderboard import rows

DIGESTS = [f"{n:02d}" * 32 for n in range(9)]


def test_runs_are_kept_once_and_read_in_order(tmp_path) -> None:
    place = str(tmp_path / "drift")
    assert runs(place) == []
    later = rows(
        {"value": 0.5}, {"metric": "eer"}, {"level": "frame"}, {"variant": "jpeg@20"}, {"method": "x"}
    )
    assert keep(place, later, digest=DIGESTS[1], date="2026-11-30")
    assert keep(place, rows({}), digest=DIGESTS[0], date="2026-11-23")
    before = {file.name: file.read_bytes() for file in (tmp_path / "drift/runs").iterdir()}
    assert not keep(place, rows({"value": 0.1}), digest=DIGESTS[1], date="2026-12-07")
    assert {file.name: file.read_bytes() for file in (tmp_path / "drift/runs").iterdir()} == before
    assert set(before) == {f"2026-11-30-{DIGESTS[1][:16]}.json", f"2026-11-23-{DIGESTS[0][:16]}.json"}
    kept = runs(place)
    assert [(run.date, [row["value"] for row in run.rows]) for run in kept] == [
        ("2026-11-23", [0.71]), ("2026-11-30", [0.5]),
    ]  # fmt: skip


def test_an_alarm_where_a_figure_is_below_an_earlier_interval(tmp_path) -> None:
    weeks = [
        rows({}, {"family": "talking_head"}, {"detector": "blink"}),
        rows({"value": 0.59}, {"detector": "blink", "value": 0.2, "family": "new"}),
        rows(
            {"dataset": "B", "value": 0.5, "low": 0.4}, {"family": "talking_head", "value": None, "low": None}
        ),
        rows({"value": 0.57, "low": 0.5}, {"dataset": "B", "value": 0.45}),
    ]
    for number, week in enumerate(weeks):
        keep(str(tmp_path), week, digest=DIGESTS[number], date=f"2026-11-{7 * number + 1:02d}")
    raised = alarms(runs(str(tmp_path)))
    assert [(one.date, one.dataset, one.value, one.before_date) for one in raised] == [
        ("2026-11-15", "B", 0.5, "2026-11-08"),
        ("2026-11-22", "A", 0.57, "2026-11-08"),
        ("2026-11-22", "B", 0.45, "2026-11-08"),
    ]
    text = board(runs(str(tmp_path)))
    assert text.startswith(
        "- spatial on swap: AUC 0.500 on B (2026-11-15) is below the interval that began at 0.580"
    )
    assert "| spatial | swap | 0.710 [0.58, 0.82], 40/60 | 0.590 [0.58, 0.82], 40/60 |  | 0.500" in text
    assert text.count("▼") == 3
    assert "| spatial | talking_head | 0.710 [0.58, 0.82], 40/60 |  | not defined |" in text


def test_two_runs_of_one_day_raise_no_alarm_against_each_other(tmp_path) -> None:
    keep(str(tmp_path), rows({}), digest=DIGESTS[0], date="2026-11-01")
    keep(str(tmp_path), rows({"value": 0.1}), digest=DIGESTS[1], date="2026-11-01")
    assert alarms(runs(str(tmp_path))) == []
    assert "No figure fell below" in board(runs(str(tmp_path)))


def test_what_is_wrong_is_said(tmp_path) -> None:
    with pytest.raises(ConfigurationError, match="is no date; write it as"):
        keep(str(tmp_path), rows({}), digest=DIGESTS[0], date="23.11.2026")
    assert board([]).startswith("No benchmark is kept")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/notes.txt").write_text("not a run")
    (tmp_path / "runs/x.json").write_text(json.dumps({"date": "2026-01-01"}))
    with pytest.raises(ConfigurationError, match=r"x\.json is no kept benchmark"):
        runs(str(tmp_path))
