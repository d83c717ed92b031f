"""From files of pairs to what teacher and student caption, through the real runner and the real steps."""

import hashlib
import io
import random
import shutil
from pathlib import Path
from typing import Any

import PIL.Image
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.caption.contexts import ContextsStage
from components.caption.pairs import PairsStage
from components.caption.pairs_params import ContextsParams, PairsParams, ReadPairsParams
from components.caption.read_pairs import ReadPairsStage
from components.core import schemas
from components.core.hash_share import hash_share
from components.core.images import read_image
from components.core.manifest import Counts, Manifest, Partitioning
from components.core.records import Document, Item, table
from components.core.runner import RunParams, publish, run_step
from components.core.shards import partition_numbers, read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.dedup.image_groups import ImageGroupsStage
from components.dedup.images import UniqueImagesStage
from components.dedup.params import ImageDedupParams, ImageGroupParams
from components.deepfake.screen_images import ScreenImagesStage
from components.deepfake.screen_params import ScreenImagesParams
from tests.caption.pair_files import encoded, img2dataset, reasons, rows, sources, write_tar

PARTITIONS = 4


def step(stage: Stage, inputs: dict[str, Manifest], root: Path) -> dict[str, Manifest]:
    stage.partitions = PARTITIONS
    return run_step(stage, inputs, root.as_uri(), RunParams(partitions=PARTITIONS, processes=1))


def shards(root: Path, manifest: Manifest, columns: list[str] | None = None) -> list[list[dict[str, Any]]]:
    return [read(open_store(root.as_uri()), shard, columns).to_pylist() for shard in manifest.shards]


def through_all_steps(root: Path, *inputs: Path, **params) -> tuple[dict[str, Manifest], dict[str, Manifest]]:
    found = step(ReadPairsStage(ReadPairsParams()), {"sources": sources(root, *inputs)}, root)
    images = step(UniqueImagesStage(ImageDedupParams()), {"images": found["images"]}, root)["images"]
    groups = step(ImageGroupsStage(ImageGroupParams()), {"images": images}, root)["groups"]
    screenings = step(ScreenImagesStage(ScreenImagesParams()), {"images": images}, root)["screenings"]
    given = {"images": images, "contexts": found["contexts"], "groups": groups, "screenings": screenings}
    return step(PairsStage(PairsParams(**params)), given, root), given


@pytest.fixture(scope="module")
def dataset(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Manifest], dict[str, Manifest]]:
    root = tmp_path_factory.mktemp("pairs")
    first = [img2dataset(n) for n in range(40)]
    second = [img2dataset(n) for n in range(30, 45)]  # ten of them are in the first
    copies = [  # near-duplicates of the first five
        {"webp": encoded(n, "WEBP", (192, 128), quality=60), "txt": f"a smaller copy of shape {n}"}
        for n in range(5)
    ]
    write_tar(root / "0.tar", first)
    write_tar(root / "1.tar", [*second, *copies])
    made, given = through_all_steps(root, root / "0.tar", root / "1.tar", audit_share=0.2)
    return root, made, given


def test_every_image_is_on_one_side_in_the_shard_of_its_bytes(dataset) -> None:
    root, made, given = dataset
    images = shards(root, given["images"], ["id"])
    pairs, rest = shards(root, made["pairs"]), shards(root, made["rest"])
    assert len(images) == len(pairs) == len(rest) == PARTITIONS
    for stored, teacher, student in zip(images, pairs, rest, strict=True):
        ids = [[row["id"] for row in part] for part in (stored, teacher, student)]
        assert ids == [sorted(part) for part in ids]
        assert sorted(ids[1] + ids[2]) == ids[0]
    counts = made["pairs"].counts
    assert counts.rows_in == counts.kept == made["pairs"].rows + made["rest"].rows == 50
    for manifest in made.values():
        assert manifest.partitioning is not None
        assert (manifest.partitioning.layout, manifest.partitioning.column) == ("shards", "id")


def test_near_duplicates_are_on_one_side(dataset) -> None:
    root, made, given = dataset
    side = {
        row["id"]: (port, row["audit"], row["group"])
        for port in made for part in shards(root, made[port]) for row in part
    }  # fmt: skip
    groups = [row for part in shards(root, given["groups"]) for row in part]
    assert len(groups) >= 10
    for row in groups:
        assert side[row["image_id"]] == side[row["group"]]
        assert side[row["image_id"]][2] == row["group"]
    assert {port for port, _, _ in side.values()} == {"pairs", "rest"}
    assert any(audit for _, audit, _ in side.values())
    for port, audit, group in side.values():
        teacher = hash_share(group, "kale split 1") < 0.5
        assert port == ("pairs" if teacher or audit else "rest")
        assert not (teacher and audit)


