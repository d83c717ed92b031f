import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.manifest import Counts, Manifest
from components.core.records import Document, Image, Item, table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Stage, Unit
from components.core.store import open_store
from components.filter.decide_images import DecideImagesStage
from components.filter.params import AnnotateImagesParams, DecideParams
from components.filter.reasons import FilterReason
from tests.filter.samples import ENGLISH, document, documents, image, output, text

FINE = {"documents": 1.0, "sharpness": 500.0, "text_density": 0.0, "nsfw": 0.01}


def sha(number: int) -> str:
    return f"{number:064x}"


def stored(number: int, width: int = 640, height: int = 480, **scores: float) -> Image:
    return Image(sha(number), b"bytes", 5, "jpeg", width, height, scores={**FINE, **scores})


def shown(number: int, url: str | None = None) -> Item:
    return image(url or f"https://example.com/{number}.jpg", image_id=sha(number))


def rows(schema: str, *values: tuple[object, ...]) -> pa.Table:
    wanted = schemas.get(schema)
    columns = list(zip(*values, strict=True)) if values else [()] * len(wanted)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, wanted, strict=True)], schema=wanted
    )


def screenings(scores: dict[int, dict[str, float]]) -> pa.Table:
    return rows(
        "screenings/1",
        *((sha(n), "cannot_tell", "It is not known.", sorted(found.items())) for n, found in scores.items()),
    )


def decide(
    docs: list[Document],
    images: list[Image],
    groups: list[tuple[str, str, int]] | None = None,
    similarity: list[tuple[int, int, float]] | None = None,
    screened: dict[int, dict[str, float]] | None = None,
    **params: object,
) -> tuple[pa.Table, Output]:
    stage = DecideImagesStage(DecideParams(**params))  # type: ignore[arg-type]
    given = documents(*docs)
    wanted = {port: stage.lookup(port, given) for port in ("images", "groups")}
    tables = {
        "documents": given,
        "images": table([i for i in images if i.id in wanted["images"]], "images/1").select(
            stage.columns["images"]
        ),
        "groups": rows("image_groups/1", *(g for g in groups or [] if g[0] in wanted["groups"])),
        "similarity": rows("image_text_scores/1", *(similarity or [])),
        "screenings": screenings(screened or {}),
    }
    out = output("decide_images")
    stage.run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    return pa.concat_tables(out.tables["documents"]), out


def ids(kept: pa.Table) -> list[list[int]]:
    """Numbers of the images that each kept document still shows."""
    return [
        [int(item["image_id"], 16) for item in items if item["image_id"]]
        for items in kept.column("items").to_pylist()
    ]


def lines(out: Output, action: str) -> list[tuple[str, str]]:
    return [(line["record_id"], line["reason"]) for line in out.ledger if line["action"] == action]


def test_good_document_is_kept_as_it_is() -> None:
    doc = document(0, text(ENGLISH), shown(1), shown(2))
    kept, out = decide([doc], [stored(1), stored(2)])
    assert kept.equals(documents(doc))
    assert out.ledger == []
    assert out.counters == {"images_in": 2, "images_removed": 0}


@pytest.mark.parametrize(
    ("scores", "params", "reason", "score", "threshold"),
    [
        ({"width": 149}, {}, "image_too_small", 149, 150),
        ({"width": 20_001, "height": 15_000}, {}, "image_too_large", 20_001, 20_000),
        ({"width": 1300}, {}, "image_aspect", 2.7083, 2.0),
        ({"nsfw": 0.9}, {"nsfw_scope": "image"}, "image_nsfw", 0.9, 0.8),
        ({"sharpness": 99.0}, {"min_sharpness": 100}, "image_blurred", 99, 100),
        ({"text_density": 0.3}, {"max_text_density": 0.2}, "image_text", 0.3, 0.2),
        ({"documents": 11.0}, {}, "image_frequent", 11, 10),
    ],
)
def test_bad_image_is_taken_out_by_what_is_stored(scores, params, reason, score, threshold) -> None:
    doc = document(7, text(ENGLISH), shown(1), text("The end."), shown(2))
    kept, out = decide([doc], [stored(1, **scores), stored(2)], **params)
    assert ids(kept) == [[2]]
    assert [item["text"] for item in kept.column("items").to_pylist()[0]] == [ENGLISH, "The end.", None]
    (line,) = out.ledger
    assert (line["record_id"], line["record_kind"], line["action"]) == (sha(1), "image", "changed")
    assert (line["reason"], line["score"], line["threshold"]) == (reason, score, threshold)
    assert line["locator"] == "https://example.com/1.jpg"
    assert document(7).id in line["detail"]


