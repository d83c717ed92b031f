import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.core.errors import ConfigurationError
from components.core.hash_share import hash_share
from components.core.manifest import Manifest
from components.core.prompts import load_prompt
from components.core.runner import run_step
from components.distill.evaluation_params import TrainingSetParams
from components.distill.training_set import TrainingSetStage
from tests.distill.samples import Pair, captioned, ledger, rows

ALL_TRAIN = {"heldout_share": 1e-9, "alt_text_dropout": 0}


def run(shards: list[list[Pair]], folder: Path, **params: object) -> tuple[dict[str, Manifest], str]:
    root = folder.as_uri()
    stage = TrainingSetStage(TrainingSetParams(**params))  # type: ignore[arg-type]
    return run_step(stage, captioned(shards, root), root), root


def test_examples_have_the_image_the_rendered_prompt_and_the_final_caption(tmp_path: Path) -> None:
    shards = [[Pair(0), Pair(1, alt=None)], [Pair(2, alt="")]]
    made, root = run(shards, tmp_path, **ALL_TRAIN)
    prompt = load_prompt("student-v1")
    found = rows(made["train"], root)
    assert [row["id"] for row in found] == [p.id for shard in shards for p in shard]
    assert [row["image"] for row in found] == [b"image 0", b"image 1", b"image 2"]
    assert [row["alt"] for row in found] == ["img of Dotalwen hd", None, None]
    assert [row["user"] for row in found] == [
        prompt.render(alt_text="img of Dotalwen hd"),
        *[prompt.render(alt_text=None)] * 2,
    ]
    assert "Dotalwen" in found[0]["user"]
    assert {row["system"] for row in found} == {prompt.system}
    assert {row["target"] for row in found} == {Pair(0).final}
    assert rows(made["heldout"], root) == []
    assert made["train"].counts.kept == made["train"].counts.rows_in == 3


def test_clusters_are_held_out_whole_and_across_shards(tmp_path: Path) -> None:
    pairs = [Pair(n, group=f"group {n % 40}") for n in range(400)]
    made, root = run([pairs[:150], pairs[150:]], tmp_path, heldout_share=0.25)
    train, heldout = ({row["group"] for row in rows(made[port], root)} for port in ("train", "heldout"))
    assert train | heldout == {f"group {n}" for n in range(40)}
    assert not train & heldout
    assert heldout == {name for name in train | heldout if hash_share(name, "heldout") < 0.25}
    assert 4 <= len(heldout) <= 18
    assert made["train"].counts.kept == 400  # both ports together


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_more_data_moves_nothing(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=8, unique=True))
    more = data.draw(st.lists(st.integers(10_001, 20_000), max_size=8, unique=True))
    share = data.draw(st.floats(0.1, 0.9))
    sides = []
    for chosen in (numbers, sorted([*numbers, *more], reverse=True)):
        folder = tmp_path_factory.mktemp("split")
        made, root = run([[Pair(n) for n in chosen]], folder, heldout_share=share)
        sides.append({port: {row["id"] for row in rows(made[port], root)} for port in made})
    for port in ("train", "heldout"):
        assert sides[0][port] <= sides[1][port]


def test_what_is_audited_later_teaches_nothing(tmp_path: Path) -> None:
    made, root = run([[Pair(0, audit=True), Pair(1)]], tmp_path, **ALL_TRAIN)
    assert [row["id"] for row in rows(made["train"], root)] == [Pair(1).id]
    assert made["train"].counts.dropped == {"kept_for_audit": 1}


def test_lengths(tmp_path: Path) -> None:
    shard = [Pair(0, final="A square."), Pair(1, final="word " * 11), Pair(2, final="word " * 10)]
    made, root = run([shard], tmp_path, max_words=10, **ALL_TRAIN)
    assert [row["id"] for row in rows(made["train"], root)] == [Pair(2).id]
    lines = {line["record_id"]: line for line in ledger(made["train"], root)}
    short, long = lines[Pair(0).id], lines[Pair(1).id]
    assert (short["reason"], short["score"], short["threshold"]) == ("caption_too_short", 2, 3)
    assert (long["reason"], long["score"], long["threshold"]) == ("caption_too_long", 11, 10)
    assert long["record_kind"] == "image"


