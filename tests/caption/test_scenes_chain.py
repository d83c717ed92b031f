"""Rendered scenes, whose truth is known: what the rules make of wrong claims, and the demo's own teacher."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from types import ModuleType

import pytest

from components.caption.align import AlignStage
from components.caption.augment import AugmentStage
from components.caption.dense import DenseStage
from components.caption.engines.params import EngineParams
from components.caption.judges import Case, LexicalJudge, Unjudged
from components.caption.stage_params import AlignParams, AugmentParams, DenseParams, VerifyParams
from components.caption.verify import VerifyStage
from components.core.claims import split_claims
from tests.caption.caption_runs import image_id, image_rows, pair, ran, rows
from tests.conftest import REPOSITORY

SCENES = REPOSITORY / "examples" / "scenes"
TEACHER = SCENES / "teacher"


def _load(name: str) -> ModuleType:
    sys.path.insert(0, str(SCENES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SCENES))


world, render = _load("world"), _load("render")


def judged(caption: str, dense: str, alt: str | None) -> dict[str, str]:
    """Claim → verdict, by words."""
    case = Case(caption, split_claims(caption), dense, alt, None)
    (found,) = LexicalJudge(VerifyParams().min_coverage).judge([case])
    assert not isinstance(found, Unjudged)
    return {claim.text: one.verdict for claim, one in zip(case.claims, found, strict=True)}


@pytest.mark.parametrize("number", range(60))
def test_words_find_every_wrong_claim_and_no_true_one(number: int) -> None:
    scene, rng = world.scene(number), random.Random(number)
    alt = scene.alt_text if scene.name else None
    left = scene.things[0]
    seen = {thing.words for thing in scene.things}
    unseen = [f"{c} {s}" for c in world.COLOURS for s in world.SHAPES if f"{c} {s}" not in seen]
    assert set(judged(scene.caption, scene.dense, alt).values()) == {"supported"}

    recoloured = rng.choice([words for words in unseen if words.endswith(f" {left.shape}")])
    wrong = scene.caption.replace(left.words, recoloured, 1)
    found = judged(wrong, scene.dense, alt)
    assert [claim for claim, verdict in found.items() if verdict == "contradicted"] == [f"A {recoloured}"]

    added = rng.choice(unseen)
    found = judged(f"{scene.caption} A {added} lies beside them.", scene.dense, alt)
    assert [claim for claim, verdict in found.items() if verdict != "supported"] == [
        f"A {added} lies beside them"
    ]

    name = rng.choice([name for name in world.names("training")[:50] if name != scene.name])
    found = judged(world.named_caption(scene.dense, name), scene.dense, alt)
    assert [claim for claim, verdict in found.items() if verdict != "supported"] == [f"named {name}"]


@pytest.mark.torch
def test_the_teacher_of_the_demo_through_all_four_stages(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
    pytest.importorskip("transformers", reason="transformers is not installed: see the extra `torch`")
    if not (TEACHER / "model.safetensors").is_file():
        pytest.skip("examples/scenes/teacher has no weights: examples/scenes/train_teacher.py makes them")
    scenes = {number: world.scene(number, "held-out", "chain") for number in range(48)}
    images = {number: render.png(scene) for number, scene in scenes.items()}
    pairs = rows("pairs/1", *(pair(images[n], scene.alt_text) for n, scene in scenes.items()))
    pictures = image_rows(*images.values())
    engine = EngineParams(engine="transformers", model=str(TEACHER), device="cpu", max_side=None)

    align = AlignParams(judge=True, prompt="scenes-judge-fit-v1", teacher=engine)
    aligned = ran(tmp_path / "align", AlignStage(align), pairs=pairs, images=pictures)
    alignments = rows("alignments/1", *aligned.rows)
    dense = ran(
        tmp_path / "dense",
        DenseStage(DenseParams(prompt="scenes-dense-v1", max_same_caption=0, teacher=engine)),
        pairs=pairs,
        images=pictures,
        alignments=alignments,
    )
    augmented = ran(
        tmp_path / "augment",
        AugmentStage(AugmentParams(prompt="scenes-fuse-v1", teacher=engine)),
        captions=rows("captions/1", *dense.rows),
        pairs=pairs,
        alignments=alignments,
    )
    final = ran(
        tmp_path / "verify",
        VerifyStage(VerifyParams(claim_prompt="scenes-judge-claim-v1", entail_prompt=None, teacher=engine)),
        captions=rows("captions/1", *augmented.rows),
        pairs=pairs,
        images=pictures,
    )
    seen = {row["id"]: row for row in dense.rows}
    right = [seen[image_id(images[n])]["text"] == scene.dense for n, scene in scenes.items()]
    assert sum(right) / len(right) >= 0.9
    texts = {row["id"]: row["text"] for row in final.rows}
    right = [texts.get(image_id(images[n])) == scene.caption for n, scene in scenes.items()]
    assert sum(right) / len(right) >= 0.85
    names = [scene.name for scene in scenes.values() if scene.name]
    assert len(names) > 20  # else the alternative texts were not put to the test
