"""The rendered scenes of the demo: the truth about them, the files they are written as."""

from __future__ import annotations

import collections
import hashlib
import importlib
import io
import itertools
import json
import sys
import tarfile
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

SCENES = Path(__file__).parents[2] / "examples" / "scenes"


def _load(name: str) -> ModuleType:
    """A program of examples/scenes, whose imports of one another work as when it is run."""
    sys.path.insert(0, str(SCENES))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(SCENES))


world, render, make = _load("world"), _load("render"), _load("make")

SOME = [world.scene(number) for number in range(200)]


def test_the_same_number_gives_the_same_bytes_and_another_another_image() -> None:
    images = [render.png(world.scene(number)) for number in range(50)]
    assert images == [render.png(world.scene(number)) for number in range(50)]
    assert len(set(images)) == 50
    assert world.scene(7) == SOME[7]
    assert world.scene(7, "held-out") != SOME[7]
    assert world.scene(7, world="other").things != SOME[7].things


def test_names_are_split_four_to_one_and_never_overlap() -> None:
    training, held_out = set(world.names("training")), set(world.names("held-out"))
    assert len(training | held_out) == len(world.SYLLABLES) ** 3 == 5832
    assert not training & held_out
    assert len(held_out) == round(5832 * 0.2)
    assert not {scene.name for scene in SOME} & held_out
    assert all(world.scene(n, "held-out").name in {None, *held_out} for n in range(50))


def _masks(scene: world.Scene, size: int) -> list[np.ndarray]:
    """For each thing, the pixels around it that have its colour."""
    pixels = np.asarray(render.pixels(scene, size), np.int16)
    found = []
    for thing in scene.things:
        left, top = (int((at - thing.radius) * size) for at in (thing.x, thing.y))
        side = int(2 * thing.radius * size) + 2
        near = pixels[top : top + side, left : left + side]
        found.append((np.abs(near - world.COLOURS[thing.colour]).max(2)) < 12)
    return found


def _shape(mask: np.ndarray) -> str:
    """The shape of a mask, by how much of its bounding box it fills and where."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = box.shape
    if not box[height // 2, width // 2]:
        return "ring"
    if box.mean() > 0.95:
        return "square"
    return "cross" if box[: height // 4].sum() > 0.7 * box[-(height // 4) :].sum() else "triangle"


@pytest.mark.parametrize("size", [64, 160])
def test_the_truth_is_what_the_pixels_show(size: int) -> None:
    for scene in SOME[:100]:
        seen = []
        assert scene.things[0].x < scene.things[1].x
        for thing, mask in zip(scene.things, _masks(scene, size), strict=True):
            assert mask.sum() > 0.008 * size * size, f"{scene.key}: {thing.words} is hardly to be seen"
            seen.append(f"{thing.colour} {_shape(mask)}")
        assert scene.dense == f"A {seen[0]} and a {seen[1]}.", scene.key


def test_no_other_colour_of_the_world_is_in_a_scene() -> None:
    for scene in SOME[:100]:
        pixels = np.asarray(render.pixels(scene), np.int16)
        for colour, rgb in world.COLOURS.items():
            if colour not in {thing.colour for thing in scene.things}:
                share = (np.abs(pixels - rgb).max(2) < 12).mean()
                assert share < 0.002, f"{scene.key} has {share:.1%} {colour} pixels"


def test_alternative_texts_tell_the_name_or_they_do_not() -> None:
    kinds = collections.Counter(scene.alt_kind for scene in SOME)
    assert set(kinds) == set(world.ALT_SHARES)
    assert 0.5 < kinds["named"] / len(SOME) < 0.75
    for scene in SOME:
        assert (scene.alt_text is None) == (scene.alt_kind == "none")
        if scene.alt_kind in world.KNOWING:
            assert scene.name in scene.alt_text
            assert scene.caption == f"{scene.dense[:-1]}, named {scene.name}."
            assert scene.named_in_alt_text == scene.name
        else:
            assert scene.name is None
            assert (scene.named_in_alt_text is not None) == (scene.alt_kind == "other_scene_named")
            assert scene.caption == scene.dense
        words = {thing.words for thing in scene.things}
        if scene.alt_kind == "described":
            assert any(word in scene.alt_text for word in words)
        if scene.alt_kind.startswith("other_scene"):
            assert not any(word in scene.alt_text for word in words)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scenes")
    make.make(out, scenes=40, held_out=10, size=64, site=True)
    return out


def _samples(file: Path) -> dict[str, dict[str, bytes]]:
    """WebDataset: consecutive members with the same key are one sample."""
    samples: dict[str, dict[str, bytes]] = {}
    with tarfile.open(file) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            samples.setdefault(key, {})[extension] = tar.extractfile(member).read()
    return samples


def test_tar_files_are_laid_out_as_img2dataset_does(written: Path) -> None:
    truth = {row["id"]: row for row in pq.read_table(written / "truth.parquet").to_pylist()}
    for folder, count, held_out in (("tar", 40, False), ("held-out", 10, True)):
        samples = _samples(written / folder / "00000.tar")
        assert len(samples) == count
        for key, sample in samples.items():
            assert set(sample) == {"json", "png", "txt"}
            about = json.loads(sample["json"])
            digest = hashlib.sha256(sample["png"]).hexdigest()
            assert about["key"] == key
            assert about["sha256"] == digest
            assert (about["caption"] or "") == sample["txt"].decode() == (truth[digest]["alt_text"] or "")
            assert truth[digest]["held_out"] == (held_out and truth[digest]["name"] is not None)
            with Image.open(io.BytesIO(sample["png"])) as image:
                assert image.size == (about["width"], about["height"]) == (64, 64)


def test_webdataset_reads_the_tar_files(written: Path) -> None:
    webdataset = pytest.importorskip("webdataset", reason="the extra `dev` has webdataset")
    dataset = webdataset.WebDataset(str(written / "tar" / "00000.tar"), shardshuffle=False).decode("rgb8")
    samples = list(dataset)
    assert len(samples) == 40
    assert samples[0]["png"].shape == (64, 64, 3)


def test_writing_again_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    make.make(tmp_path, scenes=40, held_out=10, size=64, site=True)
    files = sorted(file.relative_to(written) for file in written.rglob("*") if file.is_file())
    assert files == sorted(file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file())
    for file in files:
        assert (written / file).read_bytes() == (tmp_path / file).read_bytes(), file


def test_the_pair_list_holds_the_images_and_their_texts(written: Path) -> None:
    truth = {row["id"]: row for row in pq.read_table(written / "truth.parquet").to_pylist()}
    pairs = pq.read_table(written / "pairs.parquet").to_pylist()
    assert len(pairs) == 40
    for pair in pairs:
        row = truth[hashlib.sha256(pair["image"]).hexdigest()]
        assert (pair["url"], pair["caption"]) == (row["url"], row["alt_text"])


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag == "img":
            self.images.append(dict(attrs))


def test_the_site_shows_every_scene_with_its_text_and_all_of_it_can_be_reached(written: Path) -> None:
    site = written / "site"
    truth = {row["id"]: row for row in pq.read_table(written / "truth.parquet").to_pylist()}
    waiting, visited, shown = [site / "index.html"], set(), {}
    while waiting:
        file = waiting.pop().resolve()
        if file in visited:
            continue
        visited.add(file)
        page = _Page(file.read_text(encoding="utf-8"))
        waiting.extend(file.parent / link for link in page.links)
        for image in page.images:
            shown[hashlib.sha256((file.parent / image["src"]).read_bytes()).hexdigest()] = image
    assert visited == {file.resolve() for file in site.rglob("*.html")}
    assert set(shown) == {row["id"] for row in truth.values() if "/training/" in row["url"]}
    for digest, image in shown.items():
        assert image.get("alt") == truth[digest]["alt_text"]


def test_rooms_have_words_enough_that_differ() -> None:
    pages = _load("pages")
    rooms = [" ".join(pages.sentences(pages.random.Random(number), 10)) for number in range(200)]
    grams: collections.Counter[tuple[str, ...]] = collections.Counter()
    for text in rooms:
        words = text.split()
        assert len(words) > 120
        grams.update(set(zip(*(words[i:] for i in range(13)), strict=False)))
    # MINT-1T drops a paragraph of which 80 % of the 13-grams were met before
    assert sum(count for count in grams.values() if count > 1) < 0.4 * sum(grams.values())


# --- the tiny teacher ---

BARS = {"dense": 0.97, "fuse": 0.97, "one_pass": 0.95, "judge_claim": 0.95, "judge_fit": 0.95}
"""Right answers out of 100; what 500 give is in the teacher's card."""