def test_what_a_row_says(dataset) -> None:
    root, made, _ = dataset
    every = {row["id"]: row for port in made for part in shards(root, made[port]) for row in part}
    row = every[hashlib.sha256(encoded(35)).hexdigest()]
    assert row["alt"] == "A shape that is called number 35"
    assert row["alts"] == [row["alt"]]
    assert (row["url"], row["width"], row["height"]) == ("https://x.org/35.jpg", 96, 64)
    assert row["group"] == row["id"]


def test_the_same_bytes_on_every_run(dataset, tmp_path: Path) -> None:
    root, made, given = dataset
    for name in ("unique_images", "read_pairs", "image_groups", "screen"):
        shutil.copytree(root / name, tmp_path / name)
    again = step(PairsStage(PairsParams(audit_share=0.2)), given, tmp_path)
    assert [[s.sha256 for s in m.shards] for m in again.values()] == [
        [s.sha256 for s in m.shards] for m in made.values()
    ]


def test_images_of_documents_through_contexts(tmp_path: Path) -> None:
    kept = [read_image(encoded(n), url=f"https://x.org/{n}.jpg") for n in range(3)]
    page = Document(
        "1" * 32, "html", "file:///a.warc",
        [
            Item("text", text="Penguins live here."),
            Item("image", image_id=kept[0].id, alt="photo", caption="King penguins on ice", url=kept[0].url),
            Item("image", image_id=kept[1].id, alt="IMG_2034.jpg"),
        ],
        url="https://x.org/page", title="Penguins &amp; seals",
    )  # fmt: skip
    uri = tmp_path.as_uri()
    docs = publish(
        "d",
        "documents",
        "documents/1",
        [table([page], "documents/1")],
        [],
        Counts(rows_in=1, kept=1),
        uri,
        params={},
    )
    parts = [
        [i for i in kept if partition_numbers(pa.chunked_array([[i.id]]), 16)[0] == n] for n in range(16)
    ]
    images = publish(
        "i", "images", "images/1", [table(sorted(p, key=lambda i: i.id), "images/1") for p in parts], [],
        Counts(rows_in=3, kept=3), uri, params={},
    )  # fmt: skip
    images = images.model_copy(
        update={"partitioning": Partitioning(column="id", partitions=16, layout="shards")}
    )
    contexts = run_step(ContextsStage(ContextsParams()), {"documents": docs}, uri)["contexts"]
    groups = run_step(ImageGroupsStage(ImageGroupParams(enabled=False)), {"images": images}, uri)["groups"]
    screening = ScreenImagesStage(ScreenImagesParams(enabled=False))
    screenings = run_step(screening, {"images": images}, uri)["screenings"]
    given = {"images": images, "contexts": contexts, "groups": groups, "screenings": screenings}
    made = run_step(PairsStage(PairsParams(teacher_share=1)), given, uri)
    found = {row["id"]: row for part in shards(tmp_path, made["pairs"]) for row in part}
    assert set(found) == {kept[0].id, kept[1].id}
    row = found[kept[0].id]
    assert row["alt"] == "King penguins on ice"
    assert row["alts"] == ["King penguins on ice", "photo"]
    assert (row["title"], row["before"], row["page_url"]) == (
        "Penguins & seals", "Penguins live here.", "https://x.org/page"
    )  # fmt: skip
    assert (found[kept[1].id]["alt"], found[kept[1].id]["alts"]) == (None, ["IMG_2034.jpg"])
    counts = made["pairs"].counts
    assert counts.dropped == {"not_shown": 1}
    assert counts.changed == {"uninformative_alt": 1}


# the choice by itself


def image_row(number: int, **fields) -> dict[str, Any]:
    row = {"id": f"{number:064x}", "width": 100, "height": 80, "url": None, "alts": []}
    return {**row, **fields}


def context_row(number: int, **fields) -> dict[str, Any]:
    names = schemas.get("image_contexts/1").names
    return {**dict.fromkeys(names), "image_id": f"{number:064x}", **fields}


