import dataclasses
import hashlib
import random
from pathlib import Path

import pyarrow as pa
import pytest

from components.core.images import read_image
from components.core.manifest import Counts
from components.core.records import Image, table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.store import open_store
from components.dedup.image_groups import ImageGroupsStage
from components.dedup.image_hashes import image_hashes
from components.dedup.params import ImageGroupParams
from tests.dedup.pictures import encoded, scene


def image(data: bytes, documents: float | None = 1) -> Image:
    found = read_image(data, source_uri="file:///a")
    pair = image_hashes(data, found.width, found.height)
    assert pair is not None
    scores = {"sharpness": 3.0} | ({} if documents is None else {"documents": documents})
    return dataclasses.replace(found, phash=pair.phash, dhash=pair.dhash, scores=scores)


def group(root: Path, shards: list[list[Image]], **params) -> tuple[list[dict], Counts]:
    """What the stage gives when a runner feeds it the images by shard."""
    tables = [table(sorted(images, key=lambda i: i.id), "images/1") for images in shards]
    total = sum(len(images) for images in shards)
    counts = Counts(rows_in=total, kept=total)
    uri = root.as_uri()
    images = publish("given", "images", "images/1", tables, [], counts, uri, params={})
    (groups,) = run_step(ImageGroupsStage(ImageGroupParams(**params)), {"images": images}, uri).values()
    tables = [read(open_store(uri), shard) for shard in groups.shards]
    rows = pa.concat_tables(tables).sort_by("image_id").to_pylist() if tables else []
    return rows, groups.counts


def copies(number: int) -> list[Image]:
    picture = scene(number)
    return [
        image(encoded(picture), 3),
        image(encoded(picture, "JPEG", quality=40), 1),
        image(encoded(picture.resize((320, 240)), "WEBP"), 2),
    ]


def test_copies_of_a_picture_are_a_group_and_their_documents_add_up(tmp_path: Path) -> None:
    families = [copies(n) for n in range(4)]
    alone = image(encoded(scene(50)))
    everything = [*(i for family in families for i in family), alone]
    random.Random(1).shuffle(everything)
    rows, counts = group(tmp_path, [everything[:5], everything[5:9], everything[9:]])
    expected = {i.id: (min(j.id for j in family), 6) for family in families for i in family}
    assert {r["image_id"]: (r["group"], r["documents"]) for r in rows} == expected
    assert counts.counters == {"groups": 4, "images_grouped": 12, "images_without_hash": 0}


def test_shards_do_not_matter(tmp_path: Path) -> None:
    everything = [i for n in range(3) for i in copies(n)]
    one, _ = group(tmp_path / "a", [everything])
    two, _ = group(tmp_path / "b", [[i] for i in reversed(everything)])
    assert one == two
    assert len(one) == 9


def test_images_without_hashes_are_in_no_group(tmp_path: Path) -> None:
    flat = [image(encoded(scene(1).resize(s).point(lambda _: 255))) for s in ((99, 80), (120, 70))]
    assert [i.phash for i in flat] == [None, None]
    rows, counts = group(tmp_path, [flat])
    assert rows == []
    assert counts.counters["images_without_hash"] == 2


def test_images_without_a_number_of_documents_count_none(tmp_path: Path) -> None:
    pair = [image(encoded(scene(2)), None), image(encoded(scene(2), "BMP"), 4)]
    rows, _ = group(tmp_path, [pair])
    assert [r["documents"] for r in rows] == [4, 4]


def made(number: int, phash: int, dhash: int = 0) -> Image:
    """An image of which only id and hashes matter."""
    name = hashlib.sha256(str(number).encode()).hexdigest()
    return Image(name, b"x", 1, "png", 9, 9, phash=phash, dhash=dhash, scores={"documents": 1.0})


@pytest.mark.parametrize(("radius", "grouped"), [(0, 2), (3, 4), (10, 5)])
def test_radius(tmp_path: Path, radius: int, grouped: int) -> None:
    # id order decides which is the centre: take the one that all are measured from as least
    images = sorted((made(n, 0) for n in range(5)), key=lambda i: i.id)
    for record, phash in zip(images, [0, 0, 0b11, 0b111 << 9, 0xFF << 20], strict=True):
        record.phash = phash
    rows, _ = group(tmp_path, [images], radius=radius)
    assert len(rows) == grouped
    assert {r["group"] for r in rows} == {images[0].id}


def test_dhash_must_agree_too(tmp_path: Path) -> None:
    pair = [made(1, 0, 0), made(2, 0, 2**20 - 1)]
    assert group(tmp_path / "a", [pair])[0] == []
    assert len(group(tmp_path / "b", [pair], dhash_radius=20)[0]) == 2


def test_mirrored_copies_are_a_group_where_asked_for(tmp_path: Path) -> None:
    pair = [image(encoded(scene(5))), image(encoded(scene(5).transpose(0)))]
    assert group(tmp_path / "a", [pair])[0] == []
    assert len(group(tmp_path / "b", [pair], mirrored=True)[0]) == 2


def test_switched_off_it_gives_an_empty_dataset(tmp_path: Path) -> None:
    rows, counts = group(tmp_path, [copies(1)], enabled=False)
    assert (rows, counts.rows_in) == ([], 0)


def test_no_images(tmp_path: Path) -> None:
    assert group(tmp_path / "a", [])[0] == []
    assert group(tmp_path / "b", [[]])[0] == []


@pytest.mark.corpora
def test_real_near_duplicates(tmp_path: Path, corpora: Path) -> None:
    names = ["bridge-mods__*.jpg", "reg-test-input__dih__bridge-1*.jpg", "base_images__*.jpg"]
    files = [f for name in names for f in sorted((corpora / "near-duplicates").glob(f"*{name}"))]
    images = {f.name: image(f.read_bytes()) for f in files}
    rows, _ = group(tmp_path, [list({i.id: i for i in images.values()}.values())])
    groups = {r["image_id"]: r["group"] for r in rows}
    bridge = {groups.get(i.id) for name, i in images.items() if "bridge" in name}
    assert len(bridge) == 1
    assert bridge != {None}
    assert {groups.get(i.id) for name, i in images.items() if "base" in name} == {None}
