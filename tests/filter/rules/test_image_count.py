import pytest

from components.filter.reasons import FilterReason
from components.filter.rules.image_count import ImageCountParams, image_count
from tests.filter.samples import document_facts


@pytest.mark.parametrize(
    ("source", "images", "reason"),
    [
        ("html", 0, FilterReason.TOO_FEW_IMAGES),
        ("html", 1, None),
        ("html", 30, None),
        ("html", 31, FilterReason.TOO_MANY_IMAGES),
        ("pdf", 0, FilterReason.TOO_FEW_IMAGES),
        ("pdf", 31, None),
        ("latex", 200, None),
    ],
)
def test_published_bounds_are_for_html(source: str, images: int, reason: FilterReason | None) -> None:
    verdict = image_count(document_facts(source), images, ImageCountParams())
    assert (verdict.reason if verdict else None) == reason


def test_text_only_documents_can_be_kept() -> None:
    assert image_count(document_facts("html"), 0, ImageCountParams(require_images=False)) is None


def test_min_images_counts_for_html_only() -> None:
    params = ImageCountParams(min_images=3)
    assert image_count(document_facts("html"), 2, params) is not None
    assert image_count(document_facts("pdf"), 2, params) is None