def choose(
    images: list[dict],
    contexts: list[dict],
    groups: dict[int, int] | None = None,
    screened: dict[int, dict[str, float]] | None = None,
    **params,
) -> Output:
    def made(schema: str, values: list[dict], columns=None) -> pa.Table:
        wanted = schemas.get(schema)
        wanted = pa.schema([wanted.field(name) for name in columns]) if columns else wanted
        return pa.Table.from_pylist(values, schema=wanted)

    stage = PairsStage(PairsParams(**params))
    named = [{"image_id": f"{a:064x}", "group": f"{b:064x}"} for a, b in (groups or {}).items()]
    tables = {
        "images": made("images/1", images, stage.columns["images"]),
        "contexts": made("image_contexts/1", contexts),
        "groups": made("image_groups/1", named, stage.columns["groups"]),
        "screenings": made(
            "screenings/1",
            [{"id": f"{n:064x}", "scores": sorted(scores.items())} for n, scores in (screened or {}).items()],
            stage.columns["screenings"],
        ),
    }
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    dropped = sum(line["action"] != "changed" for line in out.ledger)
    assert len(images) == (out.kept or 0) + dropped
    return out


def sides(out: Output) -> dict[str, tuple[str, bool]]:
    return {row["id"]: (port, row["audit"]) for port in ("pairs", "rest") for row in rows(out, port)}


def test_thresholds_and_their_reasons() -> None:
    images = [
        image_row(1), image_row(2, width=20), image_row(3, width=2000),
        image_row(4), image_row(5), image_row(6),
    ]  # fmt: skip
    shown = [
        context_row(1, alt="A penguin on ice"), context_row(2, alt="x"), context_row(3, alt="x"),
        context_row(4, alt="image"), context_row(5, alt="penguin"),
    ]  # fmt: skip
    out = choose(images, shown, require_alt=True, min_alt_words=2)
    assert [(line["record_id"][-1], line["reason"]) for line in out.ledger] == [
        ("2", "image_too_small"), ("3", "image_aspect"), ("4", "no_alt"), ("5", "alt_too_short"),
        ("6", "not_shown"),
    ]  # fmt: skip
    aspect = out.ledger[1]
    assert (aspect["score"], aspect["threshold"]) == (25.0, 10.0)
    loose = choose(images, shown, min_alt_words=2, require_context=False, min_side=0, max_aspect=0)
    assert loose.kept == 6
    assert sorted(reasons(loose)) == [
        ("changed", "alt_too_short"), ("changed", "uninformative_alt"), ("changed", "uninformative_alt"),
        ("changed", "uninformative_alt"),
    ]  # fmt: skip


def test_synthetic_and_forged_images_go_only_where_they_are_not_wanted() -> None:
    images = [image_row(n) for n in range(1, 5)]
    shown = [context_row(n, alt="A penguin on ice") for n in range(1, 5)]
    screened = {
        1: {"synthetic_declared": 1.0},
        2: {"synthetic_declared": 0.0, "forged_probability": 0.9},
        3: {"synthetic_declared": 0.0, "forged_probability": 0.8},
    }
    assert choose(images, shown, screened=screened).kept == 4
    out = choose(images, shown, screened=screened, synthetic_images="drop", max_forged_probability=0.8)
    assert [(line["record_id"][-1], line["reason"]) for line in out.ledger] == [
        ("1", "image_synthetic"), ("2", "image_forged"),
    ]  # fmt: skip
    assert (out.ledger[1]["score"], out.ledger[1]["threshold"]) == (0.9, 0.8)


def test_page_and_texts_are_those_of_the_context_that_has_the_alt() -> None:
    shown = [
        context_row(1, alt="A penguin", page_url="https://a.org", title="First", url="https://a.org/1.jpg"),
        context_row(
            1, alt="image", caption="A king <i>penguin</i> on ice", page_url="https://c.org", before="b"
        ),
        context_row(1, alt="A king penguin on ice", page_url="https://b.org", title="Third"),
    ]
    (row,) = rows(choose([image_row(1, alts=["DSC01234", "A penguin"])], shown, teacher_share=1), "pairs")
    assert (row["alt"], row["page_url"], row["title"]) == ("A king penguin on ice", "https://b.org", "Third")
    assert row["alts"] == ["A king penguin on ice", "A penguin", "DSC01234", "image"]
    (row,) = rows(choose([image_row(1)], shown[:1] * 2, teacher_share=0, audit_share=0), "rest")
    assert (row["alt"], row["url"]) == ("A penguin", "https://a.org/1.jpg")


def test_only_the_best_texts_are_recorded_where_there_are_many() -> None:
    shown = [context_row(1, alt=f"A penguin with the name {n:03d}") for n in range(50)]
    out = choose([image_row(1)], [*shown, context_row(1, alt="image")], teacher_share=1, max_alts=10)
    (row,) = rows(out, "pairs")
    assert row["alts"] == [f"A penguin with the name {n:03d}" for n in range(10)]
    assert row["alt"] == row["alts"][0]
    assert out.counters["alts_left_out"] == 41


