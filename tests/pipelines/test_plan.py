"""A real pilot on the sample site, and the command around it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.core.errors import ConfigurationError
from pipelines.cluster import Cluster
from pipelines.config import load_config
from pipelines.forecast import Forecast
from pipelines.pilot import Pilot
from pipelines.plan import plan_run
from pipelines.steps import MINT
from tests.pipelines import chain
from tests.pipelines.test_cli import kalemint

SMALL = ["crawl.sources.shard_bytes=200000", "filter.annotate_images.nsfw=false", "run.partitions=4"]


@pytest.fixture(scope="module")
def planned(site_warc: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pilot, Forecast, Path]:
    kept = tmp_path_factory.mktemp("plan") / "pilot"
    config = load_config("mint", None, SMALL).model_dump(mode="json")
    found = plan_run("mint", [site_warc.as_uri()], config, Cluster(), units=6, keep=kept.as_uri())
    return *found, kept


def test_every_step_is_measured(planned: tuple[Pilot, Forecast, Path]) -> None:
    pilot, found, kept = planned
    assert [step.name for step in found.steps] == [step.name for step in MINT if step.stage]
    assert 0 < pilot.share < 1
    assert pilot.units == 6
    named = {step.name: step for step in found.steps}
    assert named["extract"].cpu_hours.middle > 0
    assert named["extract"].memory_gib > 0.02
    assert named["similarity"].rows_in.high == 0
    assert (kept / "extract" / "documents" / "manifest.json").exists()


def test_the_forecast_holds_for_the_whole_input(
    planned: tuple[Pilot, Forecast, Path], site_warc: Path, tmp_path: Path
) -> None:
    """The records of the first step, of which a part was seen; its units decide how sure it is."""
    _, found, _ = planned
    made = chain.mint([str(site_warc)], tmp_path.as_uri(), settings=SMALL, until="extract")
    rows = next(step for step in found.steps if step.name == "extract").rows_in
    truth = made["extract.documents"].counts.rows_in
    assert rows.low * 0.8 <= truth <= rows.high * 1.25


def test_too_little_input_is_refused(site_warc: Path) -> None:
    config = load_config("mint", None, []).model_dump(mode="json")
    with pytest.raises(ConfigurationError, match=r"needs at least 2.*shard_bytes"):
        plan_run("mint", [site_warc.as_uri()], config, Cluster(), units=2)


def test_the_command_prints_json_writes_markdown_and_guards_the_cost(site_warc: Path, tmp_path: Path) -> None:
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text("nodes: 2\ncores: 4\nmemory_gib: 16\nprice_per_node_hour: 3\n")
    text = tmp_path / "plan.md"
    settings = [part for setting in SMALL for part in ("--set", setting)]
    # all of the input: which six units a sample takes depends on where the file lies, and some hold no words
    options = ["--cluster", cluster, "--units", "1000", "--tokens", "1e9", "--runs", "3", "--markdown", text]
    done = kalemint("plan", "mint", "-i", site_warc, *settings, *options, "--max-cost", "0.01", "--json")
    assert done.returncode == 3, done.stderr
    assert "more than --max-cost 0.01" in done.stderr
    found = json.loads(done.stdout)
    assert found["tokens"]["middle"] == pytest.approx(1e9, rel=0.01)
    assert found["runs"] == 3
    assert text.read_text().count("\n| ") > len(MINT)