def test_questions_have_the_answers_that_the_scene_gives() -> None:
    tasks = _load("teacher_tasks")
    yes = collections.Counter()
    for number in range(200):
        for task in ("judge_claim", "judge_fit"):
            asked = tasks.example(task, number)
            yes[task] += asked.target == "yes"
            words = {thing.words for thing in asked.scene.things}
            named = _described(asked.user)
            if asked.target == "yes":
                assert named <= words, asked
            elif task == "judge_claim" and named:
                assert not named <= words, asked
            elif task == "judge_fit":
                assert not named & words, asked
        merged = tasks.example("fuse", number)
        assert merged.scene.dense in merged.user
        assert not merged.image
        told = merged.scene.named_in_alt_text
        assert merged.target == (f"{merged.scene.dense[:-1]}, named {told}." if told else merged.scene.dense)
        assert tasks.example("one_pass", number).target == merged.scene.caption
    assert all(80 < count < 120 for count in yes.values()), yes


def _described(text: str) -> set[str]:
    """The things that a text speaks of, as "blue square"."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return {f"{a} {b}" for a, b in itertools.pairwise(words) if a in world.COLOURS and b in world.SHAPES}


def test_the_teacher_is_small_and_its_card_says_what_it_is() -> None:
    folder = SCENES / "teacher"
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 4 * 2**20
    card = (folder / "README.md").read_text()
    assert "license: apache-2.0" in card
    assert "can't caption photographs" in " ".join(card.split())
    for prompt in _load("teacher_tasks").PROMPTS.values():
        assert f"`{prompt}`" in card


@pytest.mark.torch
def test_the_teacher_is_right_about_scenes_and_names_that_it_has_not_seen() -> None:
    pytest.importorskip("torch", reason="the teacher runs in the extra `torch`")
    evaluation = _load("evaluate_teacher")
    asked = {task: evaluation.questions(task, 100) for task in BARS}
    measured = evaluation.measure("transformers", SCENES / "teacher", asked)
    shares = {task: correct / 100 for task, correct in measured.correct.items()}
    assert all(shares[task] >= bar for task, bar in BARS.items()), (shares, evaluation.wrong(measured, asked))


@pytest.mark.torch
def test_the_teacher_sees_the_same_in_larger_images() -> None:
    pytest.importorskip("torch", reason="the teacher runs in the extra `torch`")
    evaluation = _load("evaluate_teacher")
    asked = {"dense": evaluation.questions("dense", 100, size=160)}
    measured = evaluation.measure("transformers", SCENES / "teacher", asked)
    assert measured.correct["dense"] >= 97
