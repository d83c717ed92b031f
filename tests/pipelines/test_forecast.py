from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from pipelines.cluster import Cluster, read_cluster
from pipelines.forecast import forecast
from pipelines.pilot import Pilot, StepUse, UnitUse
from pipelines.plan import markdown, number, span
from pipelines.steps import Step

# so small that units stay as they were in the pilot
CLUSTER = Cluster(nodes=4, cores=8, memory_gib=8, price_per_node_hour=1.5, pod_start_s=0, efficiency=1)


def step(
    name: str, upstream: str, units: list[UnitUse], *, family: str = "crawl", half: float = 1.0
) -> StepUse:
    return StepUse(
        step=Step(name, family, None, "", ""),
        grouping="shard",
        conserves=True,
        upstream=[upstream],
        units=units,
        peak_bytes=1 << 30,
        shuffled=0,
        written=sum(unit.written for unit in units),
        objects=2,
        sorted=False,
        ports=[("own", [upstream])],
        half_share=half,
    )


def pilot(units: int = 10, share: float = 0.01, dedup_share: float = 1.0, half: float = 1.0) -> Pilot:
    extract = [UnitUse(100, 80, 36.0, 36.0, 1 << 20) for _ in range(units)]
    dedup = [UnitUse(80, round(80 * dedup_share), 3.6, 3.6, 1 << 20) for _ in range(units)]
    kept = round(80 * dedup_share)
    export = [UnitUse(kept, kept, 3.6, 3.6, 1 << 20) for _ in range(units)]
    return Pilot(
        share=share,
        total_bytes=round(units * (16 << 20) / share),
        units=units,
        all_units=round(units / share),
        steps=[
            step("extract", "sources", extract),
            step("dedup", "extract", dedup, family="dedup", half=half),
            step("export", "dedup", export),
        ],
        counters={"words": 1000.0 * kept * units, "images": 2.0 * kept * units},
        release_bytes=units << 20,
        partitions=16,
        unit_bytes=16 << 20,
        tasks=10,
    )


def test_units_that_are_alike_leave_no_doubt() -> None:
    found = forecast(pilot(), CLUSTER)
    assert found.scale == pytest.approx(100)
    assert found.documents.low == found.documents.high == pytest.approx(80_000)
    assert found.words.middle == pytest.approx(80_000_000)
    assert found.cpu_hours.middle == pytest.approx(1000 * (36 + 3.6 + 3.6) / 3600)
    assert found.hours.middle == pytest.approx(found.cpu_hours.middle / 32)
    assert found.cost.middle == pytest.approx(found.hours.middle * 4 * 1.5)
    assert found.release_gib.middle == pytest.approx(1000 / 1024)


def test_units_grow_with_memory_and_cost_less_then() -> None:
    roomy = forecast(pilot(), CLUSTER.model_copy(update={"memory_gib": 64}))
    found = forecast(pilot(), CLUSTER)
    assert found.unit_mib == pytest.approx(16)
    assert roomy.unit_mib > 16
    assert roomy.units * roomy.unit_mib == pytest.approx(found.units * found.unit_mib, rel=0.01)
    assert roomy.writes < found.writes
    assert roomy.cpu_hours.middle < found.cpu_hours.middle
    assert any("crawl.sources.shard_bytes" in note for note in roomy.notes)


def test_several_runs_are_as_much_work_and_smaller_shuffles() -> None:
    one, ten = forecast(pilot(), CLUSTER), forecast(pilot(), CLUSTER, runs=10)
    assert ten.documents.middle == pytest.approx(one.documents.middle)
    assert ten.cpu_hours.middle == pytest.approx(one.cpu_hours.middle, rel=0.01)
    assert ten.units == pytest.approx(one.units / 10)


def test_units_that_differ_give_an_interval() -> None:
    uneven = pilot()
    uneven.steps[0].units = [UnitUse(100, 20 + 12 * n, 36.0, 36.0, 1 << 20) for n in range(10)]
    found = forecast(uneven, CLUSTER)
    assert found.documents.low < found.documents.middle < found.documents.high


