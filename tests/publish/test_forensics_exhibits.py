from typing import Any

from components.core import report as kit
from components.publish.forensics_exhibits import benchmark_sections, figure

FIGURE: dict[str, Any] = {
    "detector": "spatial", "dataset": "A", "family": "swap", "method": None, "slice": None,
    "protocol": "within", "variant": "clean", "level": "media", "metric": "auc", "value": 0.71,
    "low": 0.58, "high": 0.82, "forged": 40, "real": 60, "groups": 90, "lost": 0, "remark": None,
}  # fmt: skip


def rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**FIGURE, **change} for change in changes]


EVERYTHING = rows(
    {"detector": "file_facts", "value": 0.91, "remark": "source_confounded"},
    {"remark": "source_confounded"},
    {"level": "frame", "value": 0.66},
    {
        "detector": "blink",
        "protocol": "untrained",
        "value": 0.5,
        "low": 0.4,
        "remark": "chance_level",
        "lost": 7,
    },
    {"family": "talking_head", "value": 0.43},
    {"method": "SimSwap", "value": 0.77},
    {"method": "SimSwap", "protocol": "leave_generator_out", "value": 0.61},
    {"metric": "eer", "value": 0.33},
    {"metric": "coverage", "value": 0.93},
    {"metric": "auc_with_lost", "value": 0.69},
    {"metric": "milliseconds", "value": 12.5},
    {"slice": "gender=female", "metric": "fpr", "value": 0.21},
    {"variant": "jpeg@50", "value": 0.62},
    {"variant": "jpeg@20", "value": 0.55},
    {"variant": "jpeg@20", "metric": "fpr_drift", "value": 0.19},
)


def page(given: list[dict[str, Any]]) -> str:
    return kit.render(kit.Report("t", "s", benchmark_sections(given)))


def test_every_kind_of_row_is_shown_with_its_interval() -> None:
    sections = benchmark_sections(EVERYTHING)
    assert [section.title for section in sections] == [
        "Can the figures be trusted?", "Leader board", "Robustness", "Fairness slices", "Coverage and speed",
    ]  # fmt: skip
    html = page(EVERYTHING)
    for row in EVERYTHING:
        assert f"{row['value']:.3f} [{row['low']:.2f}, {row['high']:.2f}] 40/60" in html
    assert "7\u00a0lost, chance\u00a0level" in html
    assert "nobody can tell it from tossing a coin" in html


def test_families_have_tables_of_their_own_and_left_out_generators_come_first() -> None:
    (board,) = (one for one in benchmark_sections(EVERYTHING) if one.title == "Leader board")
    tables = [block for block in board.blocks if isinstance(block, kit.Table)]
    assert [table.caption for table in tables] == [
        "swap, generator left out of training: media AUC",
        "swap: media AUC",
        "swap: frame AUC",
        "talking_head: media AUC",
    ]
    assert [line[0] for line in tables[1].rows] == ["spatial", "blink"]
    assert not any("file_facts" in line for table in tables for line in table.rows)


def test_the_curve_is_in_the_order_of_levels() -> None:
    (section,) = (one for one in benchmark_sections(EVERYTHING) if one.title == "Robustness")
    (panel,) = section.blocks
    assert isinstance(panel, kit.Panel)
    (columns, _) = panel.blocks
    assert isinstance(columns, kit.Columns)
    (chart,) = columns.blocks
    assert isinstance(chart, kit.LineChart)
    assert [list(line.points) for line in chart.lines] == [[(20.0, 0.55), (50.0, 0.62)]]


def test_no_rows_no_sections_and_what_is_not_defined_is_said() -> None:
    assert benchmark_sections([]) == []
    (row,) = rows({"value": None, "low": None, "high": None})
    assert figure(row) == "not defined 40/60"
    assert "not defined 40/60" in page([row])
    assert "no interval" in page(rows({"low": None, "high": None}))