def test_shares_are_met() -> None:
    images = [image_row(n) for n in range(4000)]
    shown = [context_row(n, alt="A penguin") for n in range(4000)]
    out = choose(images, shown, teacher_share=100 / 218, audit_share=0.1)
    found = list(sides(out).values())
    assert len(found) == 4000
    assert sum(side == ("pairs", False) for side in found) / 4000 == pytest.approx(100 / 218, abs=0.03)
    audits = sum(side == ("pairs", True) for side in found)
    assert audits / (audits + found.count(("rest", False))) == pytest.approx(0.1, abs=0.02)


@settings(max_examples=60, deadline=None)
@given(
    old=st.dictionaries(st.integers(0, 10**6), st.integers(0, 5), min_size=1, max_size=15),
    new=st.dictionaries(st.integers(0, 10**6), st.integers(0, 5), max_size=15),
    share=st.floats(0, 1),
    rng=st.randoms(use_true_random=False),
)
def test_more_data_moves_no_image(old, new, share, rng: random.Random) -> None:
    """Old clusters keep their names, which nothing but a near-duplicate with a lesser id can change."""

    def clusters(members: dict[int, int], named: dict[int, int]) -> tuple[dict[int, int], dict[int, int]]:
        # images with the same number (0: alone) are near-duplicates; the least id is the name
        names = dict(named)
        for image, cluster in sorted(members.items()):
            if cluster:
                names.setdefault(cluster, image)
        return {image: names[cluster] for image, cluster in members.items() if cluster}, names

    def split(groups: dict[int, int], members: list[int]) -> dict[str, tuple[str, bool]]:
        rng.shuffle(members)
        shown = [context_row(n, alt="A penguin") for n in members]
        images = [image_row(n) for n in sorted(members)]
        return sides(choose(images, shown, groups, teacher_share=share, audit_share=0.3))

    groups, names = clusters(old, {})
    before = split(groups, list(old))
    everything = {**{n: c for n, c in new.items() if c == 0 or c not in names or n > names[c]}, **old}
    more, _ = clusters(everything, names)
    after = split(more, list(everything))
    assert {n: after[n] for n in before} == before
    share = min(1.0, share + 0.1)
    grown = split(more, list(everything))
    teachers = {n for n, side in after.items() if side == ("pairs", False)}
    assert teachers <= {n for n, side in grown.items() if side == ("pairs", False)}


TEXTS = st.sampled_from(
    ["A penguin", "A seal on ice", "image", "IMG_1.jpg", "Ein Bild", "b penguin", None, ""]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), TEXTS, TEXTS, st.sampled_from(["https://a", None])), max_size=12),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_order_of_contexts_plays_no_part_and_nothing_is_lost(given_contexts, rng: random.Random) -> None:
    shown = [context_row(n, alt=a, caption=c, page_url=p) for n, a, c, p in given_contexts]
    images = [image_row(n) for n in range(4)]
    first = choose(images, shown)
    rng.shuffle(shown)
    rng.shuffle(images)
    second = choose(images, shown)
    for port in ("pairs", "rest"):
        assert rows(first, port) == rows(second, port)
    assert {row["id"] for port in ("pairs", "rest") for row in rows(first, port)} == {
        row["image_id"] for row in shown
    }


@pytest.mark.corpora
def test_real_photographs_and_their_changed_copies(tmp_path: Path, corpora: Path) -> None:
    paths = sorted((corpora / "images").glob("*.jpg"))[:20]
    samples = []
    for path in paths:
        samples.append({"jpg": path.read_bytes(), "txt": f"{path.stem.replace('_', ' ')} of the textbook"})
        sink = io.BytesIO()
        PIL.Image.open(path).convert("RGB").resize((400, 300)).save(sink, "WEBP", quality=50)
        samples.append({"webp": sink.getvalue(), "txt": path.name})
    write_tar(tmp_path / "a.tar", samples)
    made, _ = through_all_steps(tmp_path, tmp_path / "a.tar", max_aspect=0)
    every = {row["id"]: (port, row) for port in made for part in shards(tmp_path, made[port]) for row in part}
    assert len(every) == 40
    together = 0
    for original, copy in zip(samples[::2], samples[1::2], strict=True):
        (a, first), (b, second) = (
            every[hashlib.sha256(next(iter(s.values()))).hexdigest()] for s in (original, copy)
        )
        assert first["alt"] == original["txt"]
        assert second["alt"] is None  # a file's name
        if first["group"] == second["group"]:
            together += 1
            assert (a, first["audit"]) == (b, second["audit"])
    assert together >= 18