def test_pairs_of_the_evaluation_set_are_not_used(tmp_path: Path) -> None:
    text = "a long caption about a blue square that goes on for well over thirteen words indeed"
    shard = [
        Pair(0),
        Pair(1, phash=0b1011),
        Pair(2, final=f"Here is {text}."),
        Pair(3, alt=text),
        Pair(4, phash=0b1111),
        Pair(5, phash=None),
    ]
    listed = [{"sha256": Pair(0).id}, {"phash": 0}, {"texts": [text]}]
    file = tmp_path / "set.jsonl"
    file.write_text("\n".join(map(json.dumps, listed)))
    made, root = run(
        [shard], tmp_path / "run", evaluation_set=str(file), evaluation_phash_radius=3, heldout_share=0.5
    )
    used = {row["id"] for port in made for row in rows(made[port], root)}
    assert made["train"].counts.dropped == {"contaminated_image": 2, "contaminated_text": 2}
    assert used == {Pair(4).id, Pair(5).id}  # four bits away; no pHash


def test_without_an_alternative_text_the_student_learns_what_is_seen(tmp_path: Path) -> None:
    shard = [Pair(n) for n in range(200)] + [Pair(n, dense=None) for n in range(200, 260)]
    made, root = run([shard], tmp_path, alt_text_dropout=0.3, heldout_share=0.2)
    train = rows(made["train"], root)
    withheld = [row for row in train if row["alt"] is None]
    assert {row["target"] for row in withheld} == {Pair(0).dense}
    assert {row["target"] for row in train if row["alt"]} == {Pair(0).final}
    assert all("Dotalwen" not in row["user"] for row in withheld)
    assert all(hash_share(row["id"], "alt_text_dropout") < 0.3 for row in withheld)
    without_dense = {p.id for p in shard[200:]}
    assert not without_dense & {row["id"] for row in withheld}
    assert made["train"].counts.counters["alt_texts_withheld"] == len(withheld)
    assert 25 <= len(withheld) <= 75
    assert all(row["alt"] for row in rows(made["heldout"], root))


def test_targets_of_the_ablation(tmp_path: Path) -> None:
    shard = [Pair(0), Pair(1, dense=None), Pair(2, alt=None)]
    dense, root = run([shard], tmp_path / "dense", targets="dense", give_alt_text=False, **ALL_TRAIN)
    assert [row["target"] for row in rows(dense["train"], root)] == [Pair(0).dense] * 2
    assert dense["train"].counts.dropped == {"no_dense_caption": 1}
    alt, root = run([shard], tmp_path / "alt", targets="alt", give_alt_text=False, **ALL_TRAIN)
    assert [row["target"] for row in rows(alt["train"], root)] == ["img of Dotalwen hd"] * 2
    assert alt["train"].counts.dropped == {"no_alt_text": 1}
    for made, root in ((dense, (tmp_path / "dense").as_uri()), (alt, (tmp_path / "alt").as_uri())):
        found = rows(made["train"], root)
        assert {row["alt"] for row in found} == {None}
        assert {row["user"] for row in found} == {load_prompt("student-v1").render(alt_text=None)}
    with pytest.raises(ValidationError, match="copying"):
        TrainingSetParams(targets="alt")
    with pytest.raises(ValidationError, match="min_words"):
        TrainingSetParams(min_words=5, max_words=4)


def test_a_prompt_without_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"fuse-v1|image: false"):
        run([[Pair(0)]], tmp_path, prompt="scenes-fuse-v1")


def test_a_caption_without_its_image_costs_its_shard(tmp_path: Path) -> None:
    root = tmp_path.as_uri()
    inputs = captioned([[Pair(0)], [Pair(1)]], root)
    inputs["images"] = captioned([[Pair(5)], [Pair(1)]], root)["images"]
    made = run_step(TrainingSetStage(TrainingSetParams()), inputs, root)
    (line,) = ledger(made["train"], root)
    assert line["reason"] == "shard_failed"
    assert f"Caption {Pair(0).id} has no image" in line["detail"]


def test_same_bytes_twice(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        made, _ = run([[Pair(n) for n in range(20)]], tmp_path / name, heldout_share=0.3)
        digests.append([shard.sha256 for port in made for shard in made[port].shards])
    assert digests[0] == digests[1]
