import pytest
from pydantic import ValidationError

from components.filter.params import AnnotateParams, DecideParams, FilterParams
from components.filter.rules.c4 import C4Params
from components.filter.rules.fineweb import FineWebParams
from components.filter.rules.obelics_documents import ObelicsDocumentsParams
from components.filter.rules.obelics_paragraphs import ObelicsParagraphsParams


def test_defaults_are_the_published_numbers() -> None:
    decide = FilterParams().decide
    assert decide.language == ["en"]
    assert (decide.min_language_score, decide.min_words, decide.max_words) == (0.65, 20, 100_000)
    assert (decide.min_side, decide.max_side) == (150, 20_000)
    assert (decide.max_aspect_html, decide.max_aspect_pdf, decide.max_aspect_latex) == (2.0, 3.0, 3.0)
    assert (decide.min_images, decide.max_images) == (1, 30)
    assert decide.image_url_words == ["logo", "avatar", "porn", "xxx"]


def test_rules_of_other_papers_are_off() -> None:
    decide = DecideParams()
    for rule in (C4Params, FineWebParams, ObelicsParagraphsParams, ObelicsDocumentsParams):
        bounds = rule.model_fields.keys() - {"short_line_length", "min_tokens_for_punctuation"}
        assert {getattr(decide, name) for name in bounds} <= {None, False}
    assert (decide.max_top_2gram, decide.max_duplicate_10gram, decide.max_duplicate_lines) == (0.2, 0.1, 0.3)
    assert (decide.min_alphabetic_words, decide.min_stop_words, decide.max_symbol_share) == (0.8, 2, 0.1)
    assert (decide.max_uppercase_line, decide.min_line_words, decide.max_removed_words) == (0.5, 2, 0.05)


def test_annotations_know_no_threshold() -> None:
    """Otherwise a changed threshold would change the fingerprint of the annotate step."""
    assert not set(AnnotateParams.model_fields) & set(DecideParams.model_fields)
    assert not [name for name in AnnotateParams.model_fields if name.startswith(("min_", "max_"))]


@pytest.mark.parametrize(
    "values",
    [
        {"min_words": 50, "max_words": 40},
        {"min_mean_word_length": 11},
        {"min_side": 300, "max_side": 200},
        {"min_images": 5, "max_images": 4},
    ],
)
def test_bounds_that_nothing_passes_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="no document could pass"):
        DecideParams(**values)  # type: ignore[arg-type]


def test_unknown_parameter_is_refused() -> None:
    with pytest.raises(ValidationError):
        FilterParams.model_validate({"decide": {"min_word": 3}})


def test_round_trip_through_json() -> None:
    params = FilterParams(decide=DecideParams(language=["de", "fr"], min_words=5))
    assert FilterParams.model_validate_json(params.model_dump_json()) == params
