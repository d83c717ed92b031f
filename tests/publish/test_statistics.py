from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.publish.describe import summarize, write_report
from components.publish.removals import removals
from components.publish.statistics import statistics, to_json
from components.publish.summary import RunSummary, StepSummary
from tests.publish import runs

STEPS = [
    StepSummary("extract", rows_in=120, kept=100, dropped={"not_html": 20}, unit="records"),
    StepSummary(
        "decide", rows_in=100, kept=70, dropped={"too_few_words": 25, "other_language": 5}, unit="documents"
    ),
    StepSummary("keys", rows_in=70, kept=700, unit="documents", conserves=False),
    StepSummary(
        "dedup",
        rows_in=70,
        kept=60,
        dropped={"near_text": 7, "exact_text": 3},
        changed={"boilerplate": 12},
        unit="documents",
    ),
]


def test_each_rule_s_removals_add_up() -> None:
    found = removals(STEPS)
    assert [(line.step, line.reason, line.removed) for line in found] == [
        ("decide", "too_few_words", 25),
        ("decide", "other_language", 5),
        ("dedup", "near_text", 7),
        ("dedup", "exact_text", 3),
        ("dedup", "boilerplate", 12),
    ]
    assert found[2].share_of_step == pytest.approx(0.1)
    assert found[2].share_of_all == pytest.approx(0.07)
    assert found[4].share_of_step is None
    counted = [line for line in found if line.share_of_all is not None]
    assert 1 - sum(line.share_of_all or 0 for line in counted) == pytest.approx(60 / 100)


def test_rates_of_copies_are_of_what_entered_dedup() -> None:
    numbers = statistics(RunSummary("a", STEPS))
    assert numbers["duplicates"]["shares"] == {"exact_text": 0.042857, "near_text": 0.1}
    assert json.loads(to_json(numbers)) == json.loads(json.dumps(numbers))


def test_they_are_written_beside_the_card(tmp_path: Path) -> None:
    runs.make(tmp_path)
    write_report(tmp_path.as_uri())
    written = json.loads((tmp_path / "export" / "statistics.json").read_text())
    run, _ = summarize(tmp_path.as_uri())
    assert written["documents"] == run.aggregates.documents == 12
    assert written["tokens"] is None
    assert written["removals"][0]["reason"] == "too_few_words"
    card = (tmp_path / "export" / "README.md").read_text()
    assert "too\\_few\\_words | documents | 1 |" in card
    assert "Removed by rule" in (tmp_path / "report" / "report.html").read_text()