def test_sizes_of_the_bytes_count_not_those_of_the_page() -> None:
    icon = Item("image", url="https://x/a.jpg", image_id=sha(1), width=600, height=400)
    photo = Item("image", url="https://x/b.jpg", image_id=sha(2), width=16, height=16)
    kept, out = decide([document(0, text(ENGLISH), icon, photo)], [stored(1, 16, 16), stored(2)])
    assert ids(kept) == [[2]]
    assert lines(out, "changed") == [(sha(1), "image_too_small")]


def test_one_nsfw_image_drops_the_document() -> None:
    docs = [document(n, text(ENGLISH), shown(1), shown(n + 2)) for n in range(2)]
    kept, out = decide(docs, [stored(1), stored(2, nsfw=0.95), stored(3, nsfw=0.8)])
    assert kept.column("id").to_pylist() == [docs[1].id]
    (line,) = out.ledger
    assert (line["record_id"], line["record_kind"], line["action"]) == (docs[0].id, "document", "dropped")
    assert (line["reason"], line["score"], line["threshold"]) == ("image_nsfw", 0.95, 0.8)


@pytest.mark.parametrize(
    ("mode", "kept_ids", "dropped"),
    [("keep", [[1], [1]], 0), ("image", [[1], [1]], 0), ("document", [[1]], 1)],
)
def test_images_that_were_not_fetched(mode: str, kept_ids: list[list[int]], dropped: int) -> None:
    gone = image("https://example.com/gone.jpg")
    docs = [document(0, text(ENGLISH), gone, shown(1)), document(1, text(ENGLISH), shown(1))]
    kept, out = decide(docs, [stored(1)], missing_images=mode)
    assert ids(kept) == kept_ids
    assert len(lines(out, "dropped")) == dropped
    left = [len(items) for items in kept.column("items").to_pylist()]
    assert left == {"keep": [3, 2], "image": [2, 2], "document": [2]}[mode]
    if mode == "image":
        assert lines(out, "changed") == [("https://example.com/gone.jpg", "image_missing")]


def test_image_whose_row_is_not_there_or_could_not_be_decoded_is_broken() -> None:
    broken = Image(sha(2), b"bytes", 5, "jpeg", 640, 480, scores={"documents": 1.0})
    doc = document(0, text(ENGLISH), shown(1), shown(2), shown(3))
    kept, out = decide([doc], [stored(1), broken], missing_images="image")
    assert ids(kept) == [[1]]
    assert lines(out, "changed") == [(sha(2), "image_undecodable"), (sha(3), "image_missing")]


def test_repeats_by_bytes_or_by_near_duplicates() -> None:
    doc = document(0, text(ENGLISH), shown(1), shown(1, "https://example.com/copy.jpg"), shown(2), shown(3))
    images = [stored(n) for n in (1, 2, 3)]
    groups = [(sha(n), sha(1), 2) for n in (1, 2)]
    assert ids(decide([doc], images, groups)[0]) == [[1, 2, 3]]
    kept, out = decide([doc], images, groups, same_image="near_duplicate")
    assert ids(kept) == [[1, 3]]
    assert lines(out, "changed") == [(sha(1), "image_repeated"), (sha(2), "image_repeated")]
    kept, out = decide([doc], images, groups, same_image="near_duplicate", drop_repeated_images=False)
    assert ids(kept) == [[1, 1, 2, 3]]


def test_documents_of_all_near_duplicates_are_counted_where_asked_for() -> None:
    doc = document(0, text(ENGLISH), shown(1), shown(2))
    images = [stored(1, documents=6.0), stored(2, documents=10.0)]
    groups = [(sha(1), sha(1), 11), (sha(9), sha(1), 11)]
    assert ids(decide([doc], images, groups)[0]) == [[1, 2]]
    kept, out = decide([doc], images, groups, same_image="near_duplicate")
    assert ids(kept) == [[2]]
    assert [(line["score"], line["threshold"]) for line in out.ledger] == [(11, 10)]