def test_what_dedup_removes_grows_with_the_input_as_the_halves_say() -> None:
    growing = forecast(pilot(dedup_share=0.9, half=0.95), CLUSTER)
    still = forecast(pilot(dedup_share=0.9, half=0.9), CLUSTER)
    assert still.documents.low == still.documents.high == pytest.approx(72_000)
    assert growing.documents.low < growing.documents.middle < 72_000
    assert growing.documents.low > 4_000


def test_a_target_of_tokens_sets_the_scale() -> None:
    found = forecast(pilot(), CLUSTER, tokens=1e12, tokens_per_word=1.25)
    assert found.tokens.middle == pytest.approx(1e12, rel=1e-6)
    assert found.words.middle == pytest.approx(8e11, rel=1e-6)


@pytest.mark.parametrize("tokens", [1e4, 1e9, 1e12])
def test_a_target_of_tokens_is_met_where_deduplication_grows(tokens: float) -> None:
    found = forecast(pilot(dedup_share=0.6, half=0.66), CLUSTER, tokens=tokens, runs=3)
    assert found.tokens.middle == pytest.approx(tokens, rel=0.002)


def test_a_target_that_deduplication_never_lets_through_is_refused() -> None:
    copies = pilot(dedup_share=0.5, half=0.9)
    again = [UnitUse(40, 20, 3.6, 3.6, 1 << 20) for _ in range(10)]
    names = ["dedup", "dedup_lines", "dedup_images", "dedup_pages"]
    for upstream, name in itertools.pairwise(names):
        copies.steps.insert(-1, step(name, upstream, again, family="dedup", half=0.9))
    copies.steps[-1].upstream = names[-1:]
    with pytest.raises(ConfigurationError, match=r"no input releases 1e\+12 tokens: deduplication leaves"):
        forecast(copies, CLUSTER, tokens=1e12)


def test_a_pilot_that_released_nothing_says_nothing_of_tokens() -> None:
    barren = pilot()
    barren.counters = {}
    with pytest.raises(ConfigurationError, match="released no words"):
        forecast(barren, CLUSTER, tokens=1e9)


def test_memory_limits_the_processes_of_a_node() -> None:
    found = forecast(pilot(), Cluster(nodes=1, cores=8, memory_gib=4))
    assert found.processes == 4
    assert any("4 of the 8 cores" in note for note in found.notes)


@given(st.integers(2, 30), st.floats(0.001, 1.0), st.floats(0.2, 1.0), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_a_forecast_is_finite_ordered_and_the_same_every_time(
    units: int, share: float, kept: float, half: float
) -> None:
    given_pilot = pilot(units, share, kept, half)
    found, again = forecast(given_pilot, CLUSTER), forecast(given_pilot, CLUSTER)
    assert found == again
    for figure in (found.documents, found.words, found.hours, found.cost, found.storage_gib):
        assert 0 <= figure.low <= figure.middle <= figure.high < float("inf")
    for made in found.steps:
        assert made.kept.high <= made.rows_in.high + 1e-6


def test_the_markdown_names_every_step_and_total() -> None:
    measured = pilot()
    text = markdown(measured, forecast(measured, CLUSTER), CLUSTER, "Plan")
    assert text.startswith("# Plan\n")
    for word in (
        "extract",
        "dedup",
        "export",
        "largest shuffle of a run",
        "nodes of the DAG",
        "requests to the store",
    ):
        assert word in text


def test_figures_are_readable() -> None:
    assert [number(n) for n in (0, 12.345, 1234, 5.6e6, 7.89e9, 1e12)] == [
        "0",
        "12.3",
        "1.23 k",
        "5.6 M",
        "7.89 G",
        "1 T",
    ]
    found = forecast(pilot(), CLUSTER)
    assert span(found.documents) == "80 k"


def test_a_wrong_cluster_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("nodes: 0\ncolour: red\n")
    with pytest.raises(ConfigurationError, match=r"cluster\.yaml is wrong.*nodes.*colour"):
        read_cluster(file)
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_cluster(tmp_path / "none.yaml")
    file.write_text("nodes: [")
    with pytest.raises(ConfigurationError, match="no YAML"):
        read_cluster(file)
    file.write_text("nodes: 3\ncores: 4")
    assert read_cluster(file).all_cores == 12
