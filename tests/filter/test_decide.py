import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.runner import commit, publish, run_step, work
from components.core.stage import Output
from components.filter.annotate import AnnotateStage
from components.filter.decide import DecideStage
from components.filter.params import DecideParams, FilterParams
from components.filter.reasons import FilterReason
from tests.filter.samples import ENGLISH, GERMAN, annotated, document, documents, image, output, text, unit

PHOTO = "https://example.com/photo.jpg"
SHA = "ab" * 32
EMPTY = schemas.get("item_scores/1").empty_table()


def decide(*docs, **params: object) -> tuple[pa.Table, Output]:
    out = output("decide")
    paragraphs = any("paragraph" in name for name in params)
    DecideStage(DecideParams(**params)).run(annotated(documents(*docs), paragraph_scores=paragraphs), out)  # type: ignore[arg-type]
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
        DecideStage(DecideParams()).run(unit(documents(document(0, text(ENGLISH))), EMPTY), output("decide"))


def test_scores_of_other_documents_are_a_configuration_error() -> None:
    one, two = (
        annotated(documents(*(document(n, text(ENGLISH)) for n in range(count)))).tables for count in (1, 2)
    )
    with pytest.raises(ConfigurationError, match="of other documents"):
        DecideStage(DecideParams()).run(unit(one["documents"], two["item_scores"]), output("decide"))


def test_rules_on_paragraphs_ask_for_their_scores() -> None:
    shard = annotated(documents(document(0, text(ENGLISH), image(PHOTO))))
    with pytest.raises(ConfigurationError, match="paragraph_scores=true"):
        DecideStage(DecideParams(min_paragraph_words=4)).run(shard, output("decide"))


def texts(table: pa.Table) -> list[list[str | None]]:
    return [[item["text"] for item in items] for items in table.column("items").to_pylist()]


def test_lines_are_taken_out_and_the_ledger_says_how_much() -> None:
    body = f"{ENGLISH}\n" * 4
    kept, out = decide(
        document(
            0, text("SHOP NOW FOR LESS"), text(f"{body}12 likes\nIt ends."), image(PHOTO), text("12345")
        ),
        document(1, text(ENGLISH), image(PHOTO)),
        max_duplicate_lines=None, max_duplicate_line_share=None, max_duplicate_paragraphs=None,
        max_top_2gram=None, max_top_3gram=None, max_top_4gram=None,
        **{f"max_duplicate_{n}gram": None for n in range(5, 11)},
    )  # fmt: skip
    assert texts(kept) == [[f"{body}It ends.", None], [ENGLISH, None]]
    found = [(line["record_id"], line["reason"], line["detail"]) for line in out.ledger]
    size = 17 + 4 * len(ENGLISH) + 8 + 8 + 5
    assert found == [
        (f"{0:032x}", "uppercase_line", f"1 lines, 17 of {size} characters"),
        (f"{0:032x}", "numeric_line", f"1 lines, 5 of {size} characters"),
        (f"{0:032x}", "counter_line", f"1 lines, 8 of {size} characters"),
    ]
    assert out.counters["lines_removed"] == 3


def test_citations_are_cut_out_of_lines() -> None:
    value = ENGLISH.replace("town,", "town[1],").replace("dawn.", "dawn.[edit]")
    kept, out = decide(document(0, text(value), image(PHOTO)), c4_remove_citations=True)
    assert texts(kept) == [[ENGLISH, None]]
    assert [(line["reason"], line["detail"]) for line in out.ledger] == [("citations", "9 characters")]
    kept, out = decide(document(0, text(value), image(PHOTO)))
    assert (texts(kept), out.ledger) == ([[value, None]], [])


def test_a_document_that_loses_much_is_dropped_whole_and_without_changed_lines() -> None:
    kept, out = decide(document(0, text(ENGLISH), text("MENU HOME SHOP ABOUT CONTACT"), image(PHOTO)))
    assert kept.num_rows == 0
    assert [(line["action"], line["reason"]) for line in out.ledger] == [("dropped", "too_much_removed")]


def test_paragraphs_are_taken_out_with_their_lines() -> None:
    kept, out = decide(
        document(0, text(ENGLISH), image(PHOTO), text("Not much.\nMore of it.")), min_paragraph_words=6
    )
    assert texts(kept) == [[ENGLISH, None]]
    assert [(line["reason"], line["detail"]) for line in out.ledger] == [
        ("paragraph_length", f"1 items, 20 of {len(ENGLISH) + 20} characters")
    ]


def test_latex_is_not_judged_for_its_prose() -> None:
    formulas = " ".join(f"x_{n} = {n}" for n in range(40))
    docs = [
        document(n, text(formulas), image(None, 640, 480), source=s) for n, s in enumerate(["html", "latex"])
    ]
    kept, _ = decide(*docs, language=[])
    assert kept.column("source").to_pylist() == ["latex"]
    assert decide(*docs, language=[], unfiltered_sources=[])[0].num_rows == 0


def test_personal_data_is_replaced_in_what_is_kept() -> None:
    value = f"{ENGLISH} Write to jane.doe@observatory.org."
    picture = image(PHOTO, 640, 480)
    picture.alt = "Photo by joe@observatory.org"
    kept, out = decide(document(0, text(value), picture), document(1, text("a@b.org")))
    assert "observatory.org" not in str(kept.column("items").to_pylist())
    assert [
        (line["record_id"], line["action"], line["reason"], line["detail"]) for line in out.ledger[1:]
    ] == [(f"{0:032x}", "changed", "email_replaced", "2 replaced")]
    kept, _ = decide(document(0, text(value), picture), emails=False)
    assert texts(kept)[0][0] == value


def test_bad_addresses_are_dropped() -> None:
    kept, out = decide(document(0, text(ENGLISH), image(PHOTO), url="https://www.pornhub.com/x"))
    assert kept.num_rows == 0
    assert lines(out, "dropped") == [(f"{0:032x}", "url_domain")]


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
def test_every_document_and_image_is_accounted_for(shapes) -> None:
    docs = [document(n, *items) for n, items in enumerate(shapes)]
    kept, out = decide(*docs)
    dropped = [record for record, _ in lines(out, "dropped")]
    assert sorted(kept.column("id").to_pylist() + dropped) == sorted(d.id for d in docs)
    of_images = [line for line in out.ledger if line["record_kind"] == "image"]
    assert out.counters.get("images_removed", 0) == len(of_images)


@settings(max_examples=50, deadline=None)
@given(DOCS)
def test_a_second_pass_changes_nothing_where_lines_stay(shapes) -> None:
    """Without line edits: a text that lost lines has other scores, and may well be dropped for them."""
    as_it_is: dict[str, object] = {"unfiltered_sources": ["html"]}
    kept, _ = decide(*(document(n, *items) for n, items in enumerate(shapes)), **as_it_is)
    again = output("decide")
    DecideStage(DecideParams(**as_it_is)).run(annotated(kept), again)  # type: ignore[arg-type]
    assert again.tables["documents"][0].drop_columns("scores").equals(kept.drop_columns("scores"))
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
        FilterParams(
            decide=DecideParams(min_words=1, language=[], unfiltered_sources=["html"], require_images=False)
        ),
    ):
        annotate = AnnotateStage(params.annotate)
        resumed = work(annotate, {"documents": given}, root)["resumed"]
        scored = commit(annotate, {"documents": given}, root)
        decided = run_step(DecideStage(params.decide), scored, root)["documents"]
        kept.append((resumed, decided.rows, decided.counts.dropped))
    assert kept == [(0, 2, {"too_few_words": 2}), (2, 4, {})]