def test_similarity_is_of_the_item_not_of_the_image() -> None:
    docs = [document(n, text(ENGLISH), shown(1), text("More."), shown(2)) for n in range(2)]
    scores = [(0, 1, 0.2), (0, 3, 0.05), (1, 1, 0.05), (1, 3, 0.2)]
    kept, out = decide(docs, [stored(1), stored(2)], None, scores, min_similarity=0.15)
    assert ids(kept) == [[1], [2]]
    assert lines(out, "changed") == [(sha(2), "image_unrelated"), (sha(1), "image_unrelated")]
    assert ids(decide(docs, [stored(1), stored(2)], None, scores)[0]) == [[1, 2], [1, 2]]


def test_limits_on_the_number_of_images_hold_for_what_is_left() -> None:
    docs = [
        document(0, text(ENGLISH), shown(1)),
        document(1, text(ENGLISH), *(shown(n) for n in range(2, 33))),
        document(2, text(ENGLISH), *(shown(n) for n in range(1, 32))),
    ]
    images = [stored(1, 100, 100), *(stored(n) for n in range(2, 33))]
    kept, out = decide(docs, images)
    assert [len(numbers) for numbers in ids(kept)] == [30]
    assert lines(out, "dropped") == [(docs[0].id, "too_few_images"), (docs[1].id, "too_many_images")]
    assert ids(decide(docs[:1], images, require_images=False)[0]) == [[]]


def test_documents_without_images_and_no_documents() -> None:
    kept, out = decide([document(0, text(ENGLISH))], [], require_images=False)
    assert kept.num_rows == 1
    kept, out = decide([], [])
    assert (kept.num_rows, out.ledger) == (0, [])


NUMBERS = st.integers(0, 5)
ITEMS = st.lists(
    st.one_of(NUMBERS.map(shown), st.just(text("Words.")), st.just(image("https://x/gone.jpg"))), max_size=7
)
IMAGES = st.dictionaries(
    NUMBERS,
    st.fixed_dictionaries(
        {},
        optional={
            "width": st.sampled_from([10, 640, 2000]),
            "nsfw": st.sampled_from([0.1, 0.9]),
            "documents": st.sampled_from([1.0, 50.0]),
        },
    ),
)
PARAMS = st.fixed_dictionaries(
    {
        "nsfw_scope": st.sampled_from(["image", "document"]),
        "missing_images": st.sampled_from(["keep", "image", "document"]),
        "same_image": st.sampled_from(["bytes", "near_duplicate"]),
        "require_images": st.booleans(),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ITEMS, max_size=5), IMAGES, PARAMS)
def test_everything_is_accounted_for_and_a_second_pass_changes_nothing(shapes, found, params) -> None:
    docs = [document(n, *items) for n, items in enumerate(shapes)]
    images = [stored(number, **scores) for number, scores in sorted(found.items())]
    groups = [(sha(0), sha(0), 3), (sha(4), sha(0), 3)]
    kept, out = decide(docs, images, groups, **params)
    dropped = [record for record, _ in lines(out, "dropped")]
    assert sorted(kept.column("id").to_pylist() + dropped) == sorted(doc.id for doc in docs)
    assert out.counters.get("images_removed", 0) == len(lines(out, "changed"))
    before = {doc.id: sum(item.kind == "image" for item in doc.items) for doc in docs}
    after = {row["id"]: sum(item["kind"] == "image" for item in row["items"]) for row in kept.to_pylist()}
    removed = dict.fromkeys(before, 0)
    for line in out.ledger:
        if line["action"] == "changed":
            removed[line["detail"].split()[2].rstrip(":")] += 1
    assert {i: before[i] - removed[i] for i in after} == after
    stage, again = DecideImagesStage(DecideParams(**params)), output("decide_images")  # type: ignore[arg-type]
    tables = {
        "documents": kept,
        "images": table(images, "images/1").select(stage.columns["images"]),
        "groups": rows("image_groups/1", *(groups if params["same_image"] != "bytes" else [])),
        "similarity": rows("image_text_scores/1"),
        "screenings": screenings({}),
    }
    stage.run(Unit(0, tables, None), again)  # type: ignore[arg-type]
    assert again.ledger == []
    assert again.tables["documents"][0].equals(kept)


