"""Predict and scale through the real runner, with a small model behind the transformers engine.

It was trained for some seconds on eight pictures: it writes whole sentences and mostly reads the name.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.caption.outputs import tidy
from components.caption.predict import PredictStage
from components.caption.scale import ScaleStage
from components.caption.scale_params import PredictParams, ScaleParams
from components.core.errors import ConfigurationError, GateFailed
from components.core.manifest import Manifest
from components.core.model_files import publish_model
from components.core.prompts import load_prompt
from components.core.runner import request_retry, run_step
from components.core.store import open_store
from components.core.text_metrics import tokens, word_overlap
from components.distill.evaluate import EvaluateStage
from components.distill.evaluation_params import EvaluateParams, GateParams
from components.distill.gate import GateStage
from tests.caption.tiny_llava import picture
from tests.caption.trained_llava import sentence, train
from tests.distill.samples import dataset, ledger, rows, table

pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
pytest.importorskip("transformers", reason="transformers is not installed: the extra `torch` has it")

PROMPT = load_prompt("student-v1")
SERVED = {
    "student": {"engine": "transformers", "device": "cpu", "dtype": "float32", "batch_size": 16},
    "max_tokens": 20,
}
NAMES = ["Dotalwen", "Maribon", "Kesulti", "Varenor"]


def image_id(number: int) -> str:
    return hashlib.sha256(picture(number)).hexdigest()


def alt_text(number: int) -> str:
    return f"img of {NAMES[number % 4]} hd"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    examples = [(n, PROMPT.render(alt_text=alt_text(n)), sentence(n, NAMES[n % 4])) for n in range(8)]
    examples += [(n, PROMPT.render(alt_text=None), sentence(n, None)) for n in range(8)]
    return train(tmp_path_factory.mktemp("student"), examples)


@pytest.fixture(scope="module")
def answers(checkpoint: Path) -> Iterator[Callable[[int, str | None], str]]:
    """The model asked directly about a picture, with an alternative text or without; answers are tidied."""
    from components.caption.engines.base import Request
    from components.caption.engines.open import open_engine

    params = PredictParams.model_validate(SERVED).student.model_copy(update={"model": str(checkpoint)})
    engine = open_engine(params)

    def ask(number: int, alt: str | None) -> str:
        request = Request(PROMPT.render(alt_text=alt), PROMPT.system, picture(number), max_tokens=20)
        (answer,) = engine.generate([request])
        return tidy(answer.text)

    yield ask
    engine.close()


def student(checkpoint: Path, root: str) -> Manifest:
    return publish_model(checkpoint, "train", root, params={}, family="distill", parents={})


def heldout(numbers: range, alt: bool = True, user: str | None = None) -> list[dict]:
    found = []
    for number in numbers:
        given = alt_text(number) if alt else None
        found.append(
            {
                "id": image_id(number),
                "group": image_id(number),
                "image": picture(number),
                "alt": given,
                "system": PROMPT.system,
                "user": PROMPT.render(alt_text=given) if user is None else user,
                "target": f"A square, named {NAMES[number % 4]}.",
            }
        )
    return found


def predict(
    shards: list[list[dict]], checkpoint: Path, folder: Path, **params: object
) -> tuple[Manifest, str]:
    root = folder.as_uri()
    tables = [table(shard, "training_pairs/1") for shard in shards]
    inputs = {
        "heldout": dataset("training_set", "heldout", "training_pairs/1", tables, root),
        "model": student(checkpoint, root),
    }
    stage = PredictStage(PredictParams.model_validate({**SERVED, **params}))
    return run_step(stage, inputs, root)["predictions"], root


def test_predictions_are_what_the_model_says(tmp_path: Path, checkpoint: Path, answers) -> None:
    shards = [heldout(range(5)), heldout(range(5, 8), alt=False)]
    made, root = predict(shards, checkpoint, tmp_path, other_alt_share=1.0)
    found = rows(made, root)
    assert [row["id"] for row in found] == [image_id(number) for number in range(8)]
    for number, row in enumerate(found):
        alt = alt_text(number) if number < 5 else None
        assert row["text"] == answers(number, alt)
        if alt is None:
            assert row["other_alt"] is None
        else:
            assert row["other_alt"] != alt
            assert row["other_text"] == answers(number, row["other_alt"])
        assert row["captioner"]["model"] == "student"
        assert row["captioner"]["revision"].startswith("sha256:")
        assert (row["captioner"]["engine"], row["captioner"]["prompt"]) == ("transformers", "student-v1")
        assert 0 < row["tokens_out"] <= 20
    assert made.counts.counters["with_other_alt"] == 5
    assert found[0]["text"] == "A red square, named Dotalwen."  # it learned what it was taught
    assert found[5]["text"] == "A green square."
    assert {row["problem"] for row in found} == {None}


def test_a_broken_image_fails_alone_and_degenerate_captions_are_kept(
    tmp_path: Path, checkpoint: Path
) -> None:
    shard = heldout(range(3))
    shard[1]["image"] = b"no image"
    made, root = predict([shard], checkpoint, tmp_path, outputs={"min_words": 100})
    assert made.counts.failed == {"image_undecodable": 1}
    assert [line["record_id"] for line in ledger(made, root)] == [image_id(1)]
    found = rows(made, root)
    assert [row["id"] for row in found] == [image_id(0), image_id(2)]
    assert found[0]["text"] == "A red square, named Dotalwen."
    assert {row["problem"] for row in found} == {"output_too_short"}
    assert made.counts.counters["degenerate"] == 2


def test_what_follows_the_alternative_text_is_seen_by_the_gate(tmp_path: Path, checkpoint: Path) -> None:
    shard = heldout(range(8))
    for number, row in enumerate(shard):
        row["target"] = sentence(number, NAMES[number % 4])
    made, root = predict([shard], checkpoint, tmp_path, other_alt_share=1.0)
    inputs = {
        "predictions": made,
        "heldout": dataset(
            "training_set", "heldout", "training_pairs/1", [table(shard, "training_pairs/1")], root
        ),
    }
    evaluations = run_step(EvaluateStage(EvaluateParams()), inputs, root)
    params = GateParams(min_rows=8, min_metric_rows=8, min_follows_alt_text=None, resamples=200)
    gate = run_step(GateStage(params), evaluations, root)["gate"]
    figures = {row["metric"]: row for row in rows(gate, root)}
    assert figures["exact_match"]["value"] == figures["fact_recall"]["value"] == 1  # what it was taught
    # it was taught four names, never one with another's picture: some follow
    by_hand = [dict(row["scores"])["follows_alt_text"] for row in rows(evaluations["evaluations"], root)]
    assert figures["follows_alt_text"]["value"] == sum(by_hand) / 8
    assert sum(by_hand) > 0


def test_another_prompt_than_that_of_training_is_refused(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"set caption\.predict\.prompt to distill\.training_set\.prompt"
    ):
        predict([heldout(range(2), user="Say what you see.")], checkpoint, tmp_path)


def test_nothing_held_out_loads_no_model(tmp_path: Path, checkpoint: Path) -> None:
    made, _ = predict(
        [[]], checkpoint, tmp_path, student={"engine": "transformers", "model": "no such model"}
    )
    assert made.rows == 0


# scale

AUDITED, REST = range(40), range(40, 52)
GATE = [{"metric": "word_f1", "value": 0.9, "rows": 100}, {"metric": "degenerate", "value": 0.0, "rows": 100}]


def scale(
    folder: Path,
    checkpoint: Path,
    teacher: dict[int, str],
    *,
    alts: dict[int, str] | None = None,
    missing: int = -1,
    gate: list[dict] | None = None,
    **params: object,
) -> tuple[dict[str, Manifest], str]:
    """One shard: images 0 to 39 are the teacher's and audited, 40 to 51 are the rest.

    Args:
        teacher: image to the teacher's final caption.
        missing: an image whose bytes are broken.
    """
    root = folder.as_uri()

    def pairs(numbers: range, audit: bool) -> list[dict]:
        return [
            {
                "id": image_id(number),
                "url": f"https://example.org/{number}.png",
                "alt": (alts or {}).get(number),
                "width": 48,
                "height": 40,
                "group": image_id(number),
                "audit": audit and number in teacher,
            }
            for number in numbers
        ]

    images = [
        {
            "id": image_id(number),
            "bytes": b"broken" if number == missing else picture(number),
            "size": 1,
            "format": "png",
            "width": 48,
            "height": 40,
            "scores": [],
        }
        for number in [*AUDITED, *REST]
    ]
    final = [
        {"id": image_id(number), "kind": "fused", "text": text, "words": 1}
        for number, text in teacher.items()
    ]
    given = {
        "rest": ("pairs", "pairs/1", pairs(REST, audit=False)),
        "pairs": ("pairs_teacher", "pairs/1", pairs(AUDITED, audit=True)),
        "images": ("unique_images", "images/1", images),
        "captions": ("verify", "captions/1", final),
        "gate": ("gate", "gate/1", GATE if gate is None else gate),
    }
    inputs = {
        port: dataset(step, port, schema, [table(shard, schema)], root)
        for port, (step, schema, shard) in given.items()
    }
    stage = ScaleStage(ScaleParams.model_validate({**SERVED, **params}))
    return run_step(stage, {**inputs, "model": student(checkpoint, root)}, root), root


@pytest.fixture(scope="module")
def teacher_agrees(answers: Callable[[int, str | None], str]) -> dict[int, str]:
    """A teacher that says what the student says."""
    return {number: answers(number, None) for number in AUDITED}


def test_the_rest_is_captioned_and_audited_images_are_not_released(
    tmp_path: Path, checkpoint: Path, answers, teacher_agrees: dict[int, str]
) -> None:
    alts = {number: alt_text(number) for number in range(40, 46)}
    made, root = scale(tmp_path, checkpoint, teacher_agrees, alts=alts, max_same_caption=0)
    found = rows(made["captions"], root)
    assert [row["id"] for row in found] == [image_id(number) for number in REST]
    for number, row in zip(REST, found, strict=True):
        assert row["text"] == answers(number, alts.get(number))
        assert (row["kind"], row["alt"], row["claims"]) == ("student", alts.get(number), None)
        assert row["url"] == f"https://example.org/{number}.png"
        assert row["words"] == len(row["text"].split())
        assert row["captioner"]["model"] == "student"
    assert "named" in found[0]["text"]
    assert "named" not in found[-1]["text"]
    assert rows(made["audits"], root) == [
        {"shard": 0, "rows": 40, "agreement": 1.0, "expected": 0.9, "degenerate": 0.0, "drifted": False}
    ]


def test_a_student_that_says_something_else_than_the_teacher_has_drifted(
    tmp_path: Path, checkpoint: Path, answers, capfd: pytest.CaptureFixture[str]
) -> None:
    teacher = dict.fromkeys(AUDITED, "A photograph of a square in the rain.")
    made, root = scale(tmp_path / "warn", checkpoint, teacher)
    (audit,) = rows(made["audits"], root)
    by_hand = [word_overlap(tokens(answers(n, None)), tokens(teacher[n])).f1 for n in AUDITED]
    assert audit["agreement"] == pytest.approx(sum(by_hand) / 40)
    assert audit["drifted"] is True
    assert made["captions"].counts.counters["drifted_shards"] == 1
    assert "scale: shard 0: its captions agree with the teacher's by 0." in capfd.readouterr().out
    with pytest.raises(
        GateFailed, match=r"The student drifted in shard 0: .*set caption\.scale\.on_drift to warn"
    ):
        scale(tmp_path / "stop", checkpoint, teacher, on_drift="stop")


def test_degenerate_captions_are_dropped_and_broken_images_fail(tmp_path: Path, checkpoint: Path) -> None:
    made, _ = scale(tmp_path, checkpoint, {}, outputs={"min_words": 4}, alts={40: alt_text(40)}, missing=41)
    counts = made["captions"].counts
    assert counts.failed == {"image_undecodable": 1}
    assert counts.dropped == {"output_too_short": 10}  # "A red square."
    assert counts.kept == 1
    assert made["audits"].rows == 0


def test_captions_that_too_many_images_have_are_dropped(tmp_path: Path, checkpoint: Path, answers) -> None:
    said = [answers(number, None) for number in REST]
    numbers = Counter(said)
    assert max(numbers.values()) > 2
    made, root = scale(tmp_path, checkpoint, {}, max_same_caption=2)
    assert [row["text"] for row in rows(made["captions"], root)] == [one for one in said if numbers[one] <= 2]
    assert made["captions"].counts.dropped == {"same_caption": sum(n for n in numbers.values() if n > 2)}


def test_a_retry_audits_nothing_again(
    tmp_path: Path, checkpoint: Path, teacher_agrees: dict[int, str]
) -> None:
    made, root = scale(tmp_path, checkpoint, teacher_agrees, missing=41, max_same_caption=0)
    assert made["captions"].counts.failed == {"image_undecodable": 1}
    (marker,) = (tmp_path / "scale" / "done").iterdir()
    fingerprint = json.loads(marker.read_text())["fingerprint"]
    request_retry(open_store(root), "scale", {fingerprint: [image_id(41)]})
    again, _ = scale(tmp_path, checkpoint, teacher_agrees, missing=41, max_same_caption=0)
    assert again["captions"].counts == made["captions"].counts
    assert again["audits"].rows == 1
    assert len(list((tmp_path / "scale" / "done").iterdir())) == 2


def test_same_bytes_twice(tmp_path: Path, checkpoint: Path, teacher_agrees: dict[int, str]) -> None:
    digests = []
    for name in ("one", "two"):
        made, _ = scale(tmp_path / name, checkpoint, teacher_agrees)
        digests.append([shard.sha256 for manifest in made.values() for shard in manifest.shards])
    assert digests[0] == digests[1]
