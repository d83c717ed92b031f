"""What of the similarity step needs no model; `test_similarity_model.py` runs one."""

import sys

import pyarrow as pa
import pytest

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.records import table
from components.core.runner import publish, run_step
from components.core.stage import Unit
from components.filter.params import SimilarityParams
from components.filter.similarity import SimilarityStage, texts_of
from tests.filter.pictures import PHOTOGRAPHS, record
from tests.filter.samples import document, documents, image, output, text

PHOTO = record(PHOTOGRAPHS[0].read_bytes())


def texts(*items: object, position: int, context: int = 20) -> list[str]:
    (row,) = documents(document(0, *items)).column("items").to_pylist()  # type: ignore[arg-type]
    return texts_of(row, position, context)


def test_texts_are_alt_caption_and_the_nearest_before_and_after() -> None:
    picture = image("https://x/a.jpg")
    picture.alt, picture.caption = "  a  dome\n", "The dome at night"
    items = [
        text("Far away."), text("before the gallery"), image("https://x/b.jpg"), picture,
        image("https://x/c.jpg"), text("after it"), text("Far away too."),
    ]  # fmt: skip
    assert texts(*items, position=3) == ["a dome", "The dome at night", "before the gallery", "after it"]
    assert texts(*items, position=3, context=0) == ["a dome", "The dome at night"]


def test_long_texts_are_cut_between_words_at_the_side_of_the_image() -> None:
    items = [text("one two three four five"), image("https://x/a.jpg"), text("six seven eight nine ten")]
    assert texts(*items, position=1, context=14) == ["four five", "six seven"]
    assert texts(*items, position=1, context=15) == ["three four five", "six seven eight"]
    assert texts(*items, position=1, context=100) == ["one two three four five", "six seven eight nine ten"]
    unspaced = [text("天文台建在城外的山脊上"), image("https://x/a.jpg"), text("圆顶一直开到天亮")]
    assert texts(*unspaced, position=1, context=3) == ["山脊上", "圆顶一"]


def test_no_text_twice_and_none_that_is_empty() -> None:
    picture = image("https://x/a.jpg")
    picture.alt, picture.caption = "dome", " dome "
    assert texts(text("dome"), picture, position=1) == ["dome"]
    assert texts(image("https://x/a.jpg"), position=0) == []


def test_without_a_model_no_unit_is_run_and_the_output_is_empty(tmp_path) -> None:
    root = tmp_path.as_uri()

    def dataset(step: str, schema: str, given: pa.Table):
        counts = Counts(rows_in=given.num_rows, kept=given.num_rows)
        return publish(step, step, schema, [given], [], counts, root, params={})

    inputs = {
        "documents": dataset("given", "documents/1", documents(document(0, text("A dome."), image(None)))),
        "images": dataset("found", "images/1", table([PHOTO], "images/1")),
    }
    stage = SimilarityStage(SimilarityParams())
    assert not stage.enabled
    assert SimilarityStage(SimilarityParams(model="google/siglip2-base-patch16-224")).enabled
    found = run_step(stage, inputs, root)["scores"]
    assert (found.schema_name, found.shards, found.rows) == ("image_text_scores/1", [], 0)


def test_missing_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    shown = documents(document(0, text("A dome."), image(None, image_id=PHOTO.id)))
    tables = {
        "documents": shown,
        "images": table([PHOTO], "images/1").select(SimilarityStage.columns["images"]),
    }
    stage = SimilarityStage(SimilarityParams(model="anything"))
    with pytest.raises(ConfigurationError, match=r"pip install kalemint\[torch\].*similarity\.model"):
        stage.run(Unit(0, tables, None), output("similarity"))  # type: ignore[arg-type]


def test_nothing_to_compare_loads_no_model() -> None:
    shown = documents(
        document(0, text("A dome."), image("https://x/a.jpg")), document(1, image(None, image_id=PHOTO.id))
    )
    stage = SimilarityStage(SimilarityParams(model="no such model"))
    assert stage.lookup("images", shown) == {PHOTO.id}
    tables = {"documents": shown, "images": table([PHOTO], "images/1").select(stage.columns["images"])}
    out = output("similarity")
    stage.run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    assert out.tables == {}
    assert out.counters == {"images_not_stored": 1, "images_without_text": 1}
    assert schemas.get("image_text_scores/1").names == ["row", "item", "similarity"]
