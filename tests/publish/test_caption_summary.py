from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from components.core.manifest import find
from components.core.store import open_store
from components.publish.caption_summary import (
    CaptionSamples,
    CaptionSummary,
    blind_sample,
    student_is_first,
    summarize_captions,
)
from components.publish.export_captions import released
from tests.publish import kale_runs, runs
from tests.publish.kale_runs import SCENES, caption, captions

TABLE = released(captions([caption(number) for number in range(len(SCENES))]))


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> CaptionSummary:
    root = tmp_path_factory.mktemp("summary") / "run"
    kale_runs.make(root)
    store = open_store(str(root))
    found = summarize_captions(store, find(store))
    assert found is not None
    return found


def test_captions_are_read_back_with_who_made_them(summary: CaptionSummary) -> None:
    assert summary.statistics.captions == 40
    assert summary.kinds == {"dense": 4, "fused": 20, "student": 16}
    uses = [(use.role, use.kind, use.identity["model"], use.captions) for use in summary.models]
    assert uses == [
        ("captioner", "dense", "toys/teacher", 4),
        ("captioner", "fused", "toys/teacher", 20),
        ("captioner", "student", "toys/student", 16),
        ("fuser", "fused", "toys/fuser", 20),
        ("judge", "dense", "toys/judge", 4),
        ("judge", "fused", "toys/judge", 20),
    ]
    assert summary.models[0].identity["prompt"] == "dense-v1"
    assert summary.release.rows == {"data_core_set": 24, "data_distilled_set": 16}


def test_training_gate_and_audit_are_found_by_schema(summary: CaptionSummary) -> None:
    (training,) = summary.trainings
    assert training.step == "train"
    assert [line["step"] for line in training.log if "loss" in line] == list(range(1, 801))
    assert sum("tokens_per_second" in line for line in training.log) == 80
    assert [line["step"] for line in training.samples] == [200, 800]
    assert training.files["model.safetensors"] == 64
    assert [row["metric"] for row in summary.gate] == ["word_f1", "cider", "degenerate"]
    assert [row["shard"] for row in summary.audits] == list(range(6))


def test_every_picture_that_is_shown_is_there(summary: CaptionSummary) -> None:
    shown = {row["sha256"] for row in summary.samples} | {row["id"] for row in summary.compared}
    assert set(summary.images) == shown
    by_id = {image.id: image.bytes for image, *_ in SCENES}
    assert all(data == by_id[identifier] for identifier, data in summary.images.items())


def test_samples_are_of_every_sort_whatever_the_order() -> None:
    samples, others = CaptionSamples(3), CaptionSamples(3)
    samples.add(TABLE)
    rows = list(range(TABLE.num_rows))
    random.Random(1).shuffle(rows)
    for start in range(0, len(rows), 7):
        others.add(TABLE.take(pa.array(rows[start : start + 7])))
    chosen = samples.choose()
    assert chosen == others.choose()
    assert [any(c["removed"] for c in row["claims"] or []) for row in chosen] == [True] * 3 + [False] * 9
    assert [row["stage"] for row in chosen] == [1] * 6 + [2] * 3 + [1] * 3
    assert [row["knowledge"] for row in chosen[3:6] + chosen[9:]] == [True] * 3 + [False] * 3


def test_a_blind_sample_does_not_depend_on_order_or_quality(summary: CaptionSummary) -> None:
    rows = [{"id": f"{n:064x}", "prediction": "text", "problem": "looping_output"} for n in range(50)]
    rows[7]["prediction"] = None  # type: ignore[assignment]
    chosen = blind_sample([], rows)
    assert len(chosen) == 8
    assert rows[7] not in chosen
    assert chosen == blind_sample(blind_sample([], rows[30:]), rows[:30][::-1])
    assert len(summary.compared) == 8
    assert SCENES[0][0].id not in {row["id"] for row in summary.compared}, "it has no prediction"


def test_both_sides_are_as_frequent() -> None:
    first = sum(student_is_first(f"{n:064x}") for n in range(2000))
    assert 900 < first < 1100


def test_a_run_without_captions_has_no_summary(tmp_path: Path) -> None:
    runs.make(tmp_path / "run")
    store = open_store(str(tmp_path / "run"))
    assert summarize_captions(store, find(store)) is None
