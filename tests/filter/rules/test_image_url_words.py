import pytest

from components.filter.rules.image_url_words import ImageUrlWordsParams, image_url_words
from tests.filter.samples import image_facts


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://example.com/site-logo.png", False),
        ("https://avatars.example.com/u/7", False),
        ("https://xxx.example/a.jpg", False),
        ("https://example.com/LOGO.png", True),  # the published comparison is case-sensitive
        ("https://example.com/ridge.jpg", True),
        (None, True),
    ],
)
def test_published_words(url: str | None, wanted: bool) -> None:
    assert (image_url_words(image_facts(url), ImageUrlWordsParams()) is None) == wanted


def test_scope_and_word_are_told() -> None:
    params = ImageUrlWordsParams(image_url_scope="document")
    verdict = image_url_words(image_facts("https://example.com/porn.jpg"), params)
    assert verdict is not None
    assert verdict.scope == "document"
    assert "'porn'" in verdict.detail


def test_no_words_no_objection() -> None:
    assert image_url_words(image_facts("https://a/logo.png"), ImageUrlWordsParams(image_url_words=[])) is None
