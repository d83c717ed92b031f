from __future__ import annotations

from pathlib import Path

import pytest

from components.core.errors import ConfigurationError
from components.core.manifest import find
from components.core.store import open_store
from components.publish.describe import describe_run, summarize, write_report
from tests.publish import runs


class Numbers(dict):
    def log_metric(self, metric: str, value: float) -> None:
        self[metric] = value


def test_a_run_is_read_back_as_it_was(tmp_path: Path) -> None:
    manifest = runs.make(tmp_path / "run")
    run, release = summarize(str(tmp_path / "run"))
    assert release.digest == run.digest == manifest.digest
    assert [step.name for step in run.steps] == ["decide", "unique_images", "export"]
    export = run.steps[-1]
    assert (export.rows_in, export.kept, export.unit) == (12, 12, "documents")
    assert export.changed == {"image_bytes_missing": 2}
    assert {p for d in export.datasets for p in d.parents} == {"decide/decided", "unique_images/unique"}
    assert run.aggregates.documents == 12
    assert run.aggregates.images == 12
    assert run.aggregates.images_per_document.sum == 24
    assert set(run.images) == {p.id for p in runs.PICTURES}
    (example,) = run.steps[0].examples["dropped", "too_few_words"]
    assert (example.score, example.threshold, example.detail) == (17, 50, runs.NASTY)
    for file in release.files:
        assert (tmp_path / "run" / "export" / file.path).stat().st_size == file.bytes


def test_everything_is_written_and_the_same_each_time(tmp_path: Path) -> None:
    out = tmp_path / "run"
    runs.make(out)
    numbers, page = Numbers(), tmp_path / "artifact" / "report.html"
    describe_run(str(out), str(page), numbers)
    assert numbers["documents"] == 12
    names = ["report/report.html", "export/README.md", "export/croissant.json"]
    first = [(out / name).read_bytes() for name in names]
    assert page.read_bytes() == first[0]
    assert write_report(str(out)) == open_store(str(out)).uri("report/report.html")
    assert [(out / name).read_bytes() for name in names] == first


def test_nothing_that_is_published_holds_a_secret_or_a_local_folder(tmp_path: Path) -> None:
    out = tmp_path / "run"
    runs.make(out)
    write_report(str(out))
    card = (out / "export/README.md").read_text()
    for text in (card, (out / "report/report.html").read_text(), (out / "export/croissant.json").read_text()):
        assert "secret" not in text
        assert "Signature" not in text
    assert "/home/me" not in card
    assert "b.pdf" in card


def test_a_folder_without_a_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no released dataset"):
        summarize(str(tmp_path))


def test_descriptions_do_not_change_the_datasets(tmp_path: Path) -> None:
    out = tmp_path / "run"
    runs.make(out)
    before = [m.digest for m in find(open_store(str(out)))]
    write_report(str(out))
    assert [m.digest for m in find(open_store(str(out)))] == before
