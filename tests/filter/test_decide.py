import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.runner import commit, publish, run_step, work
from components.core.stage import Output
from components.filter.annotate import AnnotateStage
from components.filter.decide import DecideStage
from components.filter.params import AnnotateParams, DecideParams, FilterParams
from components.filter.reasons import FilterReason
from tests.filter.samples import ENGLISH, GERMAN, document, documents, image, output, text, unit

PHOTO = "https://example.com/photo.jpg"
SHA = "ab" * 32


def decide(*docs, **params: object) -> tuple[pa.Table, Output]:
    annotated = output("annotate")
    AnnotateStage(AnnotateParams()).run(unit(documents(*docs)), annotated)
    out = output("decide")
    DecideStage(DecideParams(**params)).run(unit(annotated.tables["documents"][0]), out)  # type: ignore[arg-type]
    return pa.concat_tables(out.tables["documents"]), out


def lines(out: Output, action: str) -> list[tuple[str, str]]:
    return [(line["record_id"], line["reason"]) for line in out.ledger if line["action"] == action]


def urls(table: pa.Table) -> list[list[str]]:
    return [
        [item["url"] for item in items if item["kind"] == "image"]
        for items in table.column("items").to_pylist()
    ]


def test_good_document_is_kept_as_it_is() -> None:
    doc = document(0, text(ENGLISH), image(PHOTO, 640, 480))
    kept, out = decide(doc)
    assert kept.column("items").to_pylist() == documents(doc).column("items").to_pylist()
    assert out.ledger == []


@pytest.mark.parametrize(
    ("items", "reason", "score", "threshold"),
    [
        ([text("Too short."), image(PHOTO)], FilterReason.TOO_FEW_WORDS, 2, 20),
        ([text(GERMAN), image(PHOTO)], FilterReason.OTHER_LANGUAGE, None, None),
        ([text(ENGLISH)], FilterReason.TOO_FEW_IMAGES, 0, 1),
        (
            [text(ENGLISH), *(image(f"{PHOTO}?{i}", 640, 480) for i in range(31))],
            FilterReason.TOO_MANY_IMAGES,
            31,
            30,
        ),
    ],
)
def test_bad_document_is_dropped_with_its_reason(items, reason, score, threshold) -> None:
    kept, out = decide(document(7, *items, url="https://example.com/page"))
    assert kept.num_rows == 0
    (line,) = out.ledger
    assert (line["record_id"], line["reason"], line["action"]) == (f"{7:032x}", reason, "dropped")
    assert line["locator"] == "https://example.com/page"
    if score is not None:
        assert (line["score"], line["threshold"]) == (score, threshold)


def test_bad_images_are_taken_out_and_the_rest_stays_in_order() -> None:
    kept, out = decide(
        document(
            0,
            image("https://example.com/logo.png", 640, 480),
            text(ENGLISH),
            image(PHOTO, 640, 480),
            image("https://example.com/banner.gif", 728, 180),
            image("https://example.com/icon.gif", 16, 16),
            text("The end."),
            image("https://example.com/unfetched.jpg"),
        )
    )
    assert urls(kept) == [[PHOTO, "https://example.com/unfetched.jpg"]]
    assert [item["text"] for item in kept.column("items").to_pylist()[0]] == [ENGLISH, None, "The end.", None]
    assert lines(out, "changed") == [
        ("https://example.com/logo.png", "image_url_word"),
        ("https://example.com/banner.gif", "image_aspect"),
        ("https://example.com/icon.gif", "image_too_small"),
    ]
    assert {line["record_kind"] for line in out.ledger} == {"image"}
    assert out.counters == {"images_in": 5, "images_removed": 3}


def test_repeats_are_found_by_bytes_then_by_address() -> None:
    items = [
        text(ENGLISH),
        image(f"{PHOTO}?small", 640, 480, SHA),
        image(PHOTO, 640, 480, SHA),
        image("https://example.com/b.jpg"),
        image("https://example.com/b.jpg"),
        image(None, 640, 480),
        image(None, 640, 480),
    ]
    kept, out = decide(document(0, *items))
    assert urls(kept) == [[f"{PHOTO}?small", "https://example.com/b.jpg", None, None]]
    assert lines(out, "changed") == [(SHA, "image_repeated"), ("https://example.com/b.jpg", "image_repeated")]
    kept, out = decide(document(0, *items), drop_repeated_images=False)
    assert len(urls(kept)[0]) == 6
    assert out.ledger == []


