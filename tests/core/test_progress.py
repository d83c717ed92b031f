from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.core.progress import EVENTS_VARIABLE, LOG_VARIABLE, Progress, emit


def test_plain_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(EVENTS_VARIABLE, raising=False)
    monkeypatch.delenv(LOG_VARIABLE, raising=False)
    progress = Progress("extract", 0, 2, 1)
    progress.unit(100, 3)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "extract [0] 1/2 units (1 done before)"
    assert lines[1].startswith("extract [0] 2/2 units (1 done before), 100 records, ")
    assert lines[1].endswith("3 failed, 0 s left")


def test_json_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(EVENTS_VARIABLE, raising=False)
    monkeypatch.setenv(LOG_VARIABLE, "json")
    emit("note", step="x", number=3)
    assert json.loads(capsys.readouterr().out)["number"] == 3


def test_events_go_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(EVENTS_VARIABLE, str(tmp_path / "events"))
    Progress("extract", 1, 3, 0).unit(10, 0)
    events = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    assert [e["event"] for e in events] == ["start", "progress"]
    assert events[1]["done"] == 1
    assert capsys.readouterr().out == ""
