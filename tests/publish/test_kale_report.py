from __future__ import annotations

from pathlib import Path

import pytest

from components.core import report as kit
from components.publish.caption_summary import CaptionSummary
from components.publish.describe import read_run, write_report
from components.publish.kale_report import FALLBACK, caption_sections, claim_rows, gate_rows
from components.publish.pictures import Pictures
from components.publish.run_report import build_report
from components.publish.summary import RunSummary
from tests.core.test_report import parsed
from tests.publish import kale_runs, runs


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunSummary:
    root = tmp_path_factory.mktemp("kale") / "run"
    kale_runs.make(root)
    return read_run(str(root))[0]


@pytest.fixture(scope="module")
def page(run: RunSummary) -> str:
    return build_report(run)


def sections(captions: CaptionSummary) -> dict[str, kit.Section]:
    return {section.title: section for section in caption_sections(captions, Pictures(captions.images))}


def test_the_report_is_whole_escaped_and_repeatable(run: RunSummary, page: str) -> None:
    structure = parsed(page)
    assert "script" not in structure.tags
    assert not any(name.startswith("on") for name, _ in structure.attributes)
    assert page == build_report(run)
    assert run.digest in page
    assert len(page) < 5_000_000


def test_every_section_is_there_and_none_on_documents(run: RunSummary, page: str) -> None:
    assert run.captions is not None
    assert list(sections(run.captions)) == [
        "Captions", "Caption samples", "Truth layer", "Training", "Gate", "Blind comparison", "Audit",
    ]  # fmt: skip
    for absent in ("Documents", "Distributions"):
        assert f">{absent}</h2>" not in page
    assert "<dt>documents</dt>" not in page


@pytest.mark.parametrize(
    "said",
    [
        "BLIP3-KALE: 67.26", "10.47", "83.3 %", "of 24 judged", "By stage", "distilled student (stage 2)",
        "Judged by toys/judge (vllm, prompt judge-claim-v1): 24 captions.",
        "8 of 51 claims were taken out (15.7 %).", "4 removed",
        "Training loss", "Throughput in tokens", "Model FLOP utilisation", "800 steps, weights 64 B",
        "2 captions written during training",
        "1 of 2 conditions met", "0.78 to 0.84", "NOT passed", "not decided on",
        "The drift alarm went off in 1 of them", "Shards with a drift alarm",
        "looping_output", "removed: unsupported", "removed: contradicted", "claims not judged",
        "kale_captions/1", "alt text of another image",
    ],
)  # fmt: skip
def test_it_tells_what_happened(page: str, said: str) -> None:
    assert said in page


def test_claims_are_told_by_text_and_not_by_colour_alone(page: str) -> None:
    struck = page.count("<del ")
    assert struck == page.count(">removed: ") == 4
    assert page.count("<mark ") == page.count('class="said by-')
    assert "It was painted in 1912.</del>" in page


def test_a_blind_comparison_tells_who_is_who_only_in_its_fold(run: RunSummary) -> None:
    assert run.captions is not None
    exhibits = sections(run.captions)["Blind comparison"].blocks
    answers = set()
    for exhibit, row in zip(exhibits, run.captions.compared, strict=True):
        assert isinstance(exhibit, kit.Exhibit)
        shown = {p.name: "".join(span.text for span in p.spans) for p in exhibit.passages}
        assert {shown["A"], shown["B"]} == {row["reference"], row["prediction"]}
        assert not any(word in str(shown).lower() for word in ("student", "teacher"))
        answer = exhibit.folded[0].spans[0].text
        student = answer.partition(" is the student")[0][-1]
        assert shown[student] == row["prediction"]
        answers.add(answer)
    assert len(answers) == 2


def test_rates_by_part_are_a_line_each(run: RunSummary, page: str) -> None:
    assert run.captions is not None
    (panel,) = sections(run.captions)["Training"].blocks
    assert isinstance(panel, kit.Panel)
    (charts, _) = panel.blocks
    assert isinstance(charts, kit.Columns)
    found = {chart.title: chart for chart in charts.blocks if isinstance(chart, kit.LineChart)}
    assert [line.name for line in found["Learning rate"].lines] == ["projector", "language model"]
    assert [len(line.points) for line in found["Training loss"].lines] == [800]
    assert [len(line.points) for line in found["Model FLOP utilisation"].lines] == [71], (
        "not where it is null"
    )


def test_a_judge_without_a_model_says_that_it_is_a_fall_back(tmp_path: Path) -> None:
    kale_runs.make(tmp_path / "run", judge="lexical")
    run, _ = read_run(str(tmp_path / "run"))
    assert run.captions is not None
    said = [b.text for b in sections(run.captions)["Truth layer"].blocks if isinstance(b, kit.Paragraph)]
    assert said[0] == f"{FALLBACK} (24 captions)"
    assert not any(text.startswith("Judged by") for text in said)
    write_report(str(tmp_path / "run"))
    assert FALLBACK in (tmp_path / "run/export_captions/README.md").read_text()


def test_sections_of_steps_that_did_not_run_are_left_out(run: RunSummary) -> None:
    assert run.captions is not None
    assert list(sections(CaptionSummary(run.captions.release))) == ["Captions"]


def test_without_a_drift_there_is_no_table_of_it(tmp_path: Path) -> None:
    kale_runs.make(tmp_path / "run", drifted=False)
    run, _ = read_run(str(tmp_path / "run"))
    page = build_report(run)
    assert "The drift alarm went off in 0 of them" in page
    assert "Shards with a drift alarm" not in page


def test_claim_rows_add_up(run: RunSummary) -> None:
    assert run.captions is not None
    rows = claim_rows(run.captions.statistics)
    assert sum(int(row[2]) for row in rows) == run.captions.statistics.claim_count() == 51
    assert ["no source", "unsupported", "4", "7.8 %", "4", "100 %"] in rows


def test_a_gate_row_without_interval_or_threshold_has_empty_cells() -> None:
    row = {
        "metric": "m",
        "value": 0.5,
        "low": None,
        "high": None,
        "threshold": None,
        "passed": None,
        "rows": 1200,
    }
    assert gate_rows([row]) == [["m", "0.5", "", "", "not decided on", "1,200"]]


def test_a_run_of_both_releases_has_one_report(tmp_path: Path) -> None:
    out = tmp_path / "run"
    runs.make(out)
    write_report(str(out))
    alone = {name: (out / "export" / name).read_bytes() for name in ("croissant.json",)}
    kale_runs.make(out)
    write_report(str(out))
    page = (out / "report/report.html").read_text()
    parsed(page)
    for title in ("Captions", "Truth layer", "Documents", "Distributions"):
        assert f">{title}</h2>" in page
    assert "An interleaved image-text dataset and Knowledge-augmented image captions" in page
    for folder in ("export", "export_captions"):
        assert {"README.md", "croissant.json", "statistics.json"} <= {
            p.name for p in (out / folder).iterdir()
        }
    listed = '"distribution"'
    assert listed.encode() in alone["croissant.json"]
    assert "captions" in (out / "export_captions/statistics.json").read_text()