def test_repeats_in_other_documents_stay() -> None:
    kept, _ = decide(*(document(n, text(ENGLISH), image(PHOTO, 640, 480, SHA)) for n in range(3)))
    assert urls(kept) == [[PHOTO]] * 3


def test_document_left_without_images_is_dropped_and_the_ledger_says_why() -> None:
    kept, out = decide(document(0, text(ENGLISH), image("https://a/logo.png")))
    assert kept.num_rows == 0
    assert lines(out, "changed") == [("https://a/logo.png", "image_url_word")]
    assert lines(out, "dropped") == [(f"{0:032x}", "too_few_images")]
    kept, _ = decide(document(0, text(ENGLISH), image("https://a/logo.png")), require_images=False)
    assert urls(kept) == [[]]


def test_url_word_can_drop_the_document() -> None:
    doc = document(0, text(ENGLISH), image(PHOTO, 640, 480), image("https://a/porn.jpg"))
    kept, out = decide(doc, image_url_scope="document")
    assert kept.num_rows == 0
    assert lines(out, "dropped") == [(f"{0:032x}", "image_url_word")]
    kept, _ = decide(doc)
    assert urls(kept) == [[PHOTO]]


def test_wide_figures_of_papers_stay() -> None:
    figure = image(None, 1100, 400, SHA)
    kept, _ = decide(*(document(n, text(ENGLISH), figure, source=s) for n, s in enumerate(["html", "pdf"])))
    assert kept.column("source").to_pylist() == ["pdf"]


def test_single_images_are_kept_where_no_words_are_asked_for() -> None:
    single = document(0, image(None, 640, 480, SHA), source="image")
    assert decide(single)[0].num_rows == 0
    assert decide(single, min_words=0)[0].num_rows == 1


def test_any_language() -> None:
    docs = [document(n, text(t), image(PHOTO)) for n, t in enumerate([ENGLISH, GERMAN])]
    assert decide(*docs, language=[])[0].num_rows == 2
    assert decide(*docs, language=["de"])[0].column("language").to_pylist() == ["de"]


def test_documents_without_scores_are_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="run the annotate step"):
        DecideStage(DecideParams()).run(unit(documents(document(0, text(ENGLISH)))), output("decide"))


IMAGES = st.builds(
    image,
    st.sampled_from([None, PHOTO, "https://a/logo.png", "https://a/b.jpg", "https://a/c.jpg"]),
    st.sampled_from([None, 1, 200, 640]),
    st.sampled_from([None, 200, 480]),
    st.sampled_from([None, SHA]),
)
DOCS = st.lists(
    st.lists(st.one_of(IMAGES, st.sampled_from([text(ENGLISH), text(GERMAN), text("Hm.")])), max_size=6),
    max_size=5,
)


@settings(max_examples=50, deadline=None)
@given(DOCS)
def test_every_document_and_image_is_accounted_for_and_a_second_pass_changes_nothing(shapes) -> None:
    docs = [document(n, *items) for n, items in enumerate(shapes)]
    kept, out = decide(*docs)
    dropped = [record for record, _ in lines(out, "dropped")]
    assert sorted(kept.column("id").to_pylist() + dropped) == sorted(d.id for d in docs)
    assert out.counters.get("images_removed", 0) == len(lines(out, "changed"))
    again = output("decide")
    DecideStage(DecideParams()).run(unit(kept), again)
    assert again.tables["documents"][0].equals(kept)
    assert again.ledger == []


def test_changed_threshold_reuses_the_annotations(tmp_path) -> None:
    root = tmp_path.as_uri()
    shards = [
        documents(document(n, text(ENGLISH), image(PHOTO)), document(n + 9, text("Short."))) for n in (0, 1)
    ]
    given = publish(
        "given", "documents", "documents/1", shards, [], Counts(rows_in=4, kept=4), root, params={}
    )
    kept = []
    for params in (
        FilterParams(),
        FilterParams(decide=DecideParams(min_words=1, language=[], require_images=False)),
    ):
        annotate = AnnotateStage(params.annotate)
        resumed = work(annotate, {"documents": given}, root)["resumed"]
        annotated = commit(annotate, {"documents": given}, root)["documents"]
        decided = run_step(DecideStage(params.decide), {"documents": annotated}, root)["documents"]
        kept.append((resumed, decided.rows, decided.counts.dropped))
    assert kept == [(0, 2, {"too_few_words": 2}), (2, 4, {})]