def test_what_screening_found_is_judged_beside_the_scores_of_images() -> None:
    doc = document(0, text(ENGLISH), shown(1), shown(2), shown(3))
    images = [stored(1), stored(2), stored(3, nsfw=0.5)]
    screened = {1: {"synthetic_declared": 1.0}, 2: {"synthetic_declared": 0.0, "forged_probability": 0.9}}
    assert ids(decide([doc], images, screened=screened)[0]) == [[1, 2, 3]]
    kept, out = decide([doc], images, screened=screened, synthetic_images="image", max_forged_probability=0.8)
    assert ids(kept) == [[3]]
    assert [line["reason"] for line in out.ledger] == ["image_synthetic", "image_forged"]
    kept, out = decide([doc], images, screened=screened, synthetic_images="document")
    assert (kept.num_rows, out.ledger[0]["action"]) == (0, "dropped")


class GivenImages(Stage[AnnotateImagesParams]):
    """Images one shard a partition, and groups in one shard: as the steps before give them."""

    name = "given_images"
    consumes = {"images": "images/1"}
    produces = {"images": "images/1"}
    reasons = FilterReason
    grouping = "partition"
    sorted_by = {"images": "id"}

    def run(self, unit: Unit, out: Output) -> None:
        out.keep("images", unit.tables["images"].sort_by("id"))


class PartitionedImages(GivenImages):
    name = "partitioned_images"
    grouping = "shard"
    sorted_by = {}
    partitioned = {"images": "id"}


@pytest.mark.parametrize("same_image", ["bytes", "near_duplicate"])
def test_the_runner_looks_images_and_groups_up_and_adds_up(tmp_path, same_image: str) -> None:
    root = tmp_path.as_uri()

    def dataset(step: str, schema: str, *tables: pa.Table) -> Manifest:
        total = sum(t.num_rows for t in tables)
        counts = Counts(rows_in=total, kept=total)
        return publish(step, step, schema, tables, [], counts, root, params={})

    images = [stored(n, documents=6.0, nsfw=0.99 if n == 5 else 0.0) for n in range(20)]
    plain = {"images": dataset("found", "images/1", table(images, "images/1"))}
    by_partition = run_step(PartitionedImages(AnnotateImagesParams()), plain, root)
    shards = [
        documents(document(0, text(ENGLISH), shown(1), shown(2)), document(1, text(ENGLISH), shown(5))),
        documents(document(2, text(ENGLISH), shown(3), shown(4))),
    ]
    inputs = {
        "documents": dataset("given", "documents/1", *shards),
        "images": run_step(GivenImages(AnnotateImagesParams()), by_partition, root)["images"],
        "groups": dataset(
            "grouped", "image_groups/1", rows("image_groups/1", *((sha(n), sha(2), 12) for n in (2, 3)))
        ),
        "similarity": dataset(
            "compared", "image_text_scores/1",
            rows("image_text_scores/1", (0, 1, 0.5), (0, 2, 0.5), (1, 1, 0.5)),
            rows("image_text_scores/1", (0, 1, 0.5), (0, 2, 0.01)),
        ),
        "screenings": dataset("screened", "screenings/1", screenings({1: {"synthetic_declared": 1.0}})),
    }  # fmt: skip
    params = DecideParams(same_image=same_image, min_similarity=0.1)  # type: ignore[arg-type]
    found = run_step(DecideImagesStage(params), inputs, root)["documents"]
    store = open_store(root)
    kept = [ids(read(store, shard)) for shard in found.shards]
    if same_image == "bytes":
        assert kept == [[[1, 2]], [[3]]]
        assert found.counts.dropped == {"image_nsfw": 1}
    else:
        assert kept == [[[1]], []]
        assert found.counts.dropped == {"image_nsfw": 1, "too_few_images": 1}
    assert found.counts.rows_in == 3
    none = {**inputs, "similarity": dataset("skipped", "image_text_scores/1")}
    found = run_step(DecideImagesStage(DecideParams()), none, root)["documents"]
    assert [ids(read(store, shard)) for shard in found.shards] == [[[1, 2]], [[3, 4]]]
