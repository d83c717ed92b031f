from operator import attrgetter

from components.core.columns import flat_items
from components.filter.image_items import ImageItem, by_rules, image_items, judge_images
from components.filter.params import DecideParams
from components.filter.reasons import FilterReason
from components.filter.rules.base import ImageFacts, Verdict
from tests.filter.samples import document, documents, image, output, text


def items(*urls: str) -> list[ImageItem]:
    return [ImageItem(n, None, ImageFacts("html", url, None, None)) for n, url in enumerate(urls)]


def test_items_know_their_document_their_position_and_their_key() -> None:
    table = documents(
        document(0, text("Hm."), image("https://x/a.jpg", 3, 4)),
        document(1),
        document(2, image(None, image_id="ab"), text("Hm."), image(None), source="pdf"),
    )
    found = image_items(*flat_items(table), table.column("source").to_pylist())
    assert [[(i.position, i.key, i.facts.source) for i in row] for row in found] == [
        [(1, "https://x/a.jpg", "html")],
        [],
        [(2, "ab", "pdf"), (4, None, "pdf")],
    ]
    assert (found[0][0].facts.width, found[0][0].facts.height) == (3, 4)


def test_an_objection_to_the_whole_document_ends_the_judging_and_keeps_the_lines_before() -> None:
    def objection(item: ImageItem) -> Verdict | None:
        word = item.facts.url or ""
        scope = "document" if "whole" in word else "image"
        return Verdict(FilterReason.IMAGE_URL_WORD, scope=scope) if word else None  # type: ignore[arg-type]

    out = output("decide")
    verdict, removed = judge_images(items("", "bad", "whole", "bad"), objection, None, "doc", "here", out)
    assert verdict is not None
    assert (verdict.scope, removed) == ("document", [1])
    assert [(line["record_id"], line["locator"]) for line in out.ledger] == [("bad", "bad")]
    assert out.counters == {"images_in": 4, "images_removed": 1}


def test_an_image_that_was_taken_out_is_not_what_a_later_one_repeats() -> None:
    first = iter([Verdict(FilterReason.IMAGE_ASPECT), None, None])
    out = output("decide")
    _, removed = judge_images(items("a", "a", "a"), lambda _: next(first), attrgetter("key"), "doc", "", out)
    assert removed == [0, 2]
    assert [line["reason"] for line in out.ledger] == ["image_aspect", "image_repeated"]


def test_rules_after_the_first_objection_are_not_asked() -> None:
    asked = []

    def rule(name: str, answer: Verdict | None):
        return lambda facts, params: asked.append(name) or answer

    no = Verdict(FilterReason.IMAGE_ASPECT)
    judge = by_rules([rule("a", None), rule("b", no), rule("c", no)], DecideParams())
    assert judge(items("x")[0]) == no
    assert asked == ["a", "b"]
