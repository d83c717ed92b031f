import dataclasses
import random

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from components.core import schemas
from components.core.images import read_image
from components.core.manifest import Counts
from components.core.records import Image as Record
from components.core.records import table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.dedup.image_hashes import image_hashes
from components.dedup.images import UniqueImagesStage
from components.dedup.params import ImageDedupParams
from components.dedup.reasons import DedupReason
from tests.dedup.pictures import encoded, run, scene

PICTURES = [encoded(scene(n, (160, 120))) for n in range(3)]


def found(number: int, uri: str, offset: int | None = 0, url: str | None = None, *alts: str) -> Record:
    image = read_image(PICTURES[number], url=url, source_uri=uri, source_offset=offset)
    return dataclasses.replace(image, alts=sorted(alts))


def unique(*images: Record, phash: bool = True) -> Output:
    out = run(UniqueImagesStage(ImageDedupParams(phash=phash)), images=table(images, "images/1"))
    for port, schema in UniqueImagesStage.produces.items():
        schemas.check(out.tables[port][0].schema, schema, producer="unique_images", consumer="test")
    return out


def test_first_copy_stays_with_the_alts_of_all() -> None:
    out = unique(
        found(0, "file:///b", 0, "https://x/b.png", "ridge"),
        found(1, "file:///c", 0, "https://x/c.png"),
        found(0, "file:///a", 20, "https://x/a.png", "dome", "ridge"),
        found(0, "file:///a", 3, None),
    )
    images = out.tables["images"][0].to_pylist()
    assert [i["id"] for i in images] == sorted({found(n, "").id for n in (0, 1)})
    (kept,) = (i for i in images if i["bytes"] == PICTURES[0])
    assert (kept["source_uri"], kept["source_offset"], kept["alts"]) == ("file:///a", 3, ["dome", "ridge"])
    dropped = [(line["record_kind"], line["reason"], line["locator"]) for line in out.ledger]
    assert dropped == [("image", "exact_image", u) for u in ("https://x/a.png", "https://x/b.png")]
    assert {line["record_id"] for line in out.ledger} == {kept["id"]}


def test_hashes_are_those_of_the_bytes() -> None:
    (image,) = unique(found(1, "file:///a")).tables["images"][0].to_pylist()
    assert (image["phash"], image["dhash"]) == image_hashes(PICTURES[1], 160, 120)
    (image,) = unique(found(1, "file:///a"), phash=False).tables["images"][0].to_pylist()
    assert (image["phash"], image["dhash"]) == (None, None)


def test_undecodable_image_is_kept_without_hash_and_the_ledger_says_so() -> None:
    broken = dataclasses.replace(found(0, "file:///a"), bytes=b"cut off")
    out = unique(broken)
    assert out.tables["images"][0].column("phash").to_pylist() == [None]
    assert [(line["action"], line["reason"]) for line in out.ledger] == [("changed", "no_perceptual_hash")]


def test_flat_image_is_kept_without_hash_and_the_ledger_says_so() -> None:
    flat = read_image(encoded(Image.new("RGB", (160, 120), "white")), source_uri="file:///a")
    out = unique(flat)
    (image,) = out.tables["images"][0].to_pylist()
    assert (image["id"], image["phash"], image["dhash"]) == (flat.id, None, None)
    assert [(line["action"], line["reason"]) for line in out.ledger] == [("changed", "flat_image")]


def test_no_images() -> None:
    out = unique()
    assert out.tables["images"][0].num_rows == 0


def test_nothing_is_lost_when_all_sources_are_unknown() -> None:
    out = unique(*(dataclasses.replace(found(0, ""), source_uri=None, source_offset=None) for _ in range(3)))
    assert out.tables["images"][0].num_rows == 1
    assert len(out.ledger) == 2


class GivenImages(Stage[ImageDedupParams]):
    """Passes images on, partitioned by id as an extractor's are."""

    name = "given_images"
    consumes = {"images": "images/1"}
    produces = {"images": "images/1"}
    reasons = DedupReason
    partitioned = {"images": "id"}

    def run(self, unit: Unit, out: Output) -> None:
        out.keep("images", unit.tables["images"])


def test_the_runner_gathers_copies_from_all_shards(tmp_path) -> None:
    given = [[found(n % 3, f"file:///{shard}", n, f"https://x/{n}.png") for n in range(5)] for shard in "abc"]
    root, params = tmp_path.as_uri(), ImageDedupParams()
    tables = [table(images, "images/1") for images in given]
    counts = Counts(rows_in=15, kept=15)
    images = publish("given", "images", "images/1", tables, [], counts, root, params={})
    images = run_step(GivenImages(params), {"images": images}, root)["images"]
    outputs = run_step(UniqueImagesStage(params), {"images": images}, root)
    store = open_store(root)
    kept = [row for shard in outputs["images"].shards for row in read(store, shard).to_pylist()]
    assert sorted((row["bytes"], row["source_uri"]) for row in kept) == sorted(
        (data, "file:///a") for data in PICTURES
    )
    assert outputs["images"].counts.dropped == {"exact_image": 12}


COPIES = st.lists(
    st.builds(
        lambda number, uri, offset, url, alts: found(number, uri, offset, url, *alts),
        st.integers(0, 2),
        st.sampled_from(["file:///a", "file:///b"]),
        st.sampled_from([None, 0, 7]),
        st.sampled_from([None, "https://x/1.png", "https://x/2.png"]),
        st.lists(st.sampled_from(["dome", "ridge", ""]), max_size=2, unique=True),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(COPIES, st.randoms(use_true_random=False))
def test_result_does_not_depend_on_the_order_and_adds_up(images: list[Record], rng: random.Random) -> None:
    one = unique(*images, phash=False)
    shuffled = list(images)
    rng.shuffle(shuffled)
    two = unique(*shuffled, phash=False)
    for port in one.tables:
        assert one.tables[port][0].equals(two.tables[port][0])
    assert one.ledger == two.ledger
    kept = one.tables["images"][0]
    assert kept.num_rows + len(one.ledger) == len(images)
    again = run(UniqueImagesStage(ImageDedupParams(phash=False)), images=kept)
    assert pa.concat_tables(again.tables["images"]).equals(kept)
